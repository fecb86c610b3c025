"""The connection to the broker: paho-mqtt, 1.6 or 2, within our own loop. What it sends is not trusted."""

from __future__ import annotations

import os
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from a1d.config.bounded import read_bounded
from a1d.errors import A1dError
from a1d.mqtt.bridge import Message
from a1d.mqtt.settings import MqttConfig
from a1d.mqtt.states import OFFLINE
from a1d.mqtt.topics import Topics

if TYPE_CHECKING:
    import paho.mqtt.client as paho

_KEEPALIVE_S = 30  # a broker says that we are gone after one and a half of it
_TURN_MAX_S = 0.2
_PACKETS_MAX = 64  # read before it is the daemon's turn again
_PACKET_MAX = 1 << 20  # bytes; nothing that we ask for is nearly as long
_SPEECH, _NAME, _AWAY = "it does not speak MQTT 3.1.1", "it does not like our name", "it is not available"
_WRONG, _MISSING = "it does not accept user and password", "we may not: it wants a user and a password"
_REFUSALS = {1: _SPEECH, 2: _NAME, 3: _AWAY, 4: _WRONG, 5: _MISSING}
_REFUSALS |= {132: _SPEECH, 133: _NAME, 134: _WRONG, 135: _MISSING, 136: _AWAY}  # as MQTT 5, and so paho 2, counts


class BrokerError(A1dError, OSError):
    """The broker cannot be reached, or is lost."""


