"""What make install refuses, says, or leaves alone, before anything is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.install.machine import PYTHON, Machine


def gets_past_other_daemons(machine: Machine) -> bool:
    """Python is what it looks at next, before anything is built."""
    return "PYTHON=/nowhere does not run" in machine.run("make -s install PYTHON=/nowhere").stderr


def put(machine: Machine, *files: str, text: str = "# one") -> None:
    for file in files:
        machine.run(f"mkdir -p {Path(file).parent} && cat >{file} <<'EOF'\n{text}\nEOF")


def refusal(machine: Machine, settings: str = "", **environ: str) -> str:
    """What it says; nothing has changed by then."""
    before = machine.files()
    done = machine.run(f"make -s install PYTHON={PYTHON} {settings}", **environ)
    assert done.returncode != 0, done.stdout
    assert machine.files() == before
    return done.stderr


# -- other daemons ---------------------------------------------------------------------------------

SYSTEM = "/usr/lib/systemd/system"


def test_another_daemon_stops_it_and_it_says_how_to_remove_that(machine: Machine) -> None:
    units = [f"{SYSTEM}/argononed.service", "/etc/systemd/system/argoneond.service"]
    units += ["/etc/systemd/system/argonone-fan.service", "/etc/systemd/system/a1d.service"]
    units += [f"{SYSTEM}/argon{name}.service" for name in ("fand", "d", "_fan", "-fan", "40d", "eon-fan", "one-rs@")]
    hook = f"{SYSTEM}-shutdown/argonone-shutdown"
    put(machine, *units, hook, "/etc/systemd/system/argononeupd.service")
    said = refusal(machine)
    for path in (*units, hook):
        assert f"sudo rm -f {path}\n" in said
    assert "argononeupd" not in said, "a battery's"
    for path in units:
        assert f"sudo systemctl disable --now {Path(path).name}\n" in said
    # What it says is what helps.
    machine.run('sudo() { "$@"; }; ' + "; ".join(line for line in said.splitlines() if "sudo" in line))
    assert gets_past_other_daemons(machine)


def test_a_unit_is_known_by_what_it_runs(machine: Machine) -> None:
    run_by = {
        "cool.service": "ExecStart=/usr/bin/python3 /opt/argonone/fan.py",
        "adjust.service": "ExecStart=/usr/sbin/argononefan --daemon",
        "blast.service": "ExecStartPost=/usr/sbin/i2cset -y 1 0x1a 100",
        "long.service": "ExecStart=/bin/sh -c 'true; \\\n  i2cset -y 1 0x1A 0x80 0'",
    }
    for name, line in run_by.items():
        put(machine, f"/etc/systemd/system/{name}", text=f"[Service]\n{line}")
    put(machine, "/etc/systemd/system/cool.timer")
    put(machine, f"{SYSTEM}-shutdown/cut", text="#!/bin/sh\ni2cset -y 1 0x1a 255")
    said = refusal(machine)
    for name in (*run_by, "cool.timer"):
        assert f"sudo systemctl disable --now {name}\n" in said
        assert f"sudo rm -f /etc/systemd/system/{name}\n" in said
    assert f"sudo rm -f {SYSTEM}-shutdown/cut\n" in said


def test_what_is_no_other_daemon_is_let_through(machine: Machine) -> None:
    machine.run("ln -s /dev/null /etc/systemd/system/argononed.service")  # masked
    units = {
        "after": "[Unit]\nAfter=argononed.service\n# argononed\n[Service]\nExecStart=/bin/true",
        "battery": "[Service]\nExecStart=/usr/bin/python3 /etc/argon/argononeupd.py",
        "number": "[Service]\nExecStart=/bin/true 0x1ab 10x1a",
        "gas": "[Service]\nExecStart=/usr/bin/argondetector /etc/bargonone",
    }
    for name, text in units.items():
        put(machine, f"/etc/systemd/system/{name}.service", text=text)
    assert gets_past_other_daemons(machine)


# In the background, until the script has ended.
BACKGROUND = """
cp /bin/sleep /usr/bin/argonfand
printf 'import time\ntime.sleep(30)\n' >/etc/argononed.py; cp /etc/argononed.py /etc/mine.py
mkdir /dev/shm; touch /dev/i2c-1 /dev/gpiochip4
echo 0::/system.slice/mine.service >/var/cgroup
{start} & pid=$!
trap 'kill $pid' EXIT
until grep -q {seen} /proc/$pid/cmdline; do :; done
"""


@pytest.mark.parametrize(
    ("start", "seen"), [("argonfand 30", "argonfand"), ("python3 -I /etc/argononed.py", "argononed.py")]
)
def test_a_known_program_that_runs_without_a_unit_is_found(machine: Machine, start: str, seen: str) -> None:
    script = BACKGROUND.format(start=start, seen=seen) + "echo sudo kill $pid; make -s install PYTHON=/nowhere"
    done = machine.run(script)
    assert done.stdout.strip() in done.stderr
    assert "two of them fight" in done.stderr


def test_the_doctor_gets_the_same_list(machine: Machine) -> None:
    put(machine, "/etc/systemd/system/argononed.service", text="[Service]\nExecStart=/usr/sbin/argononed")
    script = BACKGROUND.format(start="python3 -I /etc/argononed.py 7</dev/i2c-1", seen="argononed.py")
    listing = "DESTDIR= PREFIX=/opt/a1d sh a1d/doctor/other-daemons.sh --list"
    said = machine.run(f"{script} echo $pid; mount --bind /var/cgroup /proc/$pid/cgroup; {listing}").stdout
    pid, *lines = said.splitlines()
    assert "file /etc/systemd/system/argononed.service" in lines
    assert f"process {pid} python3 -I /etc/argononed.py " in lines
    assert f"open {pid} /dev/i2c-1 mine.service python3 -I /etc/argononed.py " in lines


def test_a_process_that_does_not_let_itself_be_read_keeps_nobody(machine: Machine) -> None:
    """As one whose memory is on a dead server: a fifo without a writer in place of its command line."""
    script = BACKGROUND.format(start="argonfand 30", seen="argonfand") + "known=$pid; "
    script += "mkfifo /var/hung; sleep 60 7</dev/i2c-1 & mount --bind /var/hung /proc/$!/cmdline; "
    listing = "DESTDIR= PREFIX=/opt/a1d timeout 30 sh a1d/doctor/other-daemons.sh --list"
    done = machine.run(f"{script} {listing}; echo code $?; echo $! $known; kill $!")
    *lines, code, pids = done.stdout.splitlines()
    hung, known = pids.split()
    assert code == "code 0"
    assert f"process {known} argonfand" in done.stdout, lines
    assert f"open {hung} /dev/i2c-1 - " in done.stdout
    assert f"a1d: NOTE: /proc/{hung}/cmdline cannot be read, its process hangs\n" in done.stderr


def test_who_has_the_bus_or_the_line_open_is_named_with_its_unit_and_nothing_more(machine: Machine) -> None:
    """It may be for another device."""
    start = "python3 /etc/mine.py 7</dev/i2c-1 8</dev/gpiochip4"
    script = BACKGROUND.format(start=start, seen="mine.py")
    done = machine.run(script + "mount --bind /var/cgroup /proc/$pid/cgroup; make -s install PYTHON=/nowhere")
    assert "PYTHON=/nowhere does not run" in done.stderr, "it went on"
    for device in ("/dev/i2c-1", "/dev/gpiochip4"):
        assert f"(python3 /etc/mine.py ) has {device} open" in done.stdout
    assert done.stdout.count("sudo systemctl disable --now mine.service") == 2
    done = machine.run(script + "make -s install PYTHON=/nowhere; echo sudo kill $pid")
    assert done.stdout.count(done.stdout.splitlines()[-1]) == 3, "without a unit"


def test_what_a_user_has_named_is_never_a_command_for_root(machine: Machine) -> None:
    """Any user names his cgroups, arguments and, in a mount namespace, devices. Some are copied into root's shell."""
    start = "python3 -I /etc/argononed.py $(printf '\\302\\233') 7</dev/i2c-1 8<'/dev/i2c-2;id #'"
    script = BACKGROUND.replace("touch", "touch '/dev/i2c-2;id #'").format(start=start, seen="argononed.py")
    script = script.replace("/system.slice/mine.service", "/user.slice/user-7.slice/user@7.service/'x;id #.service'")
    script += "mount --bind /var/cgroup /proc/$pid/cgroup; "
    listing = "DESTDIR= PREFIX=/opt/a1d sh a1d/doctor/other-daemons.sh --list"
    for done in (machine.run(script + listing), machine.run(script + "make -s install PYTHON=/nowhere")):
        said = done.stdout + done.stderr
        assert "python3 -I /etc/argononed.py" in said, "it is found"
        assert "sudo systemctl disable --now" not in said, "its unit is none of the system's"
        assert ";id" not in said
        assert "\x9b" not in said


