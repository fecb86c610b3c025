"""Fan and power daemon for the ARGON ONE V3 case of a Raspberry Pi 5."""

__version__ = "0.1.0"
