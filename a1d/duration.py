"""Durations as people write them: ``10s``, ``15m``, ``1h30m``, ``500ms``, or a plain number of seconds."""

from __future__ import annotations

import math
import re

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)", re.ASCII)
_PLAIN = re.compile(r"\d{1,12}(?:\.\d{1,6})?", re.ASCII)


def parse_duration_s(value: object) -> float:
    """Seconds from a number of seconds or a text such as ``15m``; ValueError for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str):
        text = value.strip().lower().replace(" ", "")
        parts = _PART.findall(text)
        if text and "".join(number + unit for number, unit in parts) == text:
            seconds = math.fsum(float(number) * _UNIT_S[unit] for number, unit in parts)
        elif _PLAIN.fullmatch(text):
            seconds = float(text)
        else:
            raise ValueError(f"{value!r} is not a duration such as 10s, 15m or 1h30m")
    else:
        raise ValueError(f"{value!r} is not a duration such as 10s, 15m or 1h30m")
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{value!r} is not a length of time")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest exact text that ``parse_duration_s`` reads back, down to a millisecond."""
    whole_ms = round(seconds * 1000)
    if whole_ms % 1000:
        return (
            f"{whole_ms}ms" if whole_ms < 1000 else f"{whole_ms / 1000:g}s" if whole_ms < 100_000 else f"{whole_ms}ms"
        )
    left = whole_ms // 1000
    text = ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            text += f"{count}{unit}"
    return text or "0s"
