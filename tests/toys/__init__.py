"""Toy data and references that several test modules share."""
