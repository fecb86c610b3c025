"""The units for monitoring: what systemd says of them, that none is enabled, and that each sandbox is tight."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from a1d.client import metrics
from a1d.mqtt.main import EX_CONFIG
from tests.install.test_unit import ROOT, analyze, install_files, run, values_of

__all__ = ["analyze"]  # a fixture
# A score times ten.
SCORES = {"a1d-metrics@.service": 2, "a1d-mqtt.service": 11}


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    install_files(root)
    assert not list((root / "etc").rglob("*.wants")), "nothing is enabled"
    return root / "usr/lib/systemd/system"


def named(units: Path, name: str, tmp_path: Path) -> Path:
    """As a unit, and not a template."""
    return Path(shutil.copy(units / name, tmp_path / name.replace("@", "@1")))


@pytest.mark.parametrize("name", SCORES)
def test_the_sandbox_is_as_tight_as_it_is_said_to_be(units: Path, analyze: str, name: str, tmp_path: Path) -> None:
    done = run(analyze, "security", "--offline=true", f"--threshold={SCORES[name]}", named(units, name, tmp_path))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("key", ["CapabilityBoundingSet", "DynamicUser", "PrivateUsers", "SystemCallFilter"])
def test_the_score_would_tell_of_a_hole(units: Path, analyze: str, name: str, key: str, tmp_path: Path) -> None:
    unit = named(units, name, tmp_path)
    unit.write_text(re.sub(rf"^{key}=.*\n", "", unit.read_text(), flags=re.MULTILINE))
    assert run(analyze, "security", "--offline=true", f"--threshold={SCORES[name]}", unit).returncode != 0


@pytest.mark.parametrize("name", SCORES)
def test_the_program_is_one_of_ours(name: str) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    (command,) = values_of("ExecStart", (ROOT / "systemd" / name).read_text())
    assert command.split()[0].removeprefix("/opt/a1d/bin/") in scripts


def test_the_socket_is_for_this_machine_only() -> None:
    assert values_of("ListenStream", (ROOT / "systemd/a1d-metrics.socket").read_text()) == ["127.0.0.1:9831"]


def test_systemd_waits_for_a_scrape_longer_than_it_can_take() -> None:
    (limit,) = values_of("RuntimeMaxSec", (ROOT / "systemd/a1d-metrics@.service").read_text())
    # The request, the daemon, the answer, and what is still read after it.
    longest_s = 3 * metrics.REQUEST_MAX_S + metrics.DAEMON_WAIT_MAX_S
    assert longest_s < float(limit.removesuffix("s"))


def test_what_is_wrong_with_the_call_or_the_configuration_is_not_tried_again() -> None:
    """And all else is, for ever."""
    unit = (ROOT / "systemd/a1d-mqtt.service").read_text()
    assert values_of("Restart", unit) == ["always"]
    assert values_of("StartLimitIntervalSec", unit) == ["0"]
    assert values_of("RestartPreventExitStatus", unit) == [f"2 {EX_CONFIG}"]


def test_each_credential_that_is_read_is_passed_and_may_be_missing() -> None:
    unit = (ROOT / "systemd/a1d-mqtt.service").read_text()
    read = set(re.findall(r'credential(?:_path)?\("(mqtt\.\w+)"\)', (ROOT / "a1d/mqtt/broker.py").read_text()))
    assert read == {"mqtt.user", "mqtt.password", "mqtt.key"}
    assert set(values_of("LoadCredential", unit)) == {f"{name}:/etc/a1d/{name}" for name in read}
    # Blank, which counts as none; systemd takes no empty one.
    assert set(values_of("SetCredential", unit)) == {f"{name}:\\n" for name in read}


def test_the_group_that_may_steer_can_be_taken_away_as_the_document_says(
    units: Path, analyze: str, tmp_path: Path
) -> None:
    text = (ROOT / "docs/monitoring.md").read_text()
    (drop_in,) = re.findall(r"```ini\n((?:  .*\n)*?  Group=.*\n)  ```", text)
    assert drop_in == "  [Service]\n  Group=\n"
    assert values_of("Group", (units / "a1d-mqtt.service").read_text()) == ["a1d"]
    unit = named(units, "a1d-mqtt.service", tmp_path)
    unit.write_text(unit.read_text().replace("Group=a1d\n", "Group=a1d\nGroup=\n"))
    # systemd 252 and newer: an empty one is the default, which is a group of its own, of the dynamic user's name.
    done = run(analyze, "verify", "--man=no", unit)
    assert "Group" not in done.stderr + done.stdout


def test_the_programs_of_the_units_are_where_they_are_installed(units: Path) -> None:
    for name in SCORES:
        assert f"ExecStart={sys.prefix}/bin/" in (units / name).read_text()
