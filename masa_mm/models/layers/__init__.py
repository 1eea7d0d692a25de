"""Layers of the encoder and the decoder."""
