"""A Varlink server for a selectors loop: NUL-ended JSON on a Unix socket, with introspection.

Every resource is bounded: clients in all and per user, message size, unread replies, work per wake-up.
What each method does is not known here. The reference library costs 1.5 MB and 21 ms of start-up, has
had no release since 2021, and bounds nothing.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector
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
Clock = Callable[[], float]  # seconds


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, from the kernel."""

    uid: int
    groups: frozenset[int]


class Stream(Parameters):
    """The first reply of a method that goes on, through ``Server.publish``, for as long as the client listens."""


Method = Callable[[Parameters, Peer], Parameters]


@dataclass(frozen=True, slots=True)
class Interface:
    """A description in the Varlink language and the functions behind its methods."""

    description: str
    methods: Mapping[str, Method]

    @property
    def name(self) -> str:
        """The interface's name, as its description says it."""
        return str(re.findall(r"^interface\s+(\S+)", self.description, re.MULTILINE)[0])


@dataclass(eq=False, slots=True)
class _Client:
    sock: socket.socket
    peer: Peer
    used_s: float
    inbox: bytes = b""  # calls not yet answered, the last of them perhaps not yet whole
    outbox: bytes = b""
    streaming: bool = False

    @property
    def has_call(self) -> bool:
        return b"\0" in self.inbox


