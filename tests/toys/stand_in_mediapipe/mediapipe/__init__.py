"""A stand-in for MediaPipe 0.10: the real package prints on import and while it runs."""

print("noise on stdout")
