"""Takes out of a text what tells who somebody is: names, addresses, serial numbers."""

from __future__ import annotations

import ipaddress
import os
import re
import socket

from a1d.doctor.system import System

_MAC = re.compile(r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:%\w+)?")
# From the beginning of its word, or a long word without @ would be searched from each of its letters.
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_PASSWORD = re.compile(r"(?<=://)[^\s/@'\"]+@")
_HOME = re.compile(r"(?<![\w.])/(?:home|Users)/[^/\s:'\",;]+")
_UUID = re.compile(r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b")
# Of a machine, a boot, a disk; a serial number has 16.
_LONG_ID = re.compile(r"\b(?=[0-9A-Fa-f]*\d)(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{16})\b")
_NAMES_MAX = 1000


class Redaction:
    """``hosts``, ``users`` and ``ids`` are this machine's own words; addresses are known by their shape."""

    def __init__(self, hosts: set[str], users: set[str], ids: set[str]) -> None:
        self._words = [
            (_whole_words(ids), "SERIAL"),
            (_whole_words(hosts), "HOST"),
            (_whole_words(users), "USER"),
        ]

    def apply(self, text: str) -> str:
        """``text`` without them: each is replaced by a word that says what was there."""
        text = _PASSWORD.sub("PASSWORD@", text)
        text = _MAIL.sub("MAIL", text)
        text = _HOME.sub("/home/USER", text)
        for pattern, word in self._words:
            if pattern is not None:
                text = pattern.sub(word, text)
        text = _UUID.sub("ID", text)
        text = _MAC.sub("MAC", text)
        text = _IPV4.sub(_address, text)
        text = _IPV6.sub(_address, text)
        return _LONG_ID.sub("ID", text)


def _address(found: re.Match[str]) -> str:
    """Only what is an address: a time such as 12:34:56 is none."""
    tail = "." if found[0].endswith(".") else ":" if re.search(r"[^:]:$", found[0]) else ""
    try:
        address = ipaddress.ip_address(found[0].removesuffix(tail).partition("%")[0])
    except ValueError:
        return found[0]
    return found[0] if address.is_loopback or address.is_unspecified else f"IP{tail}"


def _whole_words(words: set[str]) -> re.Pattern[str] | None:
    long_first = sorted((word for word in words if word), key=lambda word: (-len(word), word))
    if not long_first:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, long_first))})(?!\w)", re.IGNORECASE)


def redaction_of(system: System) -> Redaction:
    """What this machine's own words are."""
    hosts = {(system.read("/etc/hostname") or "").strip()}
    for line in (system.read("/etc/hosts") or "").splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if not address.startswith("127.0.0.1") and ":" not in address:
            hosts.update(names)
    if not system.root:
        hosts.add(socket.gethostname())
    hosts |= {host.partition(".")[0] for host in hosts}
    return Redaction(hosts - {"localhost", "raspberrypi"}, _users(system), _ids(system))


def _users(system: System) -> set[str]:
    """The accounts of people, with the names that they gave."""
    users = {os.environ.get(name, "") for name in ("USER", "LOGNAME", "SUDO_USER")} if not system.root else set()
    for line in (system.read("/etc/passwd") or "").splitlines()[:_NAMES_MAX]:
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdecimal() and 1000 <= int(fields[2]) < 65534:
            full_name = fields[4].partition(",")[0]
            users |= {fields[0], full_name, *(part for part in full_name.split() if len(part) > 2)}
    return users - {"", "root", "a1d"}


def _ids(system: System) -> set[str]:
    ids = {
        (system.read(name) or "").strip("\0\n ")
        for name in (
            "/proc/device-tree/serial-number",
            "/sys/firmware/devicetree/base/serial-number",
            "/etc/machine-id",
        )
    }
    serial = re.search(r"^Serial\s*:\s*(\w+)$", system.read("/proc/cpuinfo") or "", re.MULTILINE)
    return {each for each in (*ids, serial[1] if serial else "") if len(each) >= 6}
