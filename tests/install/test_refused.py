"""What make install refuses, says, or leaves alone, before anything is changed."""

from __future__ import annotations

from pathlib import Path

from tests.install.machine import PYTHON, Machine


def gets_past_other_daemons(machine: Machine) -> bool:
    """Python is what it looks at next, before anything is built."""
    return "PYTHON=/nowhere does not run" in machine.run("make -s install PYTHON=/nowhere").stderr


def test_another_daemon_stops_it_and_it_says_how_to_remove_that(machine: Machine) -> None:
    units = ["/usr/lib/systemd/system/argononed.service", "/etc/systemd/system/argoneond.service"]
    units += ["/etc/systemd/system/argonone-fan.service", "/etc/systemd/system/a1d.service"]
    hook = "/usr/lib/systemd/system-shutdown/argonone-shutdown"
    for path in (*units, hook, "/usr/local/bin/a1d", "/etc/systemd/system/argononeupd.service"):
        machine.run(f"mkdir -p {Path(path).parent}; echo '# one' >{path}")
    before = machine.files()
    done = machine.make("install")
    assert done.returncode != 0
    for path in (*units, hook, "/usr/local/bin/a1d"):
        assert f"sudo rm -f {path}" in done.stderr
    assert "argononeupd" not in done.stderr, "a battery's"
    for path in units:
        assert f"sudo systemctl disable --now {Path(path).name}" in done.stderr
    assert machine.files() == before
    # What it says is what helps.
    machine.run('sudo() { "$@"; }; ' + "; ".join(line for line in done.stderr.splitlines() if "sudo" in line))
    assert gets_past_other_daemons(machine)


def test_a_masked_one_is_no_other_daemon(machine: Machine) -> None:
    machine.run("ln -s /dev/null /etc/systemd/system/argononed.service")
    assert gets_past_other_daemons(machine)


def test_a_wrong_setting_is_refused_before_anything_changes(machine: Machine) -> None:
    before = machine.files()
    for settings, words in [
        ("PREFIX=/usr", "is not a1d's"),
        ("PREFIX=/home/pi/a1d", "the service sees nothing there"),
        ("PREFIX=/var/tmp/a1d/", "the service sees nothing there"),
        ("PREFIX=/dev/a1d", "on a file system of its own"),
        ("DESTDIR=scratch", "expected an absolute path"),
        ("PREFIX=a1d", "expected something like /opt/a1d"),
        ("PYTHON=/nowhere/python", "does not run or is older than 3.11"),
    ]:
        done = machine.run(f"make -s install PYTHON={PYTHON} {settings}")
        assert done.returncode != 0
        assert words in done.stderr
    assert machine.files() == before


def test_a_user_is_told_to_be_root(machine: Machine) -> None:
    there = "/var/source"  # the clone may be where nobody but root can read
    machine.run(f"mkdir {there} && cp -R Makefile systemd {there}")
    done = machine.run(f"cd {there} && setpriv --reuid=1 --clear-groups make -s install PYTHON={PYTHON}")
    assert done.returncode != 0
    assert "sudo make install" in done.stderr
