"""make install and uninstall, killed before each of their steps: nothing is lost, and a second run mends it.

Only the building is played, by a stand-in for Python that makes programs of one line: the steps are those of a real
installation, the real shell does them, and each takes milliseconds.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.install.machine import ROOT, Machine

# What install.sh asks of Python, and what its programs would say.
PYTHON = r"""#!/bin/sh
for last; do :; done
case "$*" in
    *renameat2*) exec /usr/bin/python3 "$@" ;;
    *"-m venv "*)
        mkdir -p "$last/bin" "$last/lib/python3.11"
        ln -sf /var/trial/python "$last/bin/python"
        echo "home = $last" >"$last/pyvenv.cfg" ;;
    *" install "*)
        for name in $(cat /var/trial/programs); do
            printf '#!/opt/a1d.new/bin/python\n# %s\n' "$(cat /var/trial/version)" >"/opt/a1d.new/bin/$name"
            chmod 755 "/opt/a1d.new/bin/$name"
        done ;;
    *sys.executable*) echo /usr/bin/python3 ;;
esac
"""

# Each command that changes something is one step. Before the step that the trial names, everything is killed, as by
# kill -9. And before each of them an installation that was complete has to be complete.
STEP = """#!/bin/sh
read -r count </var/trial/count
count=$((count + 1))
echo $count >/var/trial/count
if [ -e /var/trial/complete ]; then
    for program in /opt/a1d/bin/a1d-failsafe /opt/a1d/bin/a1d /usr/lib/systemd/system-shutdown/a1d-powercut; do
        [ -x $program ] || echo "step $count (${0##*/} $*): $program is gone" >>/var/trial/wrong
    done
fi
read -r at </var/trial/at
[ $count != "$at" ] || kill -KILL 0
[ "${0##*/}" != sync ] || { echo $count >/var/trial/swap; exit 0; }
PATH=$REAL_PATH exec "${0##*/}" "$@"
"""

STEPS = "mv ln cp mkdir rm sed chmod find sync systemctl systemd-sysusers userdel groupdel"
PREPARE = f"""
mkdir -p /var/trial/steps
cat >/var/trial/python <<'EOF'
{PYTHON}EOF
cat >/var/trial/step <<'EOF'
{STEP}EOF
chmod 755 /var/trial/python /var/trial/step
for name in {STEPS}; do ln -s ../step /var/trial/steps/$name; done
echo a1d a1d-ctl a1d-failsafe a1d-powercut >/var/trial/programs
echo 1 >/var/trial/version
groupdel gpio; groupadd --system i2c # one group is there, the other is not
"""

FUNCTIONS = f"""
STRIDE={1 if os.environ.get("CI") else 6}
export REAL_PATH=$PATH PYTHON=/var/trial/python
wrong() {{ echo "$*" >>/var/trial/wrong; }}
rm -f /var/trial/wrong /var/trial/complete
run() {{ # TARGET STEP: false if it was killed, before that step; with 0 it is not
    echo 0 >/var/trial/count
    echo $2 >/var/trial/at
    PATH=/var/trial/steps:$PATH setsid --wait sh {ROOT}/systemd/install.sh $1 >/var/trial/said 2>&1
}}
whole() {{ run $1 0 || wrong "$1 after step $step: $(cat /var/trial/said)"; }}
state() {{ # where it puts things; Machine.files() looks everywhere, once
    find /opt/a1d* /usr/lib/systemd/system* /usr/lib/sysusers.d /usr/lib/udev/rules.d /usr/share/polkit-1 \
        /usr/share/man/man? /usr/share/bash-completion /usr/share/zsh /usr/share/fish \
        /usr/local/bin /etc/systemd /run ! -type d 2>/dev/null | sort
    sort /etc/passwd /etc/group
}}
is_complete() {{ # VERSION
    for program in /opt/a1d/bin/a1d /opt/a1d/bin/a1d-failsafe /usr/lib/systemd/system-shutdown/a1d-powercut \
        /usr/local/bin/a1d /usr/local/bin/a1d-ctl; do
        [ -x $program ] && grep -qx "# $1" $program || wrong "after step $step: $program is not of version $1"
    done
    [ "$(systemctl is-enabled a1d.service)" = enabled ] || wrong "after step $step: not enabled"
    [ "$(id -nG a1d)" = "a1d i2c gpio" ] || wrong "after step $step: no user"
    for page in /usr/share/man/man8/a1d.8 /usr/share/bash-completion/completions/a1d-ctl; do
        [ -s $page ] || wrong "after step $step: $page is missing"
    done
    ! ls -d /opt/a1d.* /usr/lib/systemd/system/a1d*.new /usr/share/*/*/*a1d*.new 2>/dev/null ||
        wrong "after step $step: left over"
}}
next() {{ # the swap comes right after sync; before it, only a1d.new is touched: in CI each of those steps, else some
    step=$((step + OF))
    until [ $(((step / OF) % STRIDE)) = 0 ] || [ $step -ge "$(cat /var/trial/swap)" ]; do step=$((step + OF)); done
}}
# Two of the manual pages and completions stand for all: each is put by the same steps.
mkdir -p /var/trial/share/man/man8 /var/trial/share/bash-completion/completions
for name in man/man8/a1d.8 bash-completion/completions/a1d-ctl; do
    cp {ROOT}/docs/pages/share/$name /var/trial/share/$name