# -- settings, and what is in the way --------------------------------------------------------------


def test_a_wrong_setting_is_refused_before_anything_changes(machine: Machine) -> None:
    before = machine.files()
    for settings, words in [
        ("PREFIX=/usr", "is not a1d's"),
        ("PREFIX=/home/pi/a1d", "the service sees nothing there"),
        ("PREFIX=/var/tmp/a1d/", "the service sees nothing there"),
        ("PREFIX=/dev/a1d", "on a file system of its own"),
        ("DESTDIR=scratch", "DESTDIR=scratch: expected an absolute path"),
        ("PREFIX=a1d", "expected an absolute path, something like /opt/a1d"),
        ("PREFIX=/", "expected an absolute path, something like /opt/a1d"),
        ("'PREFIX=/opt/my a1d'", "/opt/my a1d: expected a path of letters, digits and"),
        ("'PREFIX=/opt/a1d&b'", "expected a path of letters, digits and"),
        ("'PREFIX=/opt/a|b'", "expected a path of letters, digits and"),
        ('"PREFIX=/opt/a\'b"', "expected a path of letters, digits and"),
        ("'DESTDIR=/var/my root'", "expected a path of letters, digits and"),
        ("'BINDIR=/usr/local/my bin'", "expected a path of letters, digits and"),
        ("PREFIX=/opt/../opt/a1d", "expected a path without .."),
        ("PREFIX=/opt/a1d/..", "expected a path without .."),
        ("PREFIX=/opt//a1d", "expected a path without .."),
        ("DESTDIR=/var/../var/root", "expected a path without .."),
        ("BINDIR=/opt/a1d/bin", "is a part of PREFIX"),
        ("PYTHON=/nowhere/python", "does not run or is older than 3.11"),
    ]:
        for target in ("install", "uninstall") if "expected a path" in words else ("install",):
            done = machine.run(f"make -s {target} PYTHON={PYTHON} {settings}")
            assert done.returncode != 0
            assert words in done.stderr, settings
    assert machine.files() == before


