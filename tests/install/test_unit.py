"""What systemd/ holds: the unit, the rules and the configuration file, judged by the programs that will read them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import dukpy
import pytest

from a1d.case import apply_failsafe, fan
from a1d.config import load
from a1d.config.printer import print_config
from a1d.config.reader import parse_config
from a1d.config.settings import Config
from a1d.service import systemd

ROOT = Path(__file__).parents[2]
UNIT = (ROOT / "systemd/a1d.service").read_text()


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scratch root with the files of systemd/, for the programs of this very environment."""
    root = tmp_path_factory.mktemp("root")
    install_files(root)
    return root


def install_files(root: Path) -> None:
    # ProtectHome and the like do not matter here: nothing is started.
    subprocess.run(["make", "-s", "install-files", f"DESTDIR={root}", f"PREFIX={sys.prefix}"], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def analyze() -> str:
    """systemd-analyze. Where there is none, CI must not pass as if it had looked."""
    found = shutil.which("systemd-analyze")
    if not found and not os.environ.get("CI"):
        pytest.skip("needs systemd-analyze, of the package systemd")
    assert found, "CI needs systemd-analyze, of the package systemd"
    return found


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)


def values_of(key: str, unit: str = UNIT) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)


def value_of(key: str) -> str:
    (value,) = values_of(key)
    return value


def seconds_of(key: str) -> float:
    return float(value_of(key).removesuffix("s"))


# -- the unit --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit",
    [
        *("a1d.service", "a1d-power@poweroff.path", "a1d-power@poweroff.service", "a1d-power@reboot.path"),
        *("a1d-metrics.socket", "a1d-metrics@1.service", "a1d-mqtt.service"),
    ],
)
def test_systemd_has_nothing_to_say_about_the_units(staged: Path, analyze: str, unit: str, tmp_path: Path) -> None:
    template = staged / "usr/lib/systemd/system" / re.sub("@.*[.]", "@.", unit)
    path = shutil.copy(template, tmp_path / unit)
    if unit.endswith(".path"):
        shutil.copy(template.with_suffix(".service"), tmp_path / "a1d-power@.service")
    if unit.endswith(".socket"):
        shutil.copy(template.with_name("a1d-metrics@.service"), tmp_path)
    done = run(analyze, "verify", "--man=no", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_have_said_it(staged: Path, analyze: str, tmp_path: Path) -> None:
    path = tmp_path / "a1d.service"
    path.write_text((staged / "usr/lib/systemd/system/a1d.service").read_text().replace("Type=notify", "Type=notfy"))
    assert "notfy" in run(analyze, "verify", "--man=no", path).stderr


def test_the_sandbox_scores_at_most_0_5(staged: Path, analyze: str) -> None:
    unit = staged / "usr/lib/systemd/system/a1d.service"
    done = run(analyze, "security", "--offline=true", "--threshold=5", unit)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "key", ["NoNewPrivileges", "CapabilityBoundingSet", "SystemCallFilter", "User", "PrivateTmp", "ProtectHome"]
)
def test_the_score_would_tell_of_a_hole(staged: Path, analyze: str, tmp_path: Path, key: str) -> None:
    unit = tmp_path / "a1d.service"
    sound = (staged / "usr/lib/systemd/system/a1d.service").read_text()
    unit.write_text(re.sub(rf"^{key}=.*\n", "", sound, flags=re.MULTILINE))
    assert run(analyze, "security", "--offline=true", "--threshold=5", unit).returncode != 0


def test_every_program_of_the_unit_is_one_of_ours() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for key in ("ExecStart", "ExecReload", "ExecStopPost"):
        path = value_of(key).split()[0]
        assert path.removeprefix("/opt/a1d/bin/") in scripts
    assert value_of("ExecStopPost").endswith("/a1d-failsafe")


