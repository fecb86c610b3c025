"""What hil decides by itself, in pure functions: a volunteer's machine must be judged right."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.button.pulses import Edge
from a1d.config.reader import parse_config
from hil import report
from hil.bus_trace import parse
from hil.check import CheckFunction, Outcome, count, try_one
from hil.guard import CannotBeginError
from hil.installed import differing
from hil.questions import duty, kick, pace, press, still
from hil.read_only import writable
from hil.real_heat import RealHeat
from hil.rig import NotHere, Rig, Transfer, VirtualRig

TRACE = """\
# tracer: nop
             a1d-384     [000] .....   337.055068: i2c_write: i2c-1 #0 a=01a f=0000 l=1 [80]
             a1d-384     [000] .....   337.055764: i2c_read: i2c-1 #1 a=01a f=0001 l=1
             a1d-384     [000] .....   337.058526: i2c_reply: i2c-1 #1 a=01a f=0001 l=1 [34]
             a1d-384     [000] .....   337.058658: i2c_result: i2c-1 n=2 ret=2
             a1d-384     [000] .....   339.199657: i2c_write: i2c-1 #0 a=01a f=0000 l=2 [80-34]
             rtc-9       [001] .....   339.200000: i2c_write: i2c-2 #0 a=01a f=0000 l=2 [85-01]
             rtc-9       [001] .....   339.200001: i2c_result: i2c-2 n=1 ret=1
             a1d-384     [000] .....   339.206408: i2c_result: i2c-1 n=1 ret=1
          sensor-7       [001] .....   339.300000: i2c_write: i2c-1 #0 a=076 f=0000 l=2 [f4-27]
          sensor-7       [001] .....   339.300001: i2c_result: i2c-1 n=1 ret=1
             a1d-384     [000] .....   340.000000: i2c_write: i2c-1 #0 a=01a f=0000 l=2 [80-64]
             a1d-384     [000] .....   340.100000: i2c_result: i2c-1 n=1 ret=-121
          legacy-8       [000] .....   341.000000: i2c_write: i2c-1 #0 a=01a f=0000 l=1 [ff]
          legacy-8       [000] .....   341.100000: i2c_result: i2c-1 n=1 ret=1
          vendor-8       [000] .....   342.000000: i2c_write: i2c-1 #0 a=01a f=0000 l=3 [80-01-02]
          vendor-8       [000] .....   342.100000: i2c_result: i2c-1 n=1 ret=1
