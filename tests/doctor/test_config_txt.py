"""What the doctor takes from config.txt; and that it and enable-i2c.sh read it alike."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a1d.doctor.config_txt import i2c, is_on, last, lines_of, overlays, parse
from tests.install.test_enable_i2c import OFF, ON, PI_4, PI_5

SCRIPT = Path(__file__).parents[2] / "systemd/enable-i2c.sh"


def switches_on(text: str, model: str = PI_5) -> bool:
    return is_on(i2c(parse(text, model)))


@pytest.mark.parametrize("name", ON)
def test_on(name: str) -> None:
    assert switches_on(ON[name])


@pytest.mark.parametrize("name", OFF)
def test_off(name: str) -> None:
    assert not switches_on(OFF[name])


def by_the_script(texts: list[str], tmp_path: Path, sections: str) -> list[bool]:
    """What its own function says of each text, in one shell."""
    found = re.search(r"^enables_i2c\(\) \{.*?^\}", SCRIPT.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    script = f"sections() {{ echo {sections}; }}\n{found[0]}\n"
    for number, text in enumerate(texts):
        (tmp_path / str(number)).write_bytes(text.encode())
        script += f"if enables_i2c {tmp_path / str(number)}; then echo on; else echo off; fi\n"
    done = subprocess.run(["sh"], input=script, stdout=subprocess.PIPE, text=True, check=True)
    return [word == "on" for word in done.stdout.split()]


LINES = st.sampled_from(
    [
        *("[all]", "[pi5]", "[pi4]", "[none]", "[EDID=A-B]", "[cm5]", "[pi5", " [all] ", "", "#dtparam=i2c_arm=on"),
        *("dtparam=i2c_arm=on", "dtparam=i2c=off", "dtparam=i2c1", "dtparam=spi=on,i2c_arm=on", "dtparam=i2c_arm=ON"),
        *("device_tree_param=i2c=1", "dtparam=i2c_arm=off\r", "  dtparam=i2c_arm=yes\t", "dtparam= i2c=on", "dtparam"),
        *("dtparam=i2c_arm==on", "dtoverlay=w1-gpio", "dtparam=i2c_arm_baudrate=1", "dtparam=i2c_arm=okay,i2c=no"),
    ]
)


@settings(max_examples=4)
@given(st.lists(st.lists(LINES, max_size=8).map("\n".join), min_size=25, max_size=25))
def test_it_agrees_with_the_script(tmp_path: Path, texts: list[str]) -> None:
    for model, sections in ((PI_5, "pi5"), (PI_4, "pi4"), ("Raspberry Pi 500 Rev 1.0", "pi5 pi500")):
        assert [switches_on(text, model) for text in texts] == by_the_script(texts, tmp_path, sections)


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    for overlay in overlays(parse(text, PI_5)):
        lines_of(overlay)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("dtoverlay=w1-gpio", {4}),
        ("dtoverlay=w1-gpio,gpiopin=17", {17}),
        ("dtoverlay=w1-gpio\ndtparam=gpiopin=22", {22}),
        ("dtoverlay=w1-gpio\ndtoverlay=\ndtparam=gpiopin=22", {4}),
        ("dtoverlay=dht11", {4}),
        ("dtoverlay=rotary-encoder,pin_b=5", {4, 5}),
        ("dtoverlay=uart2-pi5", {4}),
        ("dtoverlay=gpio-key,gpio=4,keycode=116", {4}),
        ("dtoverlay=gpio-shutdown,gpio_pin=4,gpio_pull=up", {4}),
        ("dtoverlay=gpio-ir,gpio_pin=18", {18}),
        ("dtoverlay=spi0-2cs,cs0_pin=4", {4}),
        ("dtoverlay=vc4-kms-v3d,cma-512", set()),
        ("dtoverlay=i2c-rtc,ds3231,wakeup-source", set()),
        ("dtoverlay=gpio-key,debounce=4", set()),
        ("[pi4]\ndtoverlay=w1-gpio", set()),
        ("#dtoverlay=w1-gpio", set()),
    ],
)
def test_the_lines_of_overlays(text: str, lines: set[int]) -> None:
    assert set[int]().union(*map(lines_of, overlays(parse(text, PI_5)))) == lines


def test_the_last_one_counts_and_its_line_is_known() -> None:
    setting = last(parse("dtparam=uart0=off\n\n[pi4]\ndtparam=uart0=off\n[all]\ndtparam=uart0=on\n", PI_5), "uart0")
    assert setting is not None
    assert (setting.line, is_on(setting)) == (6, True)