@pytest.mark.parametrize(
    "there",
    [
        f"{SYSTEM}/a1d.service",
        f"{SYSTEM}-shutdown/a1d-powercut",
        "/usr/share/polkit-1/rules.d/50-a1d.rules",
        "/usr/lib/sysusers.d/a1d.conf.new",
        "/etc/a1d/config.yaml",
        "/usr/local/bin/a1d-ctl",
    ],
)
def test_a_directory_at_the_place_of_a_file_is_refused(machine: Machine, there: str) -> None:
    machine.run(f"mkdir -p {there}")
    assert f"{there} is a directory" in refusal(machine)


def test_a_file_at_the_place_of_a_directory_is_refused(machine: Machine) -> None:
    machine.run("touch /etc/a1d")
    assert "/etc/a1d is not a directory" in refusal(machine)


@pytest.mark.parametrize("name", ["a1d", "a1d-ctl"])
@pytest.mark.parametrize("how", ["echo '#!/bin/sh' >{0}", "ln -s /nowhere/{0} {0}"])
def test_somebody_elses_program_is_not_replaced(machine: Machine, name: str, how: str) -> None:
    machine.run(f"cd /usr/local/bin && {how.format(name)}")
    assert f"/usr/local/bin/{name} is there already and is not from here" in refusal(machine)


@pytest.mark.parametrize("prefix", ["/opt/a1d", "/opt/a1d.new"])
def test_somebody_elses_directory_is_not_taken(machine: Machine, prefix: str) -> None:
    machine.run(f"mkdir -p {prefix} && touch {prefix}/a-file")
    assert f"{prefix} is there already and is not a1d's" in refusal(machine)
    machine.run(f"rm -r {prefix} && mkdir /opt/elsewhere && ln -s elsewhere {prefix}")
    assert f"{prefix} is there already and is not a1d's" in refusal(machine)


@pytest.mark.parametrize(
    "how", ["a1d", "--system --shell /bin/sh a1d", "--system --home-dir /home/a1d --shell /usr/sbin/nologin a1d"]
)
def test_an_account_that_is_somebodys_is_not_taken(machine: Machine, how: str) -> None:
    machine.run(f"useradd {how}")
    said = refusal(machine)
    assert "there is an account a1d that is somebody's" in said
    machine.run("usermod --login other a1d; groupmod --new-name other a1d")
    assert "somebody's" not in machine.run("make -s install PYTHON=/nowhere").stderr


def test_an_account_of_a_service_is_taken(machine: Machine) -> None:
    """A distribution's package, and sysusers, make it like that."""
    machine.run("useradd --system --home-dir / --shell /usr/sbin/nologin a1d")
    assert gets_past_other_daemons(machine)


def test_a_user_is_told_to_be_root(machine: Machine) -> None:
    there = "/var/source"  # the clone may be where nobody but root can read
    machine.run(
        f"mkdir {there} && cp -R Makefile systemd {there} && mkdir {there}/docs && cp -R docs/pages {there}/docs"
    )
    done = machine.run(f"cd {there} && setpriv --reuid=1 --clear-groups make -s install PYTHON={PYTHON}")
    assert done.returncode != 0
    assert "sudo make install" in done.stderr