"""


def test_the_kernels_trace_tells_every_transfer_to_the_case_and_no_other() -> None:
    assert parse(TRACE, 1) == [
        Transfer(337.058658, False, 0x80, 0x34, True),
        Transfer(339.206408, True, 0x80, 0x34, True),
        Transfer(340.1, True, 0x80, 0x64, False),
        Transfer(341.1, True, None, 0xFF, True),
        Transfer(342.1, True, 0x80, None, True),
    ]


def test_a_trace_whose_beginning_is_lost_gives_no_false_write() -> None:
    whole = parse(TRACE, 1)
    cut = whole[0]._replace(register=None)  # a read of which the register is lost
    for start in range(len(TRACE)):
        seen = parse(TRACE[start:], 1)
        assert seen == whole[len(whole) - len(seen) :] or seen == [cut, *whole[1:]]
    assert not cut.is_write


RING = """\
7 1500000000 1a w 80 50 ok
8 2000000000 1a w 80 60 dropped
9 3000000000 1a w - 255 -121
10 4000000000 76 r 80 - -121
"""


def test_the_modules_ring_tells_what_had_no_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hil.rig.CASE", tmp_path)
    (tmp_path / "transfers").write_text(RING)
    assert VirtualRig().transfers() == [
        Transfer(1.5, True, 0x80, 50, True),
        Transfer(2.0, True, 0x80, 60, True, dropped=True),
        Transfer(3.0, True, None, 0xFF, False),
        Transfer(4.0, False, 0x80, None, False, address=0x76),
    ]


@pytest.mark.parametrize(
    ("tries", "said"),
    [
        ([(0.1, True), (0.5, True), (0.6, False)], "dropped until 0.50 s after 0 -> N, kept from 0.60 s on"),
        ([(0.1, False), (0.9, False)], "no write was dropped"),
        ([(0.1, True), (0.9, True)], "every write was dropped, 0.90 s after 0 -> N too"),
        ([(0.1, False), (0.3, True)], "at random: dropped between 0.30 and 0.30 s, but kept at 0.10 s"),
    ],
)
def test_kick(tries: list[tuple[float, bool]], said: str) -> None:
    assert kick.judge(tries) == said


def test_pace() -> None:
    assert pace.judge({100: 0, 5: 0}, 6) == "nothing was lost down to 5 ms"
    assert pace.judge({100: 0, 10: 1, 5: 6}, 6) == "the last write of a burst was lost: 1 of 6 at 10 ms, 6 of 6 at 5 ms"


def test_the_pace_of_writes_never_passes_through_0() -> None:
    written = {60 + (7 * number + 5 * burst) % 41 for burst in range(pace.BURSTS) for number in range(pace.WRITES)}
    assert written <= set(range(60, 101))


def test_still_counts_the_stretch_that_has_not_ended() -> None:
    answer = still.judge([(0, 45000), (1, 45000), (2, 45500), (3, 45000), (7, 45000), (9, 45000)])
    assert answer["answer"].startswith("6.0 s at most, in 9 s")
    assert (answer["changes"], answer["smallest_step_millicelsius"]) == (2, 500)


@given(st.integers(1, duty.HIGHEST))
def test_the_lowest_duty_is_found_in_few_tries(real: int) -> None:
    asked: list[int] = []

    def turns(percent: int) -> bool:
        asked.append(percent)
        return percent >= real

    assert duty.lowest(turns) == real
    assert len(asked) <= 7


def test_widths_of_pulses() -> None:
    edges = [Edge(round(at_ms * 1e6), rising) for at_ms, rising in ((5, False), (10, True), (30.5, False), (900, True))]
    assert press.widths_ms(edges) == [20.5]
    assert press.gestures(edges) == ["double_press"]
    assert press.is_hold([20.5, 40.0])
    assert not press.is_hold([20.5, 60.0])


def test_a_report_says_nothing_about_who_sent_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "annes-pi")
    path = tmp_path / report.NAME
    found = report.Report(path, "0.1.0")
    found.outcome(Outcome("it starts", "FAILED", "FileNotFoundError: '/home/anne/a1d/x' on annes-pi", 1.0))
    found.answer("which?", {"answer": "0xa2"})
    text = path.read_text()
    assert "anne" not in text
    data = json.loads(text)
    assert set(data["facts"]) == {"date", "a1d", "clone", "model", "kernel", "os", "python"}
    assert data["answers"] == {"which?": {"answer": "0xa2"}}
    report.Report(path, "0.1.0").answer("why?", {"answer": "because"})
    assert set(json.loads(path.read_text())["answers"]) == {"which?", "why?"}


@pytest.mark.parametrize("hostname", ["5", "answers", "0"])
def test_no_name_of_a_machine_damages_the_report(
    hostname: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: hostname)
    path = tmp_path / report.NAME
    answer = {"answer": f"on {hostname}", "lost": {"5 ms": 5}, "tries": [(0.05, True)]}
    report.Report(path, "0.1.0").answer("which?", answer)
    kept = json.loads(path.read_text())["answers"]["which?"]
    assert kept == {"answer": "on ...", "lost": {"5 ms": 5}, "tries": [[0.05, True]]}


@pytest.mark.parametrize("text", ["{", "", "[]", '{"answers": 5}', "\xff"])
def test_a_damaged_report_is_said_and_kept(text: str, tmp_path: Path) -> None:
    path = tmp_path / report.NAME
    path.write_text(text, "latin-1")
    with pytest.raises(CannotBeginError, match="is damaged"):
        report.Report(path, "0.1.0")
    assert path.read_text("latin-1") == text


def test_what_can_still_be_written_is_seen() -> None:
    mounts = """\
