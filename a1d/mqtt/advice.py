"""What may be meant by a mistake in mqtt.yaml, and where that belongs. Pure.

Only imported once there is something to complain about.
"""

from __future__ import annotations

import re

from a1d.config.printable import printable

_ADDRESS = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?:(?P<user>[^@/]*)@)?(?P<host>\[[0-9a-f:.]+\]|[\w.-]+)(?::(?P<port>\d{1,5}))?/?", re.I
)
_ENCRYPTED = ("mqtts", "ssl", "tls", "wss")
_USER = ("user", "username", "user_name", "login")
_PASSWORD = ("password", "pass", "passwd", "secret")
_KEY = ("key", "key_file", "keyfile", "private_key")
_MEANT = {
    **dict.fromkeys(("host", "hostname", "server", "address", "url", "broker_url"), "broker"),
    **dict.fromkeys(("client_id", "clientid", "device_id"), "id"),
    **dict.fromkeys(("prefix", "topic", "topic_prefix"), "base_topic"),
}
_CREDENTIALS = (
    "is no setting, since everybody may read this file: write it into /etc/a1d/{}, readable for root alone"
    " (started without systemd, a1d-mqtt wants CREDENTIALS_DIRECTORY=/etc/a1d, too)"
)


def advise(path: tuple[object, ...], found: object) -> str | None:
    """A few words about a key that nobody knows, or a value that cannot be taken; None if there is nothing to say."""
    key = str(path[-1]).lower().replace("-", "_") if path else ""
    if key in (*_USER, *_PASSWORD):
        return _CREDENTIALS.format("mqtt.user" if key in _USER else "mqtt.password")
    if key in _KEY:
        return _CREDENTIALS.format("mqtt.key")
    if len(path) == 1 and key in _MEANT:
        return f"unknown key, did you mean '{_MEANT[key]}'?"
    if path == ("broker",):
        return _broker(found)
    if path == ("tls",):
        return _tls(found)
    return None


def _broker(found: object) -> str | None:
    match = _ADDRESS.fullmatch(found.strip()) if isinstance(found, str) and len(found) <= 256 else None
    if match is None:
        return None
    parts = [f"broker: {printable(match['host'].strip('[]'), 253)}"]
    if match["port"]:
        parts.append(f"port: {match['port']}")
    if (match["scheme"] or "").lower() in _ENCRYPTED:
        parts.append("tls: {enabled: true}")
    advice = f"write {' and '.join(parts)}"
    if len(parts) > 1:
        advice += ", each on a line of its own"
    if match["user"] is not None:
        advice += "; user and password belong into /etc/a1d/mqtt.user and /etc/a1d/mqtt.password"
    return advice


def _tls(found: object) -> str | None:
    text = str(found).lower()
    if text in ("true", "yes", "on"):
        return "write {enabled: true}"
    return "leave it out" if text in ("false", "no", "off") else None
