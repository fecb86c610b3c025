"""Durations as people write them, such as ``1h30m``, and times of day. a1d/config/parse_duration.py reads them."""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """Text that ``parse_duration_s`` reads back, to the millisecond: ``1m30s``, ``500ms``, ``100.5s``."""
    whole_ms = round(seconds * 1000)
    if whole_ms % 1000:
        return f"{whole_ms}ms" if whole_ms < 1000 else f"{whole_ms / 1000:.3f}".rstrip("0") + "s"
    left = whole_ms // 1000
    text = ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            text += f"{count}{unit}"
    return text or "0s"


def format_span(seconds: float) -> str:
    """A time that has passed or is left, the coarser the longer: ``15 s``, ``5m20s``, ``3h7m``, ``2d4h``."""
    step_s = 1 if seconds < 3600 else 60 if seconds < 86400 else 3600
    whole_s = round(seconds) // step_s * step_s
    return f"{whole_s} s" if whole_s < 60 else format_duration(whole_s)


def format_minute(minute: int) -> str:
    """A minute of the day, 0..1439, as ``07:05``."""
    return f"{minute // 60:02}:{minute % 60:02}"
