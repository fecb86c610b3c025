"""Files and commands that misbehave."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from a1d.doctor.system import LIST_MAX, OUTPUT_MAX, READ_MAX, System, run_bounded
from tests.process import has_ended


def test_a_command_answers() -> None:
    assert run_bounded(("sh", "-c", "echo $NAME; echo no >&2; exit 3"), {"NAME": "yes"}, 5)[:2] == (3, "yes\n")


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    begin_s = time.monotonic()
    ran = run_bounded(("sh", "-c", f"sleep 60 & echo $! >{tmp_path}/pid; echo some; wait"), {}, 0.3)
    assert (ran.code, ran.out, ran.why) == (None, "some\n", "sh does not answer in time")
    assert time.monotonic() - begin_s < 3
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if has_ended(pid):
            break
        time.sleep(0.02)
    else:
        pytest.fail("the child lives")


def test_one_that_closes_its_output_and_goes_on_is_ended() -> None:
    begin_s = time.monotonic()
    assert run_bounded(("sh", "-c", "exec >&-; exec sleep 60"), {}, 5).why == "sh does not end"
    assert time.monotonic() - begin_s < 4


def test_one_that_never_stops_talking_is_cut() -> None:
    ran = run_bounded(("yes",), {}, 5)
    assert (ran.code, len(ran.out)) == (None, OUTPUT_MAX)
    assert "says more than" in ran.why


def test_one_that_is_missing_or_no_program() -> None:
    assert run_bounded(("a1d-no-such-program",), {}, 5).why == "a1d-no-such-program is not installed"
    assert "cannot be run" in run_bounded(("/etc",), {}, 5).why


def test_it_has_no_input() -> None:
    assert run_bounded(("cat",), {}, 5)[:2] == (0, "")


def test_files_are_bounded_and_no_fifo_hangs(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * (READ_MAX + 1))
    (tmp_path / "odd").write_bytes(b"\xff\0")
    os.mkfifo(tmp_path / "fifo")
    system = System(str(tmp_path))
    assert len(system.read("/long") or "") == READ_MAX
    assert system.read("/odd") == "\ufffd\0"
    assert [system.read(name) for name in ("/fifo", "/none", "/")] == [None, None, None]
    assert system.unseen == {}


def test_lists_are_bounded(tmp_path: Path) -> None:
    for number in range(LIST_MAX + 5):
        (tmp_path / f"file{number}").touch()
    assert len(System(str(tmp_path)).glob("/file*")) == LIST_MAX


def test_links_stay_below_the_root_and_may_be_a_loop(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").symlink_to("/etc/mine")
    (tmp_path / "etc/mine").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    system = System(str(tmp_path))
    assert system.resolve("/etc/passwd") == str(tmp_path / "etc/mine")
    assert system.stat("/loop") is None
