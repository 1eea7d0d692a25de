"""Readers of untrusted pickles and tensor files, and the limits on the memory they take."""
