"""Limits that more than one program must know. Ranges include both ends.

Standard library only, and nothing to import: the programs that systemd calls at the end need it too.
"""

from __future__ import annotations

PROTOCOLS = ("register", "legacy")  # case.protocol
BUS_MAX = 99  # case.bus: 0..99
TIMEOUT_MAX_S = 1  # case.timeout: 0..1 s
DUTY_MAX_PERCENT = 100  # any duty: 0..100 %
FAILSAFE_MIN_PERCENT = 30  # fan.failsafe_percent: 30..100 %
ON_STOP_WORDS = ("keep", "failsafe")  # fan.on_stop, beside a duty
LEASE_MAX_S = 7 * 86400  # how long a duty may be set by hand with an end: more than 0 and up to 7 days
UNTIL_CELSIUS = (20, 100)  # the temperature at which a duty set by hand may end: 20..100 C
YIELDS_OVER_MIN_CELSIUS = 4.0  # fan.max_percent rises to 100 % over this much at least
