"""Curves as a picture: rising, falling with hysteresis, the points, critical, and what the fan does now. Pure."""

from __future__ import annotations

from a1d.client import words
from a1d.view.curves import Curve
from a1d.view.svg import escaped, number, picture

_WIDTH, _HEIGHT = 640.0, 300.0  # of one curve
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 16.0, 34.0, 40.0
_INK, _GREY, _GRID, _LINE, _RED, _NOW = "#1f2328", "#59636e", "#e4e7eb", "#0969da", "#cf222e", "#8250df"


def curve_svg(curves: list[Curve], now: list[tuple[float, float] | None]) -> str:
    """A whole SVG file; ``now`` is (temp_celsius, duty_percent) for each curve, None where it is not known."""
    body: list[str] = []
    for index, (curve, point) in enumerate(zip(curves, now, strict=True)):
        body += [f'<g transform="translate(0 {number(index * _HEIGHT)})">', *_Plot(curve).draw(point), "</g>"]
    return picture(_WIDTH, _HEIGHT * max(1, len(curves)), "#ffffff", body, 12)


class _Plot:
    def __init__(self, curve: Curve) -> None:
        self._curve = curve
        self._low, self._high = curve.range_celsius()

    def draw(self, now: tuple[float, float] | None) -> list[str]:
        """Axes first, so that the curve lies above them."""
        curve = self._curve
        name = escaped(words.printable(curve.sensor[:40]))
        falls = curve.hysteresis_celsius or 0.0
        out = [f'<text x="{number(_LEFT)}" y="20" fill="{_INK}" font-weight="bold">fan % at C, {name}</text>']
        out += self._axes()
        if curve.target_celsius is not None:
            x = self._x(max(self._low, min(self._high, curve.target_celsius)))
            line = f'<path d="M{x} {number(_TOP)}V{self._y(0)}" stroke="{_LINE}" stroke-width="2.5"/>'
            return [*out, line, *self._legend([(_LINE, f"\u2503 held, {curve.target_celsius:g} C")], now)]
        rising = self._path(curve.outline())
        if falls > 0:
            falling = self._path([(temp - falls, duty) for temp, duty in curve.outline()])
            out.append(f'<polyline points="{falling}" fill="none" stroke="{_LINE}" stroke-dasharray="4 4"/>')
        out.append(f'<polyline points="{rising}" fill="none" stroke="{_LINE}" stroke-width="2.5"/>')
        for temp, duty in curve.points:
            if self._low <= temp <= self._high:
                title = f"<title>{temp:g} C: {duty:g} %</title>"
                out.append(f'<circle cx="{self._x(temp)}" cy="{self._y(duty)}" r="4" fill="{_LINE}">{title}</circle>')
        parts = [(_LINE, "\u2501 rising")]
        if falls > 0:
            parts.append((_LINE, f"\u2505 falling, {falls:g} C lower"))
        return [*out, *self._legend(parts, now)]

    def _axes(self) -> list[str]:
        out = []
        for duty in range(0, 101, 20):
            y = self._y(duty)
            out.append(f'<path d="M{number(_LEFT)} {y}H{number(_WIDTH - _RIGHT)}" stroke="{_GRID}"/>')
            text = f'x="{number(_LEFT - 8)}" y="{y}" dy="4" text-anchor="end" fill="{_GREY}"'
            out.append(f"<text {text}>{duty}</text>")
        for temp in range(int(self._low), int(self._high) + 1, 5):
            x = self._x(temp)
            out.append(f'<path d="M{x} {number(_TOP)}V{self._y(0)}" stroke="{_GRID}"/>')
            text = f'x="{x}" y="{number(_HEIGHT - _BOTTOM + 16)}" text-anchor="middle" fill="{_GREY}"'
            out.append(f"<text {text}>{temp}</text>")
        critical = self._curve.critical_celsius
        if self._low <= critical <= self._high:
            x = self._x(critical)
            out.append(f'<path d="M{x} {number(_TOP)}V{self._y(0)}" stroke="{_RED}" stroke-dasharray="2 3"/>')
        return out

    def _legend(self, parts: list[tuple[str, str]], now: tuple[float, float] | None) -> list[str]:
        parts = [*parts, (_RED, f"\u2506 critical, {self._curve.critical_celsius:g} C")]
        out = []
        if now is not None:
            temp, duty = max(self._low, min(self._high, now[0])), now[1]
            ring = f'r="5" fill="{_NOW}" stroke="#ffffff" stroke-width="1.5"'
            out.append(f'<circle cx="{self._x(temp)}" cy="{self._y(duty)}" {ring}/>')
            parts.append((_NOW, f"\u25cf now, {now[0]:.1f} C {now[1]:g} %"))
        spans = "".join(
            f'<tspan dx="{18 * bool(i)}" fill="{ink}">{text}</tspan>' for i, (ink, text) in enumerate(parts)
        )
        return [*out, f'<text x="{number(_LEFT)}" y="{number(_HEIGHT - 8)}">{spans}</text>']

    def _path(self, corners: list[tuple[float, float]]) -> str:
        """Inside the range; corners on a straight line are left out."""
        inside = [(max(temp, self._low), duty) for temp, duty in corners if temp <= self._high]
        inside = [(self._low, self._duty_left(corners)), *(c for c in inside if c[0] > self._low)]
        if corners[-1][0] < self._high:
            inside.append((self._high, corners[-1][1]))
        kept: list[tuple[float, float]] = []
        for corner in inside:
            if len(kept) >= 2 and _on_a_line(kept[-2], kept[-1], corner):
                kept.pop()
            kept.append(corner)
        return " ".join(f"{self._x(temp)},{self._y(duty)}" for temp, duty in kept)

    def _duty_left(self, corners: list[tuple[float, float]]) -> float:
        """At the left edge."""
        return next((duty for temp, duty in reversed(corners) if temp <= self._low), corners[0][1])

    def _x(self, temp_celsius: float) -> str:
        share = (temp_celsius - self._low) / (self._high - self._low)
        return number(_LEFT + share * (_WIDTH - _LEFT - _RIGHT))

    def _y(self, duty_percent: float) -> str:
        return number(_HEIGHT - _BOTTOM - duty_percent / 100 * (_HEIGHT - _BOTTOM - _TOP))


def _on_a_line(one: tuple[float, float], two: tuple[float, float], three: tuple[float, float]) -> bool:
    (x1, y1), (x2, y2), (x3, y3) = one, two, three
    return abs((x2 - x1) * (y3 - y1) - (x3 - x1) * (y2 - y1)) < 1e-9
