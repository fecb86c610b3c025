"""Charts made of characters: an area, a column for each value. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
ASCII_BLOCKS = " .:#"
LABEL_WIDTH = 4  # "100" and a space


def area(values: Sequence[float | None], rows: int, low: float, high: float, *, unicode: bool) -> list[str]:
    """``rows`` texts of ``len(values)`` characters, the top one first.

    What is at ``low`` or below still shows, as the lowest mark; None shows nothing.
    """
    blocks = BLOCKS if unicode else ASCII_BLOCKS
    full = len(blocks) - 1
    heights = [
        0 if value is None else max(1, min(rows * full, round((value - low) / (high - low) * rows * full)))
        for value in values
    ]
    return [
        "".join(blocks[max(0, min(full, height - row * full))] for height in heights) for row in range(rows - 1, -1, -1)
    ]


def row_of(value: float, rows: int, low: float, high: float) -> int:
    """The row, 0 for the top one, in which an area of that height ends."""
    from_below = round((value - low) / (high - low) * rows + 0.499) - 1
    return rows - 1 - max(0, min(rows - 1, from_below))


def label(row: int, rows: int, low: float, high: float) -> str:
    """What stands before a row: ``high`` at the top, ``low`` at the bottom, the middle if there is room for it."""
    if row == 0:
        text = f"{high:.0f}"
    elif row == rows - 1:
        text = f"{low:.0f}"
    elif rows >= 5 and row == rows // 2 and rows % 2:
        text = f"{(low + high) / 2:.0f}"
    else:
        text = ""
    return f"{text:>{LABEL_WIDTH - 1}} "


def temperature_range(values: Sequence[float | None]) -> tuple[float, float]:
    """Two tens with all of ``values`` between them, 20 degrees apart or more, so that noise does not look like heat."""
    known = [value for value in values if value is not None]
    low = min(known, default=40.0)
    high = max(known, default=low)
    low_ten, high_ten = (low - 1) // 10 * 10, -((-high - 1) // 10) * 10
    return low_ten, max(high_ten, low_ten + 20)
