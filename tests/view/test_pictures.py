"""The pictures of README are what ``make pictures`` makes of the code as it is."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from a1d.view.curve_svg import curve_svg
from a1d.view.curves import Curve, checked
from a1d.view.text import fit
from tests.frame_svg import frame_svg
from tests.pictures import DOCS, pictures
from tests.view.test_frame import CURVE

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", ["view.svg", "curve.svg"])
def test_the_pictures_are_those_of_the_code(name: str) -> None:
    assert pictures()[name] == (DOCS / name).read_text(encoding="utf-8"), "run 'make pictures', and look at them"


def drawn(**changes: Any) -> ET.Element:
    curve = Curve(checked({"curves": [{**CURVE, **changes}]})[0])
    return ET.fromstring(curve_svg([curve], [(62.5, 72)]))


def corners(line: ET.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.attrib["points"].split())]


def test_a_curve_has_its_points_hysteresis_and_what_the_fan_does_now() -> None:
    root = drawn(hysteresis_celsius=3)
    assert [title.text for title in root.iter(f"{SVG}title")] == ["50 C: 10 %", "70 C: 100 %"]
    falling, rising = root.iter(f"{SVG}polyline")
    per_celsius = (corners(rising)[-1][0] - corners(rising)[0][0]) / (85 - 40)
    first_rise = next(x for x, y in corners(rising) if y < 260)
    first_fall = next(x for x, y in corners(falling) if y < 260)
    assert first_rise - first_fall == pytest.approx(3 * per_celsius, abs=0.2)
    text = "".join(root.itertext())
    assert "falling, 3 C lower" in text and "now, 62.5 C 72 %" in text
    assert "falling" not in "".join(drawn().itertext()), "an older daemon does not say the hysteresis"


def test_a_step_is_drawn_as_a_step() -> None:
    [rising] = drawn(duties_percent=[0] * 30 + [10] * 20 + [100] * 31).iter(f"{SVG}polyline")
    assert all(x1 == x2 or y1 == y2 for (x1, y1), (x2, y2) in zip(corners(rising), corners(rising)[1:], strict=False))


def test_a_hostile_name_is_text() -> None:
    root = drawn(sensor="</text><script>\x00&\x1b")
    assert not list(root.iter(f"{SVG}script")) and "</text><script>\\x00&\\x1b" in "".join(root.itertext())
    ET.fromstring(frame_svg([fit([("", "<&>\u4e2d\u2588\u2584")], 20)], 20))