done
mount --bind /var/trial/share {ROOT}/docs/pages/share
state >/var/trial/before
echo 0 >/var/trial/swap
"""

FIRST = """
whole install
whole uninstall
while ! { next && run install $step; }; do
    whole uninstall
    state | diff -u /var/trial/before - >/var/trial/diff || wrong "after step $step: $(cat /var/trial/diff)"
done
is_complete 1
whole uninstall
"""

UPGRADE = """
whole install
version=1
whole install
touch /var/trial/complete
while ! { next && echo $((version + 1)) >/var/trial/version && run install $step; }; do
    version=$((version + 1))
    whole install
    is_complete $version
done
"""

UNINSTALL = """
while ! { step=$((step + OF)) && whole install && run uninstall $step; }; do
    whole uninstall
    state | diff -u /var/trial/before - >/var/trial/diff || wrong "after step $step: $(cat /var/trial/diff)"
done
"""


@pytest.fixture
def prepared(machine: Machine) -> Machine:
    machine.run(PREPARE)
    return machine


def parts(loop: str, steps_min: int, name: str, of: int) -> list[Any]:
    """Each takes every so many steps, so that the parts can run at the same time."""
    return [pytest.param(loop, steps_min, part, of, id=f"{name}, part {part + 1} of {of}") for part in range(of)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("loop", "steps_min", "part", "of"),
    [
        *parts(UPGRADE, 60, "an upgrade, done again then", 4),
        *parts(FIRST, 60, "a first installation, taken away then", 2),
        *parts(UNINSTALL, 20, "an uninstallation, done again then", 2),
    ],
)
def test_killed_before_each_step_a_second_run_mends_it(
    prepared: Machine, loop: str, steps_min: int, part: int, of: int
) -> None:
    machine = prepared
    before, accounts = machine.files(), machine.accounts()
    machine.timeout_s = 300
    done = machine.run(
        f"{FUNCTIONS}step=$(({part} + 1 - {of})) OF={of}\n{loop}\n"
        "echo $step steps; cat /var/trial/wrong; [ ! -e /opt/a1d ] || run uninstall 0"
    )
    steps, _, wrong = done.stdout.partition(" steps\n")
    assert wrong == ""
    assert int(steps) > steps_min, f"steps that it does not see: {done.stderr}"
    left = {name for name in machine.files() - before if not name.startswith("/var/trial/")}
    assert left <= {"/etc/a1d/config.yaml"}
    assert sorted(machine.accounts().splitlines()) == sorted(accounts.splitlines())


@pytest.mark.parametrize("missing", ["a1d", "a1d-ctl", "a1d-failsafe", "a1d-powercut"])
def test_a_program_that_was_not_built_does_not_replace_one_that_works(prepared: Machine, missing: str) -> None:
    script = f"""
        step=0; whole install; cat /var/trial/wrong
        sed -i 's/{missing}\\b\\($\\| \\)//' /var/trial/programs; echo 2 >/var/trial/version
        run install 0 && echo installed; cat /var/trial/said; is_complete 1; cat /var/trial/wrong
    """
    said = prepared.run(FUNCTIONS + script).stdout
    assert f"/opt/a1d.new/bin/{missing} is missing" in said
    assert "nothing has been changed" in said
    assert "installed\n" not in said
    assert "after step" not in said, "the old one is as it was"


@pytest.mark.parametrize("then", ["install", "uninstall"])
def test_where_an_earlier_version_was_killed_between_its_two_renames_it_is_found_again(
    prepared: Machine, then: str
) -> None:
    """Whom that one had made is written down in there."""
    accounts = sorted(prepared.accounts().splitlines())
    script = f"""
        step=0; whole install; mv /opt/a1d /opt/a1d.old
        whole {then}; [ {then} = uninstall ] || is_complete 1; cat /var/trial/wrong
        run uninstall 0; ls -d /opt/a1d*
    """
    assert prepared.run(FUNCTIONS + script).stdout == ""
    assert sorted(prepared.accounts().splitlines()) == accounts