class Server:
    """Listens at ``path``; the loop calls each selector key's ``data`` when its descriptor is ready."""

    def __init__(
        self, path: str, offered: list[Interface], info: Parameters, selector: BaseSelector, clock: Clock, *, log: Log
    ) -> None:
        self._path = path
        self._selector = selector
        self._clock = clock
        self._log = log
        methods: dict[str, Method] = {
            "GetInfo": lambda _parameters, _peer: {**info, "interfaces": sorted(self._interfaces)},
            "GetInterfaceDescription": self._get_description,
        }
        service = Interface(_SERVICE_DESCRIPTION, methods)
        self._interfaces = {interface.name: interface for interface in (service, *offered)}
        self._clients: set[_Client] = set()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._spare = socket.socket(socket.AF_UNIX)
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.setblocking(False)
            self._socket.bind(path)
            os.chmod(path, 0o666)  # noqa: S103 - everybody may read; who may steer is decided per call
            self._socket.listen(128)
        except OSError:
            self._spare.close()
            self._socket.close()
            raise
        selector.register(self._socket, EVENT_READ, self._accept)

    def close(self) -> None:
        """Drop every client and remove the socket."""
        for client in list(self._clients):
            self._drop(client)
        self._selector.unregister(self._socket)
        self._socket.close()
        self._spare.close()
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
            self._selector.register(sock, EVENT_READ, functools.partial(self._ready, client))

    def _turn_away(self) -> None:
        """Out of descriptors: with the spare one accept and close, or the waiting caller would keep us awake."""
        self._spare.close()
        with contextlib.suppress(OSError):
            self._socket.accept()[0].close()
        with contextlib.suppress(OSError):
            self._spare = socket.socket(socket.AF_UNIX)

    def _make_room(self, peer: Peer) -> None:
        """A user with too many connections loses the one that has been silent longest. When the house is full,
        whoever has been silent for long makes room."""
        own = [client for client in self._clients if client.peer.uid == peer.uid]
        quiet_since_s = self._clock() - _QUIET_MAX_S
        quiet = [client for client in self._clients if not client.streaming and client.used_s < quiet_since_s]
        may_go = own if len(own) >= CLIENTS_PER_USER_MAX else quiet if len(self._clients) >= CLIENTS_MAX else []
        if may_go:
            self._drop(min(may_go, key=lambda client: client.used_s))

    def _ready(self, client: _Client) -> None:
        if client.outbox:
            self._send(client, b"")
        elif client in self._clients:  # not dropped earlier in this turn
            self._receive(client)

    def _receive(self, client: _Client) -> None:
        if not client.has_call:
            try:
                data = client.sock.recv(_READ_SIZE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            client.inbox += data
            is_too_long = max(map(len, client.inbox.split(b"\0"))) > MESSAGE_MAX
            if not data or is_too_long or client.streaming:  # whoever listens to a stream has nothing more to ask here
                self._drop(client)
                return
        client.used_s = self._clock()
        for _ in range(_CALLS_PER_WAKE):
            if client.has_call and not client.outbox:
                call, _, client.inbox = client.inbox.partition(b"\0")
                self._answer(client, call)
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
            if isinstance(reply, Stream) and not call.get("more"):
                raise _VarlinkError("ExpectedMore", {})
            message = _encode({"parameters": reply} | ({"continues": True} if isinstance(reply, Stream) else {}))
        except Exception as error:  # a bug in one answer must not end the daemon
            reply = {}
            message = _encode(self._error_message(error, method))
        if call.get("oneway"):
            return
        if isinstance(reply, Stream):
            client.streaming = True
            client.inbox = b""
        self._send(client, message)

    def _call(self, method: str, parameters: Parameters, peer: Peer) -> Parameters:
        interface_name, _, name = method.rpartition(".")
        function = self._interface(interface_name).methods.get(name)
        if function is None:
            raise _VarlinkError("MethodNotFound", {"method": name})
        return function(parameters, peer)

    def _interface(self, name: str) -> Interface:
        if name not in self._interfaces:
            raise _VarlinkError("InterfaceNotFound", {"interface": name})
        return self._interfaces[name]

    def _get_description(self, parameters: Parameters, _peer: Peer) -> Parameters:
        return {"description": self._interface(parse_parameters(parameters, interface=str)["interface"]).description}

    def _error_message(self, error: Exception, method: str) -> Parameters:
        """Domain errors go out under the called interface's names, with their text for the user."""
        interface = method.rpartition(".")[0]
        if isinstance(error, DeniedError):
            error = _VarlinkError("PermissionDenied", {})
        elif isinstance(error, RequestError) and interface == _SERVICE:
            error = _VarlinkError("InvalidParameter", {"parameter": error.parameter})
        if isinstance(error, _VarlinkError):
            name, parameters = error.args
            return {"error": f"{_SERVICE}.{name}", "parameters": parameters}
        if isinstance(error, RequestError):
            name, parameters = "InvalidRequest", {"parameter": error.parameter, "reason": str(error)}
        elif isinstance(error, A1dError):
            name, parameters = "Failed", {"reasons": str(error).splitlines()}
        else:
            self._log.error(f"control: a bug in {method}: {error!r:.500}")
            name, parameters = "Failed", {"reasons": [f"a bug in a1d: {error!r:.200}"]}
        return {"error": f"{interface}.{name}", "parameters": parameters}

    def _send(self, client: _Client, message: bytes) -> None:
        client.outbox += message
        try:
            client.outbox = client.outbox[client.sock.send(client.outbox, socket.MSG_NOSIGNAL) :]
            client.used_s = self._clock()
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
        if len(client.outbox) > UNREAD_MAX:
            self._drop(client)
        self._watch(client)

    def _watch(self, client: _Client) -> None:
        """Wait for room while replies or calls wait; nothing more is read from a client that does not read."""
        if client in self._clients:
            events = EVENT_WRITE if client.outbox or client.has_call else EVENT_READ
            self._selector.modify(client.sock, events, self._selector.get_key(client.sock).data)

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            client.inbox = client.outbox = b""
            self._selector.unregister(client.sock)
            client.sock.close()


def read_description(beside: str, name: str) -> str:
    """The description of the interface ``name``, from the file of that name beside the file ``beside``."""
    with open(os.path.join(os.path.dirname(beside), f"{name}.varlink"), encoding="utf-8") as file:
        return file.read()


class _VarlinkError(Exception):
    """Its arguments: one of org.varlink.service's errors, and the parameters of that."""


def parse_parameters(parameters: Parameters, **types: type | tuple[type, ...]) -> Parameters:
    """The named parameters, each of its type; a missing one is None where None is among its types."""
    for name in parameters:
        if name not in types:
            raise RequestError(name, f"there is no parameter {name!r}")
    for name, kind in types.items():
        kinds = kind if isinstance(kind, tuple) else (kind,)
        value = parameters.get(name)
        if type(value) not in kinds:
            expected = " or ".join("null" if k is type(None) else k.__name__ for k in kinds)
            raise RequestError(name, f"{name}: found {type(value).__name__}, expected {expected}")
    return {name: parameters.get(name) for name in types}


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