/dev/mmcblk0p2 / ext4 ro,noatime 0 0
devtmpfs /dev devtmpfs rw,nosuid 0 0
tmpfs /run tmpfs rw,nosuid 0 0
/dev/mmcblk0p1 /boot/firmware vfat rw,errors=remount-ro 0 0
/dev/nvme0n1p1 /srv/my\\040data btrfs rw,relatime 0 0
"""
    assert writable(mounts) == ["/boot/firmware", "/srv/my\\040data"]


def _sysfs(root: Path, zones: dict[str, str], hwmon: dict[str, str]) -> str:
    for kind, temp, found in (("thermal/thermal_zone", "temp", zones), ("hwmon/hwmon", "temp1_input", hwmon)):
        for number, (name, text) in enumerate(found.items()):
            place = root / f"class/{kind}{number}"
            place.mkdir(parents=True)
            (place / ("type" if temp == "temp" else "name")).write_text(name)
            (place / temp).write_text(text)
    return str(root)


DISK = "sensors: [{name: cpu, zone: cpu-thermal}, {name: disk, hwmon: drivetemp, critical_celsius: 55}]\n"


@pytest.mark.parametrize(
    ("config", "zones", "hwmon", "said"),
    [
        ("", {"cpu-thermal": "74900"}, {}, ""),
        ("", {"cpu-thermal": "75000"}, {}, "cpu: 75 C; 75 C is too hot for this"),
        ("fan: {critical_celsius: 75}", {"cpu-thermal": "70000"}, {}, "cpu: 70 C; 70 C is too hot for this"),
        ("fan: {critical_celsius: 95}", {"cpu-thermal": "76000"}, {}, "cpu: 76 C; 75 C is too hot for this"),
        (DISK, {"cpu-thermal": "45000"}, {"drivetemp": "50000"}, "disk: 50 C; 50 C is too hot for this"),
        ("", {"cpu-thermal": "45000"}, {"nvme": "80000"}, "nvme: 80 C; 75 C is too hot for this"),
        (
            DISK,
            {"cpu-thermal": "45000"},
            {},
            "the sensor disk cannot be read: no hwmon device named 'drivetemp'; found",
        ),
        ("", {"cpu-thermal": "nonsense"}, {}, "the sensor cpu cannot be read: /"),
    ],
)
def test_the_owners_own_limits_and_sensors_count(
    config: str, zones: dict[str, str], hwmon: dict[str, str], said: str, tmp_path: Path
) -> None:
    trouble = RealHeat(parse_config(config), _sysfs(tmp_path, zones, hwmon)).trouble()
    assert trouble.startswith(said)
    assert bool(trouble) == bool(said)


def test_another_a1d_than_this_clones_is_noticed(tmp_path: Path) -> None:
    for package in ("one", "other"):
        (tmp_path / package / "sim").mkdir(parents=True)
        (tmp_path / package / "sim/x.py").write_text(package)
        (tmp_path / package / "same.py").write_text("")
    (tmp_path / "other/new.py").write_text("")
    assert differing(tmp_path / "one", tmp_path / "other") == ["new.py", "sim/x.py"]
    assert differing(tmp_path / "one", tmp_path / "one") == []


class NoRig(Rig):
    """Nothing to set up."""

    forbidden = 0

    def set_up(self) -> None:
        pass

    def forbidden_writes(self) -> int:
        return self.forbidden


def _fail(_rig: Rig) -> str:
    raise AssertionError("no  such\nluck")


def _crash(_rig: Rig) -> str:
    raise OSError("gone")


def _cannot(_rig: Rig) -> str:
    raise NotHere("no tachometer")


@pytest.mark.parametrize(
    ("function", "forbidden", "result", "remark"),
    [
        (lambda _rig: "0.5 s", 0, "passed", "0.5 s"),
        (lambda _rig: None, 0, "passed", ""),
        (lambda _rig: None, 1, "FAILED", "a forbidden register was written"),
        (_fail, 0, "FAILED", "no such luck"),
        (_crash, 0, "FAILED", "OSError: gone"),
        (_cannot, 0, "skipped", "no tachometer"),
    ],
)
def test_what_a_check_comes_to(function: CheckFunction, forbidden: int, result: str, remark: str) -> None:
    rig = NoRig()
    rig.forbidden = forbidden
    assert try_one("it works", function, rig)[:3] == ("it works", result, remark)


def test_a_run_ends_with_a_count() -> None:
    results = ["passed", "FAILED", "passed", "skipped", "passed"]
    assert count(Outcome("it works", result, "", 0.0) for result in results) == "3 passed, 1 failed, 1 skipped"


@pytest.mark.parametrize(
    ("may_mount", "code", "last"),
    [(True, 0, "9 passed, 1 failed, 0 skipped"), (True, 1, "9 passed, 1 failed, 0 skipped"), (False, 0, "5 passed")],
)
def test_ci_ends_with_the_count_of_the_last_suite(tmp_path: Path, may_mount: bool, code: int, last: str) -> None:
    programs = {
        "bin/make": "echo 5 passed",
        "bin/mmdebstrap": "",
        "bin/apt-get": "",
        "bin/unshare": "" if may_mount else "exit 1",
        "bin/mount": "exit 1",
        ".venv/bin/python": f"echo '9 passed, 1 failed, 0 skipped'; exit {code}",
        ".ci/run": (Path(__file__).parents[2] / ".ci/run").read_text().partition("\n")[2],
    }
    for name, text in programs.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/usr/bin/env bash\n{text}\n")
        path.chmod(0o755)
    done = subprocess.run(
        [tmp_path / ".ci/run"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
    )
    assert done.returncode == code
    assert done.stdout.splitlines()[-1] == last
