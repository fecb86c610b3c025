"""What both pictures need of SVG. Pure."""

from __future__ import annotations

FONT = "DejaVu Sans Mono, Menlo, Consolas, monospace"


def escaped(text: str) -> str:
    """Printable ``text`` as it may stand in a picture."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def number(value: float) -> str:
    """A coordinate, short, and the same on every machine."""
    return f"{value:.1f}".removesuffix(".0")


def picture(width: float, height: float, background: str, body: list[str], size: int) -> str:
    """A whole SVG file; ``size`` is that of its font."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
            f'width="{number(width)}" height="{number(height)}" font-family="{FONT}" font-size="{size}">',
            f'<rect width="100%" height="100%" rx="6" fill="{background}"/>',
            *body,
            "</svg>",
            "",
        ]
    )