class Broker:
    """One client. ``connect`` until ``is_connected``; then what comes goes to ``on_message(topic, payload, retained)``.

    ``suffix`` tells a second client of the same machine from the service.
    """

    def __init__(
        self,
        settings: MqttConfig,
        topics: Topics,
        device_id: str,
        on_message: Callable[[str, bytes, bool], None],
        suffix: str = "",
    ) -> None:
        self.where = f"{settings.broker}:{settings.port_number}"
        self.what = f"{topics.root}, {'the fan may be set' if settings.steering else 'read only'}"
        self.device_id = device_id
        self.is_connected = False
        self._settings = settings
        self._topics = topics
        self._refusal: str | None = None
        self._is_lost = False  # whatever paho thinks of its socket
        self._unsettled: list[Any] = []
        self._on_message = on_message
        self._listens = not suffix
        self._client = client = _make_client(f"a1d-{device_id}{suffix}")
        client.on_connect = self._connected
        client.on_message = self._received
        if not suffix:
            client.will_set(topics.availability, OFFLINE, qos=0, retain=True)
        user = credential("mqtt.user")
        if user is not None:
            client.username_pw_set(user, credential("mqtt.password"))
        if settings.tls.enabled:
            self._set_tls()

    def _set_tls(self) -> None:
        tls = self._settings.tls
        key = credential_path("mqtt.key") if tls.certificate_file else None
        try:
            context = ssl.create_default_context(cafile=tls.ca_file)
            if tls.certificate_file:
                context.load_cert_chain(tls.certificate_file, key)
            self._client.tls_set_context(context)
        except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
            files = ", ".join(name for name in (tls.ca_file, tls.certificate_file, key) if name)
            raise A1dError(f"TLS cannot be used: {error}; expected PEM in {files or 'the files of tls'}") from None

    # -- the connection ----------------------------------------------------------------------------

    def connect(self) -> None:
        """Begin. Waits 5 s for the network, with TLS as much as 30 s more; BrokerError says why it failed."""
        self.is_connected = self._is_lost = False
        self._refusal = None
        try:
            self._client.connect(self._settings.broker, self._settings.port_number, keepalive=_KEEPALIVE_S)
        except ssl.SSLCertVerificationError as error:
            raise self._lost(f"{self.where} is not who it should be: {error.verify_message}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise self._lost(f"the broker at {self.where} cannot be reached: {reason}") from None

    def socket(self) -> socket.socket | None:
        """For select; None if there is no connection."""
        found: Any = None if self._is_lost else self._client.socket()  # with TLS an ssl.SSLSocket
        return found  # type: ignore[no-any-return]

    def wants_write(self) -> bool:
        """Whether it still has to send what it was given: give it no more then."""
        return bool(self._client.want_write())

    def read(self) -> None:
        """What has come. BrokerError if the connection is lost."""
        for _ in range(_PACKETS_MAX):
            try:
                code = self._client.loop_read()
            except Exception as error:  # paho takes it that each packet is what it says
                raise self._lost(f"the broker at {self.where} makes no sense: {error!r:.80}") from None
            self._judge(code)
            is_long = getattr(self._client, "_in_packet", {}).get("remaining_length", 0) > _PACKET_MAX
            # All is subscribed to with QoS 0; what comes with 2 would be kept until the broker releases it.
            if is_long or getattr(self._client, "_in_messages", None):
                raise self._lost(f"the broker at {self.where} sends more than anybody asked for")
            connection = self.socket()
            pending = getattr(connection, "pending", None)  # what TLS has decrypted, select does not see
            if connection is None or (not (pending and pending()) and not select.select([connection], [], [], 0)[0]):
                return

    def write(self) -> None:
        """As much as goes. BrokerError as above."""
        self._judge(self._client.loop_write())

    def tend(self) -> None:
        """At least once a second: pings. BrokerError as above."""
        self._judge(self._client.loop_misc())

    def publish(self, message: Message, *, sure: bool = False) -> None:
        """Send, or queue. If ``sure``, the broker acknowledges it: ``is_settled``. BrokerError as above."""
        sent = self._client.publish(message.topic, message.payload, qos=int(sure), retain=message.retain)
        self._judge(sent.rc)
        if sure:
            self._unsettled.append(sent)

    def is_settled(self) -> bool:
        """Whether the broker has acknowledged all that it has to."""
        self._unsettled = [each for each in self._unsettled if not each.is_published()]
        return not self._unsettled

    def subscribe(self, filters: Iterable[str]) -> None:
        """What is retained there comes at once, again for each call."""
        self._client.subscribe([(each, 0) for each in filters])

    def talk(self, done: Callable[[], bool], deadline_s: float) -> None:
        """Until ``done()``. BrokerError if that takes longer, or the connection is lost."""
        while not done():
            left_s = deadline_s - time.monotonic()
            connection = self.socket()
            if left_s <= 0 or connection is None:
                raise BrokerError(f"the broker at {self.where} does not answer")
            writers = [connection] if self.wants_write() else []
            readable, writable, _ = select.select([connection], writers, [], min(left_s, _TURN_MAX_S))
            if writable:
                self.write()
            if readable:
                self.read()
            self.tend()

    def leave(self) -> None:
        """Say goodbye: then the last will is not published. What is not settled may be lost."""
        self._client.disconnect()

    def _judge(self, code: int) -> None:
        if code != 0 or self.socket() is None:
            refused = f"refuses: {self._refusal}" if self._refusal else "has gone away"
            raise self._lost(f"the broker at {self.where} {refused}")

    def _lost(self, text: str) -> BrokerError:
        self.is_connected, self._is_lost = False, True
        return BrokerError(text)

    # -- what paho calls -----------------------------------------------------------------------------

    def _connected(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any = None) -> None:
        code = getattr(reason, "value", reason)
        if code != 0:
            refusal = _REFUSALS.get(code, f"reason {code}")
            self._refusal = refusal + (_credentials_hint() if refusal in (_WRONG, _MISSING) else "")
            return
        self.is_connected = True
        if not self._listens:
            return
        commands = self._topics.commands if self._settings.steering else ()
        self.subscribe((*self._topics.home_assistant, *commands))

    def _received(self, _client: Any, _userdata: Any, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # none of ours
        self._on_message(topic, message.payload, bool(message.retain))


def _credentials_hint() -> str:
    if "CREDENTIALS_DIRECTORY" in os.environ:
        return ": see /etc/a1d/mqtt.user and /etc/a1d/mqtt.password, or wherever the unit takes these credentials from"
    return ": without systemd, a1d-mqtt reads mqtt.user and mqtt.password from where CREDENTIALS_DIRECTORY says"


def credential_path(name: str) -> str | None:
    """The file of a credential that systemd has passed; None if there is none, or it is blank."""
    path = os.path.join(os.environ.get("CREDENTIALS_DIRECTORY", ""), name)
    return path if os.path.isabs(path) and os.path.exists(path) and _read(path).strip() else None


def credential(name: str) -> str | None:
    """What it says, without the line's end; None as above. A1dError if it cannot be read, or is no text."""
    path = credential_path(name)
    if path is None:
        return None
    try:
        return _read(path).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise A1dError(f"{path} is no text: {error.reason} at byte {error.start}") from None


def _read(path: str) -> bytes:
    try:
        return read_bounded(path)
    except OSError as error:
        raise A1dError(f"{path} cannot be read: {error.strerror}") from None


def _how_to_install() -> str:
    if sys.prefix == sys.base_prefix:
        return "on Debian, sudo apt install python3-paho-mqtt"
    pip = os.path.join(sys.prefix, "bin", "pip")
    # What make install has made has no pip. Elsewhere not a1d[mqtt], which would look for a1d where it is not.
    return f"{pip} install 'paho-mqtt>=1.6'" if os.path.exists(pip) else "in a1d's sources, sudo make install"


def _make_client(client_id: str) -> paho.Client:
    try:
        import paho.mqtt.client as paho
    except ImportError:
        raise A1dError(f"paho-mqtt is not installed for {sys.executable}: {_how_to_install()}") from None
    if hasattr(paho, "CallbackAPIVersion"):
        return paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id)
    return paho.Client(client_id=client_id)
