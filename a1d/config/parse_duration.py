"""Reads durations as people write them: ``10s``, ``15m``, ``1h30m``, ``500ms``, or a plain number of seconds."""

from __future__ import annotations

import math
import re

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h|d)\s*", re.ASCII)
_PLAIN = re.compile(r"\d{1,12}(?:\.\d{1,6})?", re.ASCII)


def parse_duration_s(value: object) -> float:
    """Seconds from a number of seconds or a text such as ``15m``; ValueError for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12:
        return float(value)
    if isinstance(value, str):
        text = value.strip().lower()
        if _PLAIN.fullmatch(text):
            return float(text)
        parts = list(_PART.finditer(text))
        if parts and "".join(part[0] for part in parts) == text:
            return math.fsum(float(part[1]) * _UNIT_S[part[2]] for part in parts)
    raise ValueError(f"{str(value)[:40]!r} is not a duration such as 10s, 15m or 1h30m")
