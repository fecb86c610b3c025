"""What is still known of the case when the configuration cannot be read, and what the daemon makes of it."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.case.stop_program import read_stop_settings
from a1d.case.stop_settings import StopSettings, write_stop_settings
from a1d.config.bounded import SIZE_MAX, read_bounded
from a1d.config.guess import CaseGuess, guess_case
from a1d.config.printer import print_config
from a1d.config.reader import parse_config, read_config
from a1d.config.settings import CaseConfig, Config
from a1d.errors import ConfigError
from a1d.fallback import config_after_error
from tests.virtual import VirtualRig

MakeRig = Callable[..., VirtualRig]
LEGACY = "case:\n  protocol: legacy\n  bus: 3\n"
NOTHING = CaseGuess(None, None)


# -- a file with a mistake -------------------------------------------------------------------------

SLIPS: dict[str, str | bytes] = {
    "unknown key, block": LEGACY + "fan:\n  hodl: 5s\n",
    "unknown key, flow": "case: {bus: 3, protocol: 'legacy'}\nfan: {hodl: 5s}\n",
    "unknown key, JSON": '{"case": {"protocol": "legacy", "bus": 3}, "fan": {"hodl": "5s"}}',
    "value on the next line": "case:\n  protocol:\n    legacy\n  bus: 3\nfan: {hodl: 5s\n",
    "value after a comment": "case:\n  protocol: # an old one\n    legacy\n  bus: 3\nfan: {hodl: 5s\n",
    "block scalar": "case:\n  protocol: >-\n    legacy\n  bus: 3\nfan: {hodl: 5s}\n",
    "not YAML": "fan: {hodl: 5s\ncase:\n  protocol: legacy # no closing brace\n  bus: 3\n",
    "old line ends": "case:\r  # an old case\r  protocol: legacy\r  bus: 3\rfan: {hodl: 5s\r",
    "twice": LEGACY + "  protocol: legacy\n",
    "tag": "case: {protocol: !!str legacy, bus: 3}\n",
    "anchor": "case: {protocol: &old legacy, bus: 3}\n",
    "typing error in the value": LEGACY.replace("legacy", "legacey"),
    "both protocols": LEGACY + "case:\n  protocol: register\n",
    "Latin-1": b"# quiet below 60 \xb0C\n" + LEGACY.encode(),
    "UTF-16": LEGACY.encode("utf-16"),
    "too long": LEGACY + "#" * SIZE_MAX,
    "Protocol": LEGACY.replace("protocol", "Protocol"),
    "Case": LEGACY.replace("case", "Case"),
    "cases": LEGACY.replace("case", "cases"),
    "nested under button": "button:\n  case:\n    protocol: legacy\n    bus: 3\n",
}


def check_old_case(rig: VirtualRig) -> None:
    """The daemon drives an old case, speaks nothing but its protocol, and stop.json says so too."""
    rig.case.fixed_celsius = 72.0
    rig.run(5)
    assert rig.case.mcu.forbidden == []
    assert {transfer.register for transfer in rig.case.mcu.transfers} == {None}
    assert rig.fan_percent == 100
    assert rig.daemon.health.state == "degraded"
    left = read_stop_settings(str(rig.run_dir), "/nonexistent")
    assert (left.protocol, left.bus) == ("legacy", 3)


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_does_not_make_a1d_speak_the_wrong_protocol_to_an_old_case(
    make_rig: MakeRig, tmp_path: Path, name: str
) -> None:
    """L1: a register read can hang an old case until it is unplugged, and nothing can ask which one it is."""
    path, text = tmp_path / "config.yaml", SLIPS[name]
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    check_old_case(make_rig(lambda: read_config(str(path)), legacy=True))


@pytest.mark.parametrize(
    "text", [None, "fan: {hold: soon}\n", "x" * 2 * SIZE_MAX, "case: {protocol: register}\nx: 1\n"]
)
def test_a_file_that_does_not_name_the_old_case_leaves_what_stop_json_knew(
    make_rig: MakeRig, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "config.yaml"
    if text is None:
        path.mkdir()  # what cannot be read even by root
    else:
        path.write_text(text)
    (tmp_path / "run").mkdir()
    write_stop_settings(str(tmp_path / "run"), StopSettings("legacy", bus=3, timeout_s=0.5, on_stop=70))
    rig = make_rig(lambda: read_config(str(path)), legacy=True)
    check_old_case(rig)
    left = read_stop_settings(str(rig.run_dir), "/nonexistent")
    assert left == StopSettings("legacy", bus=3, timeout_s=0.5, failsafe_percent=100, on_stop=70)


@pytest.mark.parametrize(
    "text", ["# protocol: legacy\nfan: {hodl: 5s}", "button: {hold: [say, 'protocol: legacy']}\nx: 1"]
)
def test_what_only_looks_like_the_other_protocol_changes_nothing(make_rig: MakeRig, text: str) -> None:
    rig = make_rig(lambda: parse_config(text))
    rig.run(5)
    assert rig.daemon.config == Config()
    assert rig.case.mcu.forbidden == []


@pytest.mark.parametrize(
    ("named", "known", "protocol", "bus"),
    [
        ((None, None), {}, "register", 1),
        (("legacy", 3), {}, "legacy", 3),
        ((None, None), {"protocol": "legacy", "bus": 3}, "legacy", 3),
        (("legacy", 4), {"protocol": "register", "bus": 3}, "legacy", 4),
        (("register", 0), {"protocol": "legacy", "bus": 3}, "legacy", 0),
        (("register", None), {"protocol": "register", "bus": 3}, "register", 3),
        ((None, 4), {"protocol": "legacy"}, "legacy", 4),
    ],
)
def test_what_is_known_of_the_case_after_an_error(
    named: tuple[str | None, int | None], known: dict[str, Any], protocol: str, bus: int
) -> None:
    assert config_after_error(ConfigError(["x"], *named), known) == Config(case=CaseConfig(protocol, bus))


# -- the guess -------------------------------------------------------------------------------------


def guess(text: str) -> CaseConfig:
    """What a guess makes of a text, with the defaults for what it does not say."""
    protocol, bus = guess_case(text.encode())
    return CaseConfig(protocol or "register", 1 if bus is None else bus)


@given(st.sampled_from(["register", "legacy"]), st.integers(0, 99))
def test_a_guess_understands_what_print_config_prints(protocol: str, bus: int) -> None:
    case = CaseConfig(protocol=protocol, bus=bus)
    assert guess_case(print_config(Config(case=case)).encode()) == (protocol, bus)


@pytest.mark.parametrize(
    "text",
    [
        "",
        LEGACY,
        LEGACY.replace("\n", "\r\n"),
        "case:\n  bus: 3 # the third\n  protocol: 'legacy' # old\n",
        'case:\n    protocol:   "legacy"',
        'case:\n  "protocol": "legacy"\n  "bus": 3\n',
        "case:\n  protocol : legacy\n  bus : 3\n",
        "case: {protocol: legacy, bus: 3}\n",
        "case: {bus: 3, protocol: legacy}\n",
        '{"case": {"protocol": "legacy", "bus": 3}}\n',
        "# case: {protocol: legacy, bus: 3}\ncase: {timeout: 1s}  # {protocol: legacy, bus: 3}\n",
        "case:\n  # protocol: legacy\n  # bus: 3\n  timeout: 1s\n",
        "case:\n  protocol: register  # legacy\n",
        'button:\n  hold: ["/bin/echo", "protocol: legacy", "bus: 3"]\n',
    ],
)
def test_a_guess_agrees_with_the_daemon_on_a_good_file(text: str) -> None:
    case = parse_config(text).case
    assert guess(text) == CaseConfig(protocol=case.protocol, bus=case.bus)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", NOTHING),
        ("fan: {hold: 1s}\n", NOTHING),
        ("case: {protocol: v3}\n", NOTHING),
        ("case: {bus: 0x10}\n", NOTHING),
        ("case: {bus: 100}\n", NOTHING),
        ("case: {bus: 0}\n", CaseGuess(None, 0)),
        ("case: {protocol: register}\n", CaseGuess("register", None)),
        ("case: {protocol: Register}\n", CaseGuess("register", None)),
        (" " * SIZE_MAX + "\ncase: {protocol: legacy}\n", NOTHING),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_guess_says_when_it_found_nothing(text: str, found: CaseGuess) -> None:
    assert guess_case(text.encode()) == found


@given(st.binary(max_size=200))
def test_any_bytes_give_a_case_that_can_be(data: bytes) -> None:
    protocol, bus = guess_case(b"case:\n protocol: " + data + b"\n bus: " + data)
    assert protocol in (None, "register", "legacy")
    assert bus is None or 0 <= bus <= 99


@pytest.mark.parametrize("piece", ["protocol:", "protocol: !", "\n", " ", "!", "# ", "protocol:\n", ",", "'", "bus:  "])
def test_no_text_takes_a_guess_long(piece: str) -> None:
    """The power-cut program makes it too, and has two seconds in all."""
    started_s = time.process_time()
    guess_case((piece * SIZE_MAX).encode())
    guess_case(("protocol: " + piece * SIZE_MAX).encode())
    assert time.process_time() - started_s < 0.5


# -- reading a file that may be anything -----------------------------------------------------------


@pytest.mark.parametrize("size", [0, SIZE_MAX, SIZE_MAX + 1, 3 * SIZE_MAX])
def test_no_more_is_read_than_shows_that_a_file_is_too_long(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    assert read_bounded(str(tmp_path / "file")) == b"x" * min(size, SIZE_MAX + 1)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    errors: list[OSError] = []

    def read() -> None:
        try:
            read_bounded(fifo)
        except OSError as error:
            errors.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(5)
    hung = reader.is_alive()
    if hung:
        os.close(os.open(fifo, os.O_WRONLY))
        reader.join()
    assert not hung
    assert [(error.errno, error.strerror) for error in errors] == [(errno.EINVAL, "not a regular file")]