def test_the_times_fit_the_programs() -> None:
    """Or systemd would kill what is about to make the fan safe."""
    assert seconds_of("TimeoutStartSec") > load.TIME_MAX_S + 2 * systemd.READY_MAX_S
    assert seconds_of("TimeoutStopSec") > 2 * (apply_failsafe.TIME_MAX_S + 1.0)
    # The bus counts as neglected before the watchdog bites, not after.
    assert seconds_of("WatchdogSec") >= 2 * fan._OVERDUE_S


def test_what_the_stop_programs_need_outlives_the_daemon() -> None:
    assert value_of("RuntimeDirectory") == "a1d"
    assert value_of("RuntimeDirectoryPreserve") == "yes"
    assert value_of("RuntimeDirectoryMode") == "0711", "strangers reach the socket and cannot lock the directory"


def test_it_never_gives_up() -> None:
    assert value_of("Restart") == "always"
    assert value_of("RestartSec") == "1s"
    assert value_of("StartLimitIntervalSec") == "0"


def test_no_missing_group_can_stop_the_start() -> None:
    """216/GROUP. The user is a member by sysusers instead."""
    assert not values_of("SupplementaryGroups")
    sysusers = (ROOT / "systemd/a1d.sysusers").read_text()
    for group in ("i2c", "gpio"):
        assert f"m a1d {group}\n" in sysusers


def test_it_may_touch_the_two_kinds_of_device_and_no_other() -> None:
    assert value_of("DevicePolicy") == "closed"
    assert values_of("DeviceAllow") == ["char-i2c rw", "char-gpiochip rw"]


def test_the_power_cut_is_where_systemd_shutdown_looks(staged: Path) -> None:
    hook = staged / "usr/lib/systemd/system-shutdown/a1d-powercut"
    assert hook.readlink() == Path(sys.prefix) / "bin/a1d-powercut"
    assert os.access(hook, os.X_OK)


# -- the configuration file ------------------------------------------------------------------------


def test_the_configuration_that_is_placed_says_what_the_program_does() -> None:
    """Every line of --print-config, with a # before it if it is not a comment."""
    _, _, body = (ROOT / "systemd/config.yaml").read_text().partition("\n\n")
    expected = [
        line if not line.strip() or line.lstrip().startswith("#") else f"#{line}"
        for line in print_config(Config()).splitlines()
    ]
    assert body.splitlines() == expected[2:], "this changed since: make pages"


def test_as_placed_and_with_every_line_uncommented_it_means_the_defaults() -> None:
    text = (ROOT / "systemd/config.yaml").read_text()
    assert parse_config(text, "config.yaml") == Config()
    uncommented = re.sub(r"^#(?! )|^#(?=  \S+:|  -|    zone)", "", text, flags=re.MULTILINE)
    assert "\nfan:" in uncommented
    assert parse_config(uncommented, "config.yaml") == Config()


def test_it_is_never_overwritten(tmp_path: Path) -> None:
    install_files(tmp_path)
    config = tmp_path / "etc/a1d/config.yaml"
    assert config.stat().st_mode & 0o777 == 0o644
    config.write_text("fan: {hold: 20s}\n")
    install_files(tmp_path)
    assert config.read_text() == "fan: {hold: 20s}\n"


# -- polkit ----------------------------------------------------------------------------------------

LOGIND = "org.freedesktop.login1"
SYSTEMD = "org.freedesktop.systemd1"


class Case(NamedTuple):
    user: str
    action: str
    result: str | None
    unit: str = ""
    verb: str = "start"


