"""A simulated ARGON ONE V3 with a Raspberry Pi 5 in it, on which the whole of a1d runs without hardware."""
