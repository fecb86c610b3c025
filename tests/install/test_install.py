"""make install, upgrade and uninstall, done for real on a throw-away copy of this machine's file system."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import a1d
from tests.install.machine import PYTHON, Machine, fresh_machine
from tests.install.test_pages import program


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, set[str], str, str]]:
    """The machine after make install, its files and accounts before, and what was said."""
    machine = fresh_machine(tmp_path_factory.mktemp("machine"))
    machine.run("groupdel gpio; groupadd --system i2c")  # one group is there, the other is not
    machine.run(
        "mkdir /boot/firmware; printf '#dtparam=i2c_arm=on\\n[pi4]\\narm_boost=1\\n' >/boot/firmware/config.txt"
    )
    machine.run("printf '55=30\\n65=100\\n' >/etc/argononed.conf; echo hello >/etc/argononed-hdd.conf")
    # Its administrator has pip put things elsewhere.
    machine.run("printf '[install]\\nprefix = /var/elsewhere\\n' >>/etc/pip.conf")
    files, accounts = machine.files(), machine.accounts()
    done = machine.make("install")
    assert done.returncode == 0, done.stderr
    yield machine, files, accounts, done.stdout + done.stderr


Installed = tuple[Machine, set[str], str, str]


def test_it_runs_for_its_user_and_is_enabled(installed: Installed) -> None:
    machine = installed[0]
    script = """
        systemctl is-enabled a1d.service
        id -nG a1d
        setpriv --reuid=a1d --regid=a1d --init-groups /opt/a1d/bin/a1d --check /etc/a1d/config.yaml
        a1d --version && a1d-ctl status; echo "exit code $?"
        SERVICE_RESULT=success /opt/a1d/bin/a1d-failsafe; echo "exit code $?"
        /usr/lib/systemd/system-shutdown/a1d-powercut reboot; echo "exit code $?"
    """
    assert machine.run(script).stdout.splitlines() == [
        "enabled",
        "a1d i2c gpio",
        "/etc/a1d/config.yaml: fine; it changes nothing: every setting has its default "
        "(a1d --print-config --config /etc/a1d/config.yaml)",
        f"a1d {a1d.__version__}",
        "exit code 3",  # no daemon runs
        "exit code 1",  # no bus
        "exit code 0",
    ]


def test_the_manual_and_the_completions_are_where_programs_look(installed: Installed) -> None:
    """The completions where they are looked up by a command's name, without a line in anybody's configuration."""
    script = """
        man --where 8 a1d; man --where 1 a1d-ctl; man --where a1d.yaml; man --where a1d-powercut; man --where a1d-mqtt
        stat -c %a /usr/share/man/man8/a1d.8
        bash -c '. /usr/share/bash-completion/completions/a1d-ctl && complete -p a1d-ctl'
        zsh -fc 'autoload -U compinit && compinit -u -D && print $_comps[a1d] $_comps[a1d-ctl] $_comps[a1d-mqtt]'
        fish -c 'complete -C "a1d-ctl fan s"' | cut -f 1
    """
    for name in ("man", "zsh", "fish"):
        program(name)
    assert installed[0].run(script, HOME="/root", MANPATH="").stdout.splitlines() == [
        "/usr/share/man/man8/a1d.8",
        "/usr/share/man/man1/a1d-ctl.1",
        "/usr/share/man/man5/a1d.yaml.5",
        "/usr/share/man/man8/a1d-powercut.8",
        "/usr/share/man/man8/a1d-mqtt.8",
        "644",
        "complete -o bashdefault -F _shtab_a1d_ctl a1d-ctl",
        "_a1d _a1d-ctl _a1d-mqtt",
        "set",
    ]


def test_nothing_in_it_remembers_where_it_was_built(installed: Installed) -> None:
    assert (
        installed[0].run("grep -rlE 'a1d[.]new|/tmp/tmp[.]' /opt/a1d/bin /opt/a1d/lib /opt/a1d/pyvenv.cfg").stdout == ""
    )
    assert installed[0].run("head -qn 1 /opt/a1d/bin/a1d*").stdout == "#!/opt/a1d/bin/python\n" * 5


def test_no_compiler_and_no_installer_are_needed_to_live(installed: Installed) -> None:
    packages = installed[0].run("ls /opt/a1d/lib/python3*/site-packages").stdout.split()
    assert "a1d" in packages
    assert "pip" not in packages


def test_another_daemon_s_settings_are_offered_and_not_taken(installed: Installed) -> None:
    machine, _, _, said = installed
    assert "printed by: a1d --import /etc/argononed.conf\n" in said
    assert "/opt/a1d/share/doc/a1d/docs/moving.md" in said
    assert machine.run("cmp systemd/config.yaml /etc/a1d/config.yaml").returncode == 0
    printed = machine.run("a1d --import /etc/argononed.conf | a1d --check - --strict")
    assert (printed.returncode, printed.stdout) == (0, "standard input: fine\n")


def test_i2c_is_switched_on_and_that_is_said(installed: Installed) -> None:
    machine, _, _, said = installed
    assert "CHANGED /boot/firmware/config.txt" in said
    assert "REBOOT" in said
    lines = machine.run("cat /boot/firmware/config.txt").stdout.splitlines()
    assert lines[:3] == ["#dtparam=i2c_arm=on", "[pi4]", "arm_boost=1"]
    assert lines[lines.index("[all]") :][-1] == "dtparam=i2c_arm=on"
    assert "i2c_arm" in machine.run("cat /boot/firmware/config.txt.before-a1d").stdout


def test_an_upgrade_keeps_what_the_user_wrote_and_a_failing_one_changes_nothing(installed: Installed) -> None:
    machine = installed[0]
    machine.run("echo 'fan: {hold: 20s}' >/etc/a1d/config.yaml; touch /opt/a1d/of-the-old")
    before = machine.files()

    failed = machine.make("install", PIP_NO_INDEX="1", PIP_FIND_LINKS="/nowhere")
    assert failed.returncode != 0
    assert "nothing has been changed" in failed.stderr
    assert machine.files() == before

    # None of this may decide what is built and where. /etc has a directory systemd, too.
    environment = {"PIP_PREFIX": "/var/elsewhere", "PIP_TARGET": "/var/elsewhere", "PIP_NO_DEPS": "1", "CDPATH": "/etc"}
    environment |= {"PYTHONPATH": "/var/elsewhere", "PYTHONPYCACHEPREFIX": "/var/elsewhere", "PYTHONOPTIMIZE": "2"}
    before = machine.files()
    done = machine.make("install", **environment)
    assert done.returncode == 0, done.stderr
    assert machine.run("a1d --version; a1d-ctl --help | head -n 1").stdout.startswith(
        f"a1d {a1d.__version__}\nusage: a1d-ctl"
    )
    assert "although /boot/firmware/config.txt enables it: REBOOT" in done.stdout
    assert "--import" not in done.stdout, "what the user wrote is not to be replaced"
    assert machine.files() == before - {"/opt/a1d/of-the-old"}
    assert machine.run("cat /etc/a1d/config.yaml").stdout == "fan: {hold: 20s}\n"
    assert machine.run("grep -c i2c_arm=on /boot/firmware/config.txt").stdout == "2\n"


def test_a_stranger_reaches_the_socket_and_cannot_open_its_directory(installed: Installed) -> None:
    """With the mode that the unit gives it."""
    script = """
        mode=$(sed -n 's/^RuntimeDirectoryMode=//p' /usr/lib/systemd/system/a1d.service)
        mkdir --mode $mode /run/a1d && chown a1d: /run/a1d
        export RUNTIME_DIRECTORY=/run/a1d
        setpriv --reuid=a1d --regid=a1d --init-groups /opt/a1d/bin/a1d 2>/dev/null & daemon=$!
        trap 'kill $daemon; wait $daemon; rm -r /run/a1d' EXIT
        until [ -S /run/a1d/control.sock ]; do kill -0 $daemon || exit; done
        stranger="setpriv --reuid=65534 --regid=65534 --clear-groups"
        $stranger a1d-ctl status | grep -c health
        $stranger ls /run/a1d 2>&1
    """
    assert installed[0].run(script).stdout.splitlines() == [
        "1",
        "ls: cannot open directory '/run/a1d': Permission denied",
    ]


def test_a_release_upgrade_beneath_it_leaves_the_fan_its_programs(installed: Installed) -> None:
    """Python is another one from one day to the next. Here its packages are, of a version that never was."""
    script = """
        cp -a /opt/a1d /opt/other && cd /opt/other/lib
        built=$(basename $(readlink python3.1? | head -n 1))
        mv $built python3.0 && for each in python3.1?; do ln -sfn python3.0 $each; done && ln -s python3.0 $built
        cd / && for what in case.failsafe "case.powercut poweroff" "cli --version"; do
                /opt/other/bin/python -m a1d.$what
            done
        rm -rf /opt/other
    """
    done = installed[0].run(script)
    assert done.stderr.count("/dev/i2c-1 does not exist") == 2, done.stderr
    assert len(installed[0].run("ls -d /opt/a1d/lib/python3.1[1-6]").stdout.split()) == 6


def test_no_other_directory_is_taken_for_its_own(installed: Installed) -> None:
    """Not even /usr/local, where there is an a1d in bin by then."""
    machine = installed[0]
    before = machine.files()
    for target in ("install", "uninstall"):
        done = machine.make(f"{target} PREFIX=/usr/local")
        assert done.returncode != 0
        assert "/usr/local is there already and is not a1d's" in done.stderr
        done = machine.make(f"{target} PREFIX=/opt/other")
        assert done.returncode != 0
        assert "a1d is installed in /opt/a1d" in done.stderr
    assert machine.files() == before


def test_uninstalling_leaves_nothing_but_the_configuration(installed: Installed) -> None:
    """Last in this file's order: nothing is installed afterwards."""
    machine, files, accounts, _ = installed
    done = machine.make("uninstall")
    assert done.returncode == 0, done.stderr
    assert machine.files() == files | {"/etc/a1d/config.yaml", "/boot/firmware/config.txt.before-a1d"}
    assert sorted(machine.accounts().splitlines()) == sorted(accounts.splitlines())
    assert machine.make("uninstall").returncode == 0, "a second time does no harm"


