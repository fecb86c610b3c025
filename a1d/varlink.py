"""A Varlink server for a selectors loop: NUL-ended JSON on a Unix socket, with introspection.

Every resource is bounded: clients in all and per user, message size, unread replies, work per wake-up.
What each method does is not known here. The reference library costs 5 MB and 40 ms of start-up, is
unmaintained since 2021, and bounds nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from a1d.errors import A1dError, DeniedError, RequestError
from a1d.log import Log

CLIENTS_MAX = 64
CLIENTS_PER_USER_MAX = 16
MESSAGE_MAX = 16 * 1024
UNREAD_MAX = 64 * 1024
_ACCEPTS_PER_WAKE = 16
_QUIET_MAX_S = 60.0
_READ_SIZE = 4096
_CALLS_PER_WAKE = 2  # the next caller, and the fan, are waiting too
_SO_PEERGROUPS = 59  # linux/socket.h; the socket module does not name it

_SERVICE = "org.varlink.service"
_SERVICE_DESCRIPTION = """\
# The Varlink service interface, offered by every service
interface org.varlink.service

method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)

method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
error ExpectedMore ()
"""

Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, from the kernel."""

    uid: int
    groups: frozenset[int]


@dataclass(frozen=True, slots=True)
class Stream:
    """Returned by a method that answers for as long as the client listens: ``first``, then ``Server.publish``."""

    first: Parameters | None = None


Method = Callable[[Parameters, Peer], Parameters | Stream]


@dataclass(frozen=True, slots=True)
class Interface:
    """A description in the Varlink language and the functions behind its methods."""

    description: str
    methods: Mapping[str, Method]

    @property
    def name(self) -> str:
        """The interface's name, as its description says it."""
        found = re.search(r"^interface\s+(\S+)", self.description, re.MULTILINE)
        assert found
        return found[1]


class _Client:
    def __init__(self, sock: socket.socket, peer: Peer, used_s: float) -> None:
        self.sock = sock
        self.peer = peer
        self.used_s = used_s
        self.inbox = b""
        self.calls: deque[bytes] = deque()
        self.outbox = b""
        self.streaming = False


