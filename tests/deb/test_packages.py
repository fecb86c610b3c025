"""The Debian packages: installed, upgraded, removed, purged, refused, on both suites and from one to the other."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hil.chroot import APT, INSTALL, WATCH, Chroot
from hil.release_upgrade import Upgraded
from tests.deb.chroot import STAND_INS

HOOK = "/usr/lib/systemd/system-shutdown/a1d-powercut"
# What differs after any package: logs, caches, dpkg's own notes. Users stay on purpose.
NOISE = re.compile(
    r"/(var/(log|cache|lib/(dpkg|apt|systemd))|run|dev|tmp|debs|source|proc|sys)/"
    r"|/etc/(passwd|group|shadow|gshadow|resolv.conf|hosts|subuid|subgid|ld.so.cache|.pwd.lock|machine-id)-?$"
    r"|/usr/local/sbin/|/asked$"
)


def ours(suite: str) -> str:
    """What is installed there: Debian 12 needs a libgpiod beside its own."""
    return "/debs/a1d_*.deb" + (" /debs/a1d-gpiod_*_amd64.deb" if suite == "bookworm" else "")


def newer(place: Path, debs: Path) -> Path:
    """The same package as version 9, which says so too."""
    (old,) = debs.glob("a1d_*.deb")
    script = r"""
        dpkg-deb -R "$1" tree
        sed -i 's/^Version: .*/Version: 9.0.0/' tree/DEBIAN/control
        sed -i 's/^__version__ = .*/__version__ = "9.0.0"/' tree/usr/lib/python3/dist-packages/a1d/__init__.py
        echo '# of version 9' >>tree/etc/a1d/config.yaml
        (cd tree && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | xargs md5sum >DEBIAN/md5sums)
        dpkg-deb --root-owner-group -b tree a1d_9.0.0_all.deb
    """
    subprocess.run(["sh", "-ec", script, "sh", str(old)], cwd=place, check=True, capture_output=True)
    return place / "a1d_9.0.0_all.deb"


def put(system: Chroot, deb: Path) -> str:
    """Where it is in the system."""
    target = system.path / "tmp" / deb.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(deb.read_bytes())
    return f"/tmp/{deb.name}"


def test_from_nothing_to_a_daemon_that_answers(system: Chroot, suite: str, capsys: pytest.CaptureFixture[str]) -> None:
    begin_s = time.monotonic()
    said = system.must(f"apt-get install -y --no-install-recommends {ours(suite)} 2>&1")
    took_s = time.monotonic() - begin_s
    fetched = re.findall(r"Need to get .*|After this operation.*", said)
    with capsys.disabled():
        print(f"\n{suite}: apt install in {took_s:.1f} s; {'; '.join(fetched)}")
    assert system.must(WATCH).split()[1:] == ["True", "True"]
    assert system.must("id -Gn a1d").split() == ["a1d", "i2c", "gpio"]
    assert system.must(f"readlink -f {HOOK}").strip() == "/usr/bin/a1d-powercut"
    assert system.must("systemctl is-enabled a1d.service").strip() == "enabled"
    assert "fine" in system.must("cd /; a1d --check /etc/a1d/config.yaml")
    verify = (
        "systemd-analyze verify --man=no a1d.service && systemd-analyze security --offline=1 --threshold=5 a1d.service"
    )
    system.must(verify)
    status = system.must(
        "as_a1d='setpriv --reuid=a1d --regid=a1d --init-groups'; $as_a1d a1d --simulate >/tmp/said 2>&1 & "
        "for i in $(seq 50); do sleep 0.1; if $as_a1d a1d-ctl status; then exit; fi; done; cat /tmp/said; exit 1"
    )
    assert "case         simulated" in status


def test_an_upgrade_keeps_configuration_and_restarts_once(
    system: Chroot, suite: str, debs: Path, tmp_path: Path
) -> None:
    system.must(f"{STAND_INS}{INSTALL} {ours(suite)}; echo 'fan: {{hold: 20s}}' >/etc/a1d/config.yaml; rm /asked")
    new = put(system, newer(tmp_path, debs))
    system.must(f"mkdir -p /run/systemd/system; {INSTALL} -o Dpkg::Options::=--force-confold {new}")
    assert system.must("cd /; a1d --version; cat /etc/a1d/config.yaml").split("\n")[:2] == [
        "a1d 9.0.0",
        "fan: {hold: 20s}",
    ]
    asked = system.must("cat /asked").splitlines()
    assert [line for line in asked if line.startswith("deb-systemd-invoke")] == [
        "deb-systemd-invoke restart a1d.service"
    ]
    assert not any(line.startswith("a1d-failsafe") for line in asked), "the fan keeps its duty"


def test_one_that_does_not_start_is_said_by_dpkg(system: Chroot, suite: str) -> None:
    done = system.run(f"{STAND_INS}{INSTALL} {ours(suite)}", STATE="activating")
    assert done.returncode != 0
    assert "the service does not start" in done.stdout + done.stderr
    assert system.must("dpkg-query -W -f '${Status}' a1d") == "install ok half-configured"
    system.must("mkdir -p /run/systemd/system; dpkg --configure a1d", STATE="active")


def test_removed_purged_and_installed_again(system: Chroot, suite: str) -> None:
    system.must(f"{STAND_INS}{INSTALL} {ours(suite)}; rm /asked")
    system.must(f"mkdir -p /run/systemd/system /run/a1d; {APT} remove a1d; [ ! -e /run/a1d ]")
    asked = system.must("cat /asked").splitlines()
    stop = asked.index("deb-systemd-invoke stop a1d.service")
    assert any(line.startswith("a1d-failsafe") for line in asked[stop:]), "after the daemon, the fan is made safe"
    left = {path for path in system.changed() if "a1d" in path and not NOISE.search(path)}
    assert {path for path in left if "a1d-gpiod" not in path} - {
        "/etc/systemd/system/multi-user.target.wants/a1d.service"
    } == {"/etc/a1d/config.yaml"}
    assert "a1d" in system.must("getent passwd a1d")
    system.must(f"{APT} purge a1d a1d-gpiod || {APT} purge a1d; [ ! -e /etc/a1d ]")
    assert {path for path in system.changed() if "a1d" in path and not NOISE.search(path)} == set()
    system.must(f"{INSTALL} {ours(suite)}; [ -e /etc/a1d/config.yaml ]; cd /; a1d --version")


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ("mkdir -p /usr/lib/systemd/system; echo ExecStart=/opt/a1d/bin/a1d >/usr/lib/systemd/system/a1d.service",
         ["make install", "sudo make uninstall"]),
        ("mkdir -p /usr/lib/systemd/system; echo ExecStart=/srv/a1d/bin/a1d >/usr/lib/systemd/system/a1d.service",
         ["sudo make uninstall PREFIX=/srv/a1d"]),
        ("mkdir -p /usr/local/lib/python3.11/dist-packages/a1d", ["pip", "sudo pip uninstall"]),
        ("echo ExecStart=/usr/bin/argononed >/etc/systemd/system/argononed.service",
         ["another daemon", "systemctl disable --now argononed.service", "install the package again"]),
        ("useradd a1d", ["there is an account a1d that is somebody's", "sudo usermod --login OTHER a1d"]),
        ("useradd --system --shell /bin/sh a1d", ["there is an account a1d that is somebody's"]),
        ("useradd --system --home-dir /home/a1d --shell /usr/sbin/nologin a1d", ["an account a1d that is somebody's"]),
    ],
)  # fmt: skip
def test_it_refuses_and_names_the_command(fresh: Callable[[str], Chroot], there: str, words: list[str]) -> None:
    system = fresh("trixie")
    system.must(there)
    done = system.run(f"{INSTALL} /debs/a1d_*.deb 2>&1")
    assert done.returncode != 0
    assert "nothing has been changed" in done.stdout
    assert [word for word in words if word not in done.stdout] == [], done.stdout
    assert not any(path in system.changed() for path in ("/usr/bin/a1d", "/etc/a1d/config.yaml", HOOK))


def test_an_account_of_a_service_is_taken(fresh: Callable[[str], Chroot]) -> None:
    """One that an earlier installation has left, or that an administrator has made for it."""
    system = fresh("trixie")
    system.must(f"useradd --system --home-dir / --shell /usr/sbin/nologin a1d; {INSTALL} /debs/a1d_*.deb")
    assert system.must("id -Gn a1d").split() == ["a1d", "i2c", "gpio"]


def test_make_install_refuses_over_the_package(fresh: Callable[[str], Chroot]) -> None:
    system = fresh("trixie")
    system.must(f"{INSTALL} /debs/a1d_*.deb")
    before = system.changed()
    for target in ("install", "uninstall"):
        done = system.run(f"sh /source/systemd/install.sh {target}")
        assert done.returncode == 1
        assert "sudo apt remove a1d" in done.stderr
    assert system.changed() == before


def test_lintian_has_nothing_to_say(debs: Path) -> None:
    files = sorted(str(path) for path in debs.glob("*.deb"))
    done = subprocess.run(["lintian", "--allow-root", *files], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_two_builds_are_equal(debs: Path, again: Path) -> None:
    one, other = ({path.name: path.read_bytes() for path in each.glob("*.deb")} for each in (debs, again))
    assert len(one) >= 3
    assert one == other


def test_the_mqtt_service_is_started_anew_by_an_upgrade_and_stopped_by_removal(system: Chroot) -> None:
    """Only if somebody runs it: try-restart."""
    scripts = {
        name: system.must(f"dpkg-deb --ctrl-tarfile /debs/a1d-mqtt_*.deb | tar -xO ./{name} || true")
        for name in ("preinst", "prerm", "postinst")
    }
    assert "try-restart 'a1d-mqtt.service'" in scripts["postinst"]
    assert "stop a1d-mqtt.service" in scripts["prerm"] and "stop" not in scripts["preinst"]


# The last one, because the upgrade goes on beside the others.
def test_the_button_can_be_watched_after_a_release_upgrade(upgraded: Upgraded) -> None:
    """From Debian 12 to 13, installed from the signed repository; nobody does anything by hand."""
    before, system = upgraded
    assert "/usr/lib/a1d-gpiod/" in before
    assert system.must("python3 -c 'import sys; print(sys.version_info[:2])'").strip() == "(3, 13)"
    assert system.must("dpkg-query -W -f '${Status},' a1d") == "install ok installed,"
    assert system.must(WATCH).split()[1:] == ["True", "True"]
    assert system.must("systemctl is-enabled a1d.service").strip() == "enabled"
    system.must(f"{INSTALL} python3-libgpiod")
    assert system.must(WATCH).startswith("/usr/lib/python3/dist-packages/"), "Debian's own is preferred"