def test_a_scratch_root_gets_all_of_it_and_the_system_nothing(machine: Machine) -> None:
    """With a path so long that pip writes its scripts in another way."""
    root = "/var/" + "long/" * 30
    before = machine.files()
    done = machine.run(f"make -s install PYTHON={PYTHON} PREFIX=/opt/a1d/ DESTDIR={root}")
    assert done.returncode == 0, done.stderr
    assert machine.run(f"grep -rl long/long {root}").stdout == ""
    added = {name.removeprefix(root.rstrip("/")) for name in machine.files() - before}
    assert {
        "/opt/a1d/bin/a1d",
        "/usr/local/bin/a1d-ctl",
        "/usr/lib/systemd/system/a1d.service",
        "/usr/lib/systemd/system-shutdown/a1d-powercut",
        "/usr/share/polkit-1/rules.d/50-a1d.rules",
        "/usr/share/man/man8/a1d-failsafe.8",
        "/usr/share/zsh/vendor-completions/_a1d",
        "/etc/a1d/config.yaml",
    } <= added
    assert not any(name.startswith("/var") for name in added)
    machine.run(f"mv {root}/opt/a1d /opt/")
    assert machine.run("/opt/a1d/bin/a1d --version").stdout == f"a1d {a1d.__version__}\n"