class Server:
    """Listens at ``path``; the loop calls each selector key's ``data`` when its descriptor is ready."""

    def __init__(
        self,
        path: str,
        interfaces: list[Interface],
        info: dict[str, str],
        selector: selectors.BaseSelector,
        clock: Callable[[], float],
        *,
        log: Log,
    ) -> None:
        self._path = path
        self._info = info
        self._selector = selector
        self._clock = clock
        self._log = log
        service = Interface(
            _SERVICE_DESCRIPTION, {"GetInfo": self._get_info, "GetInterfaceDescription": self._get_description}
        )
        self._interfaces = {interface.name: interface for interface in (service, *interfaces)}
        self._clients: set[_Client] = set()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._spare_fd: int | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.bind(path)
            os.chmod(path, 0o666)  # noqa: S103 - everybody may read; who may steer is decided per call
            self._socket.listen(128)
        except OSError:
            self._socket.close()
            raise
        self._open_spare()
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Drop every client and remove the socket."""
        for client in list(self._clients):
            self._drop(client)
        self._selector.unregister(self._socket)
        self._socket.close()
        self._close_spare()
        with contextlib.suppress(OSError):
            os.unlink(self._path)

    @property
    def is_streaming(self) -> bool:
        """Whether ``publish`` would reach anybody."""
        return any(client.streaming for client in self._clients)

    def publish(self, parameters: Parameters) -> None:
        """Send to every client that monitors; one that has not read the last message misses this one."""
        message = _encode({"parameters": parameters, "continues": True})
        for client in list(self._clients):
            if client.streaming and not client.outbox:
                self._send(client, message)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_PER_WAKE):
            try:
                sock, _address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError:
                self._turn_away()
                return
            try:
                peer = _peer_of(sock)
            except OSError:
                sock.close()
                continue
            self._make_room(peer)
            if len(self._clients) >= CLIENTS_MAX and peer.uid != 0:
                sock.close()
                continue
            sock.setblocking(False)
            client = _Client(sock, peer, self._clock())
            self._clients.add(client)
            self._selector.register(sock, selectors.EVENT_READ, lambda c=client: self._ready(c))

    def _turn_away(self) -> None:
        """Out of descriptors: with the spare one accept and close, or the waiting caller would keep us awake."""
        self._close_spare()
        with contextlib.suppress(OSError):
            self._socket.accept()[0].close()
        self._open_spare()

    def _open_spare(self) -> None:
        self._spare_fd = None
        with contextlib.suppress(OSError):
            self._spare_fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _close_spare(self) -> None:
        if self._spare_fd is not None:
            os.close(self._spare_fd)

    def _make_room(self, peer: Peer) -> None:
        """A user with too many connections loses the one that has been silent longest. When the house is full,
        whoever has been silent for long makes room."""
        own = [client for client in self._clients if client.peer.uid == peer.uid]
        if len(own) >= CLIENTS_PER_USER_MAX:
            self._drop(min(own, key=lambda client: client.used_s))
        elif len(self._clients) >= CLIENTS_MAX:
            quiet = [client for client in self._clients if not client.streaming]
            longest = min(quiet, key=lambda client: client.used_s, default=None)
            if longest and self._clock() - longest.used_s > _QUIET_MAX_S:
                self._drop(longest)

    def _ready(self, client: _Client) -> None:
        if client not in self._clients:
            return
        if client.outbox:
            self._send(client, b"")
        else:
            self._receive(client)

    def _receive(self, client: _Client) -> None:
        if not client.calls:
            try:
                data = client.sock.recv(_READ_SIZE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data or client.streaming:  # whoever listens to a stream has nothing more to ask here
                self._drop(client)
                return
            *calls, client.inbox = (client.inbox + data).split(b"\0")
            client.calls.extend(calls)
            if len(client.inbox) > MESSAGE_MAX or any(len(call) > MESSAGE_MAX for call in calls):
                self._drop(client)
                return
        client.used_s = self._clock()
        for _ in range(_CALLS_PER_WAKE):
            if client.calls and not client.outbox:
                self._answer(client, client.calls.popleft())
        self._watch(client)

    def _answer(self, client: _Client, raw: bytes) -> None:
        try:
            call = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
            method, parameters = call["method"], call.get("parameters") or {}
            if not isinstance(method, str) or not isinstance(parameters, dict):
                raise TypeError
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self._drop(client)  # not Varlink: there is nothing to answer
            return
        try:
            reply = self._call(method, parameters, client.peer)
            if isinstance(reply, Stream):
                if not call.get("more"):
                    raise _VarlinkError("ExpectedMore")
                if call.get("oneway"):
                    return
                client.streaming = True
                client.calls.clear()
                if reply.first is not None:
                    self._send(client, _encode({"parameters": reply.first, "continues": True}))
                return
            message = _encode({"parameters": reply})
        except _VarlinkError as error:
            message = _encode({"error": f"{_SERVICE}.{error.name}", "parameters": error.parameters})
        except A1dError as error:
            message = _encode(_error_message(error, method))
        except Exception as error:  # a bug in one answer must not end the daemon
            self._log.error(f"control: a bug in {method}: {error!r:.500}")
            failed = f"{method.rpartition('.')[0]}.Failed"
            message = _encode({"error": failed, "parameters": {"reasons": [f"a bug in a1d: {error!r:.200}"]}})
        if not call.get("oneway"):
            self._send(client, message)

    def _call(self, method: str, parameters: Parameters, peer: Peer) -> Parameters | Stream:
        interface_name, _, name = method.rpartition(".")
        interface = self._interfaces.get(interface_name)
        if interface is None:
            raise _VarlinkError("InterfaceNotFound", interface=interface_name)
        function = interface.methods.get(name)
        if function is None:
            raise _VarlinkError("MethodNotFound", method=name)
        return function(parameters, peer)

    def _get_info(self, _parameters: Parameters, _peer: Peer) -> Parameters:
        return {**self._info, "interfaces": sorted(self._interfaces)}

    def _get_description(self, parameters: Parameters, _peer: Peer) -> Parameters:
        name = take(parameters, interface=str)["interface"]
        if name not in self._interfaces:
            raise _VarlinkError("InterfaceNotFound", interface=name)
        return {"description": self._interfaces[name].description}

    def _send(self, client: _Client, message: bytes) -> None:
        client.outbox += message
        try:
            sent = client.sock.send(client.outbox, socket.MSG_NOSIGNAL)
            client.outbox = client.outbox[sent:]
            client.used_s = self._clock() if sent else client.used_s
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
            return
        if len(client.outbox) > UNREAD_MAX:
            self._drop(client)
            return
        self._watch(client)

    def _watch(self, client: _Client) -> None:
        """Wait for room while replies or calls wait; nothing more is read from a client that does not read."""
        if client in self._clients:
            events = selectors.EVENT_WRITE if client.outbox or client.calls else selectors.EVENT_READ
            key = self._selector.get_key(client.sock)
            if key.events != events:
                self._selector.modify(client.sock, events, key.data)

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            client.calls.clear()
            self._selector.unregister(client.sock)
            client.sock.close()


class _VarlinkError(Exception):
    def __init__(self, name: str, **parameters: str) -> None:
        self.name = name
        self.parameters = parameters
        super().__init__(name)


def take(parameters: Parameters, **types: type | tuple[type, ...]) -> Parameters:
    """The named parameters, each of its type; a missing one is None where None is among its types."""
    for name in parameters:
        if name not in types:
            raise RequestError(name, f"there is no parameter {name!r}")
    result = {}
    for name, kind in types.items():
        kinds = kind if isinstance(kind, tuple) else (kind,)
        value = parameters.get(name)
        if type(value) not in kinds:
            expected = " or ".join("null" if k is type(None) else k.__name__ for k in kinds)
            raise RequestError(name, f"{name}: found {type(value).__name__}, expected {expected}")
        result[name] = value
    return result


def _error_message(error: A1dError, method: str) -> Parameters:
    """Domain errors go out under the called interface's names, with their text for the user."""
    interface = method.rpartition(".")[0]
    if isinstance(error, DeniedError):
        return {"error": f"{_SERVICE}.PermissionDenied", "parameters": {}}
    if isinstance(error, RequestError) and interface == _SERVICE:
        return {"error": f"{_SERVICE}.InvalidParameter", "parameters": {"parameter": error.parameter}}
    if isinstance(error, RequestError):
        return {
            "error": f"{interface}.InvalidRequest",
            "parameters": {"parameter": error.parameter, "reason": str(error)},
        }
    return {"error": f"{interface}.Failed", "parameters": {"reasons": str(error).splitlines()}}


def _peer_of(sock: socket.socket) -> Peer:
    _pid, uid, gid = struct.unpack("iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        raw = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 1024)  # Python takes no more: 256 groups
    except OSError:
        raw = b""  # fewer rights, never more
    return Peer(uid, frozenset((gid, *(group for (group,) in struct.iter_unpack("I", raw)))))


def _encode(message: Parameters) -> bytes:
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\0"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
