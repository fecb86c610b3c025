"""What a configuration seems to say of the case, for when it cannot be read properly. Standard library only."""

from __future__ import annotations

import re
from typing import NamedTuple

from a1d.config.bounded import SIZE_MAX

_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\r\n]*", re.MULTILINE)
# A key at the start of a line or within braces, perhaps in quotes; a tag or an anchor may stand before its value.
_SETTING = r"(?:^|[{{,\r])[ \t]*(?P<quote>[\"']?){}(?P=quote)[ \t]*:\s*(?:[&!]\S{{0,64}}\s+)?[\"']?{}"
_LEGACY, _REGISTER, _BUS = (
    re.compile(_SETTING.format(key, value), re.MULTILINE | re.IGNORECASE)
    for key, value in (("protocol", "l"), ("protocol", "r"), ("bus", r"(?P<bus>\d{1,2})\b"))
)


class CaseGuess(NamedTuple):
    """The protocol ("register" or "legacy") and the bus (0..99); None where the text says nothing."""

    protocol: str | None
    bus: int | None


def guess_case(data: bytes) -> CaseGuess:
    """What the first SIZE_MAX bytes seem to say, whatever else is wrong with them.

    A text that names both protocols counts as legacy: a V3 ignores that one, but register reads can hang an
    old case (L1).
    """
    # Without NULs, UTF-16 reads like ASCII.
    text = _COMMENT.sub("", data[:SIZE_MAX].decode("utf-8", "replace").replace("\0", ""))
    protocol = "legacy" if _LEGACY.search(text) else "register" if _REGISTER.search(text) else None
    bus = _BUS.search(text)
    return CaseGuess(protocol, int(bus["bus"]) if bus else None)
