"""The check of the Debian package, in a machine of its own that has no a1d. It runs on the host."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hil import debs
from hil.power import CLOCK, CLOCK_TEXT, CMDLINE, is_cut, press, wait_listening
from hil.virtual.vm import CASE, Vm, boot

TEXT = "the Debian package: apt install, a press that powers off, an upgrade while it is hot, purge"
# 0 is best, 10 worst.
SCORE_MAX = 1.0
HOT_MILLICELSIUS, HOT_PERCENT = 70000, 100
_DEBS = "/root/debs"
_APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends"
# Not what is in the image for the tests' sake, and not the random names of others' private directories, which may be
# those of a boot whose id begins with a1d.
_LEFT = (
    r"find / -ignore_readdir_race -xdev \( -path /root -o -path '*a1d-hil*' -o -path /var/log"
    r" -o -name 'systemd-private-*' ! -name 'systemd-private-*-a1d*.service-*' \) -prune -o -name '*a1d*' -print"
)


def try_package(suite: str, names: Iterable[str]) -> str:
    """``names``: the files of the sources. The image has been built."""
    packages = debs.for_guest(suite, names)
    with boot(suite, icount=True, cmdline=CMDLINE) as vm:
        vm.wait_up()
        vm.run(f"mkdir {_DEBS}", check=True)
        for deb in packages.iterdir():
            vm.put(f"{_DEBS}/{deb.name}", deb.read_bytes())
        before = set(vm.run(_LEFT, check=True).stdout.splitlines())
        score = _install(vm)
        wait_listening(vm)
        vm.put(CLOCK, CLOCK_TEXT, 0o755)
        cut = is_cut(vm, press(vm, "hold"))
        wait_listening(vm)
        gap_s = _upgrade_while_hot(vm)
        _purge(vm, before)
        return f"exposure {score}; {cut}; upgraded in {gap_s:.2f} s"


def _install(vm: Vm) -> str:
    said = vm.run(f"{_APT} install {_DEBS}/*.deb", timeout=600, check=True).stdout
    assert re.search(r"^health +\S*ok\b", said, re.MULTILINE), f"apt install said: {said[-300:]}"
    assert vm.run("id -Gn a1d", check=True).stdout.split() == ["a1d", "i2c", "gpio"]
    for command, expected in (
        ("systemctl is-enabled a1d", "enabled"),
        ("systemctl show -P User a1d", "a1d"),
        ("readlink -f /usr/lib/systemd/system-shutdown/a1d-powercut", "/usr/bin/a1d-powercut"),
        ("setpriv --reuid=65534 --regid=65534 --clear-groups a1d-ctl status | grep ^health", "health       ok"),
        ("systemctl is-system-running", "running"),
    ):
        answer = vm.run(command).stdout.strip()
        assert answer == expected, f"{command}: {answer}"
    said = vm.run("systemd-analyze security --no-pager a1d | tail -n 1", check=True).stdout
    score = re.search(r"exposure level for a1d.service: ([\d.]+)", said)
    assert score and float(score[1]) <= SCORE_MAX, said
    return score[1]


def _upgrade_while_hot(vm: Vm) -> float:
    """Returns how long no daemon was there, in seconds."""
    vm.set_case("temp_millicelsius", HOT_MILLICELSIUS)
    # Not what the fan gets: that is 100 % while it starts, whatever is asked for.
    is_fast = f"grep -qx {HOT_PERCENT} {CASE}/register_duty"
    vm.run(f"until {is_fast}; do sleep 1; done", timeout=120, check=True)
    before = len(_duties_written(vm))
    vm.run(f"dpkg -i {_DEBS}/a1d_*.deb", timeout=600, check=True)
    written = _duties_written(vm)
    assert len(written) > before, "no duty was written meanwhile, or the module remembers no more"
    duties = [int(vm.get(f"{CASE}/duty")), *written[before:]]
    assert min(duties) >= HOT_PERCENT, f"the fan went down to {min(duties)} % meanwhile"
    stopped_us, started_us = (
        int(vm.run(f"systemctl show -P {which}EnterTimestampMonotonic a1d", check=True).stdout)
        for which in ("Inactive", "Active")
    )
    assert 0 < stopped_us < started_us, "it was not restarted"
    return (started_us - stopped_us) / 1e6


def _duties_written(vm: Vm) -> list[int]:
    """Since the boot, which the kernel module remembers some thousand transfers of."""
    written = re.findall(r"^\d+ \d+ \S+ w 80 (\d+) (?:ok|dropped)$", vm.get(f"{CASE}/transfers").decode(), re.MULTILINE)
    assert written, "not one, and it is hot"
    return [int(value) for value in written]


def _purge(vm: Vm, before: set[str]) -> None:
    vm.set_case("temp_millicelsius", 45000)
    vm.run("a1d-ctl fan set 0", check=True)
    # On Debian 12 there is a1d-gpiod besides.
    said = vm.run("dpkg --purge $(dpkg-query -W -f '${Package} ' 'a1d*')", timeout=600, check=True).stdout
    duty = int(vm.get(f"{CASE}/duty"))
    assert duty >= 50, f"nobody looks after the fan, and it is left at {duty} %: {said[-300:]}"
    left = set(vm.run(_LEFT, check=True).stdout.splitlines()) - before
    assert not left, f"purge leaves {', '.join(sorted(left))}"
    assert vm.run("id a1d").status == 0, "the user is gone, whose files may be left"
    assert vm.run("systemctl is-system-running").stdout.strip() == "running"
