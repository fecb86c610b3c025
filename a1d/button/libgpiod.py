"""libgpiod's Python module, version 2: the usual one, else the one that the package a1d-gpiod brings.

Debian 12 has libgpiod 1.6 under the same name, or nothing. ImportError if there is no version 2.
"""

from __future__ import annotations

import sys

PRIVATE_PATH = "/usr/lib/a1d-gpiod"

try:
    from gpiod.line import Bias, Direction, Edge
except ImportError:
    sys.modules.pop("gpiod", None)
    sys.path.insert(0, PRIVATE_PATH)
    try:
        from gpiod.line import Bias, Direction, Edge
    finally:
        sys.path.remove(PRIVATE_PATH)
import gpiod  # noqa: E402

__all__ = ["Bias", "Direction", "Edge", "gpiod"]