@pytest.mark.parametrize(
    "case",
    [
        Case("a1d", f"{LOGIND}.reboot", "yes"),
        Case("a1d", f"{LOGIND}.reboot-multiple-sessions", "yes"),
        Case("a1d", f"{LOGIND}.reboot-ignore-inhibit", None),
        Case("a1d", f"{LOGIND}.power-off", "yes"),
        Case("a1d", f"{LOGIND}.power-off-multiple-sessions", "yes"),
        Case("a1d", f"{LOGIND}.power-off-ignore-inhibit", "yes"),
        Case("a1d", f"{LOGIND}.halt", None),
        Case("a1d", f"{LOGIND}.suspend", None),
        Case("a1d", f"{LOGIND}.set-reboot-parameter", None),
        Case("a1d", f"{SYSTEMD}.manage-units", None, "kodi.service"),
        Case("a1d", f"{SYSTEMD}.manage-units", "yes", "poweroff.target"),
        Case("a1d", f"{SYSTEMD}.manage-units", None, "poweroff.target", "stop"),
        Case("a1d", f"{SYSTEMD}.manage-units", None, "reboot.target"),
        Case("a1d", f"{SYSTEMD}.manage-unit-files", None, "poweroff.target"),
        Case("pi", f"{SYSTEMD}.manage-units", None, "poweroff.target"),
        Case("a1d", "org.freedesktop.policykit.exec", None),
        Case("pi", f"{LOGIND}.reboot", None),
        Case("a1dx", f"{LOGIND}.power-off", None),
        Case("root", f"{LOGIND}.power-off", None),
    ],
)
def test_a1d_may_end_the_system_and_nothing_else_and_nobody_else_may(case: Case) -> None:
    assert ask_polkit((ROOT / "systemd/a1d.rules").read_text(), case) == case.result


def ask_polkit(rule: str, case: Case) -> str | None:
    """In the engine that polkit uses itself. None: somebody else's rule, or polkit's own default, decides."""
    polkit = """
        var rules = [], polkit = {Result: {YES: "yes", NOT_HANDLED: null}, addRule: function (f) { rules.push(f); }};
    """
    # Where a detail is not given, polkit's lookup gives undefined.
    ask = """
        rules[0](
            {id: dukpy.action, lookup: function (key) { return dukpy[key] === "" ? undefined : dukpy[key]; }},
            {user: dukpy.user, isInGroup: function () { return true; }})
    """
    answer: str | None = dukpy.evaljs([polkit, rule, f"({ask}) || null"], **case._asdict())
    return answer


def documented(language: str, word: str) -> str:
    """The one example of docs/service.md in this language that has this word."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs/service.md").read_text(), re.DOTALL)
    (block,) = (block for block in blocks if word in block)
    return str(block)


# What systemd asks polkit about under manage-units, besides restart.
OTHER_VERBS = ["start", "stop", "reload", "try-restart", "reload-or-restart", "kill", "kill-subgroup", "clean"]
OTHER_VERBS += ["set-property", "reset-failed", "freeze", "thaw", "bind-mount", "mount-image", "ref", "start-transient"]


@pytest.mark.parametrize(
    "case",
    [
        Case("a1d", f"{SYSTEMD}.manage-units", "yes", "kodi.service", "restart"),
        *(Case("a1d", f"{SYSTEMD}.manage-units", None, "kodi.service", verb) for verb in OTHER_VERBS),
        Case("a1d", f"{SYSTEMD}.manage-units", None, "kodi.service", ""),
        Case("a1d", f"{SYSTEMD}.manage-units", None, "", ""),
        Case("a1d", f"{SYSTEMD}.manage-units", None, "kodi2.service", "restart"),
        Case("a1d", f"{SYSTEMD}.manage-units", None, "ssh.service", "restart"),
        Case("a1d", f"{SYSTEMD}.manage-unit-files", None, "kodi.service", "restart"),
        Case("a1d", f"{SYSTEMD}.set-environment", None, "kodi.service", "restart"),
        Case("a1d", f"{LOGIND}.power-off", None),
        Case("pi", f"{SYSTEMD}.manage-units", None, "kodi.service", "restart"),
        Case("a1dx", f"{SYSTEMD}.manage-units", None, "kodi.service", "restart"),
    ],
)
def test_the_documented_rule_allows_one_verb_for_one_unit(case: Case) -> None:
    assert ask_polkit(documented("js", "kodi.service"), case) == case.result


def test_the_documented_rule_is_for_the_documented_command() -> None:
    command = parse_config(documented("yaml", "kodi.service"), "docs/service.md").button.double_press
    assert isinstance(command, tuple)
    assert command[-2:] == ("restart", "kodi.service")
