"""What runs before training: conversion, extraction, audit and demo data."""
