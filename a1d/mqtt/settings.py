"""The settings of a1d-mqtt: each one's default, range and meaning, and how their file is read."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

from a1d.config import kinds
from a1d.config.bounded import SIZE_MAX, read_bounded
from a1d.config.reader import parse_section
from a1d.errors import ConfigError

CONFIG_PATH = "/etc/a1d/mqtt.yaml"
_HOST = re.compile(r"[\w:][\w.:%-]{0,252}", re.ASCII)
_TOPIC = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)
_ID = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)

_host = kinds.Kind(
    "the name or the address of a host",
    lambda value: isinstance(value, str) and _HOST.fullmatch(value) is not None,
)
_topic = kinds.Kind(
    "words of letters, digits, . _ - with / between them, at most 64 characters",
    lambda value: isinstance(value, str) and len(value) <= 64 and _TOPIC.fullmatch(value) is not None,
)
_id = kinds.Kind(
    "1 to 32 of a to z, 0 to 9, _ and -",
    lambda value: isinstance(value, str) and _ID.fullmatch(value) is not None,
)
_file = kinds.Kind(
    "the path of a file",
    lambda value: isinstance(value, str) and value.startswith("/") and value.isprintable() and len(value) < 256,
)


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """How the connection is encrypted. What is secret comes from a credential, never from here."""

    enabled: bool = kinds.yes_or_no.option(False, "Whether to encrypt, and to check who the broker is: true or false.")
    ca_file: str | None = _file.optional("The authority that signed the broker's certificate; null: the system's.")
    certificate_file: str | None = _file.optional(
        "A certificate of our own, if the broker wants one. Its key is the credential mqtt.key."
    )


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """The whole of /etc/a1d/mqtt.yaml. User and password are the credentials mqtt.user and mqtt.password."""

    broker: str = _host.option("localhost", "Where the MQTT broker is.")
    port: int | None = kinds.integer(1, 65535).optional("Its port; null: 1883, or 8883 with TLS.")
    tls: TlsConfig = field(default=TlsConfig(), metadata={"doc": "Encryption."})
    steering: bool = kinds.yes_or_no.option(
        False,
        "Whether the fan may be steered over MQTT. Whoever may publish to the broker can then stop it, but a critical\n"
        "temperature or a lost sensor still wins.",
    )
    name: str | None = kinds.text.optional("How Home Assistant calls this machine; null: its host name.")
    id: str | None = _id.optional(
        "What tells this machine from others on the broker; null: made from /etc/machine-id, which copies of one SD\n"
        "card have in common."
    )
    base_topic: str = _topic.option("a1d", "The first part of each topic; the id follows.")
    discovery_prefix: str = _topic.option("homeassistant", "Where Home Assistant looks for devices.")
    interval_s: float = kinds.duration(1, 3600).option(
        10.0, "Time between two reports of a temperature that has changed. Everything else is sent at once."
    )
    hand_back_s: float = kinds.duration(30, 86400).option(
        600.0,
        "A percentage that was set over MQTT ends, and the fan is automatic again, once the broker, Home Assistant or\n"
        "a1d-mqtt has been gone for this long.",
    )

    @property
    def port_number(self) -> int:
        """``port``, or the usual one."""
        return self.port or (8883 if self.tls.enabled else 1883)


def read_settings(path: str | None) -> MqttConfig:
    """The settings in the file at ``path``. None: in CONFIG_PATH, or the defaults if it is not there.

    Raises ConfigError with every problem.
    """
    if path is None:
        if not os.path.lexists(CONFIG_PATH):
            return MqttConfig()
        path = CONFIG_PATH
    try:
        data = read_bounded(path)
        if len(data) > SIZE_MAX:
            raise ConfigError([f"{path}: larger than {SIZE_MAX // 1024} KiB; that is no configuration of a1d-mqtt"])
        return parse_settings(data.decode("utf-8"), path)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(
            [f"{path}:{line}: not UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8"]
        ) from None


def parse_settings(text: str, name: str) -> MqttConfig:
    """The settings in ``text``. ConfigError with every problem, in which ``name`` is the file."""
    settings: Any
    settings, problems = parse_section(MqttConfig, text, name)
    if problems:
        raise ConfigError(problems)
    assert isinstance(settings, MqttConfig)
    tls = settings.tls
    if not tls.enabled and (tls.ca_file or tls.certificate_file):
        what = "ca_file" if tls.ca_file else "certificate_file"
        text = f"found {what} without 'enabled: true': nothing would be encrypted, not even a password"
        raise ConfigError([f"{name}: tls: {text}; write enabled: true, or leave {what} out"])
    return settings
