"""The Varlink protocol without its socket: a call comes in as bytes, the answer goes out as bytes.

NUL-ended JSON with introspection. What each method does is not known here. The reference library costs 1.5 MB and
21 ms of start-up, has had no release since 2021, and bounds nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from a1d.errors import A1dError, DeniedError, RequestError
from a1d.log import Log

_SERVICE = "org.varlink.service"

Parameters = dict[str, Any]


class Peer(NamedTuple):
    """Who is at the other end, from the kernel."""

    uid: int
    groups: frozenset[int]


class Stream(Parameters):
    """The first reply of a method that goes on, through ``Server.publish``, for as long as the client listens."""


class Later(NamedTuple):
    """What a method returns if its reply takes time: ``begin`` is called with what takes None or an error, once."""

    begin: Callable[[Callable[[A1dError | None], None]], None]


Method = Callable[[Parameters, Peer], Parameters | Later]


class Interface(NamedTuple):
    """A description in the Varlink language and the functions behind its methods."""

    description: str
    methods: Mapping[str, Method]

    @property
    def name(self) -> str:
        """The interface's name, as its description says it."""
        return str(re.findall(r"^interface\s+(\S+)", self.description, re.MULTILINE)[0])


class Answer(NamedTuple):
    """What goes back for a call: nothing for one that wants no answer. ``streaming``: more will follow.

    ``later``: call it with what takes the message, which is not there yet.
    """

    message: bytes
    streaming: bool = False
    later: Callable[[Callable[[bytes], None]], None] | None = None


class Service:
    """Everything that is offered at one socket. ``info`` are the texts of org.varlink.service.GetInfo."""

    def __init__(self, offered: list[Interface], info: Parameters, log: Log) -> None:
        self._log = log
        methods: dict[str, Method] = {
            "GetInfo": lambda _parameters, _peer: {**info, "interfaces": sorted(self.interfaces)},
            "GetInterfaceDescription": self._get_description,
        }
        itself = Interface(read_description(__file__, _SERVICE), methods)
        self.interfaces = {each.name: each for each in (itself, *offered)}

    def answer(self, raw: bytes, peer: Peer) -> Answer | None:
        """The answer to a call, without the NUL that ends it; None for what is no Varlink."""
        try:
            call = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
            method, parameters = call["method"], call.get("parameters") or {}
            if not isinstance(method, str) or not isinstance(parameters, dict):
                raise TypeError
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        streaming = False
        oneway = bool(call.get("oneway"))
        try:
            reply = self._call(method, parameters, peer)
            if isinstance(reply, Later):
                begin = reply.begin

                def later(send: Callable[[bytes], None]) -> None:
                    begin(lambda error: send(b"" if oneway else self._message(error, method)))

                return Answer(b"", later=later)
            if isinstance(reply, Stream) and not call.get("more"):
                raise _VarlinkError("ExpectedMore", {})
            message = encode_reply(reply, continues=isinstance(reply, Stream))
            streaming = isinstance(reply, Stream)
        except Exception as error:  # a bug in one answer must not end the daemon
            message = self._message(error, method)
        return Answer(b"") if oneway else Answer(message, streaming)

    def _message(self, error: Exception | None, method: str) -> bytes:
        return encode_reply({}, continues=False) if error is None else _encode(self._error_message(error, method))

    def _call(self, method: str, parameters: Parameters, peer: Peer) -> Parameters | Later:
        interface_name, _, name = method.rpartition(".")
        function = self._interface(interface_name).methods.get(name)
        if function is None:
            raise _VarlinkError("MethodNotFound", {"method": name})
        return function(parameters, peer)

    def _interface(self, name: str) -> Interface:
        if name not in self.interfaces:
            raise _VarlinkError("InterfaceNotFound", {"interface": name})
        return self.interfaces[name]

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
            self._log.error(f"control: a bug in {method}, or a disk that fails: {error!r:.500}")
            name, parameters = "Failed", {"reasons": [f"a bug, or a disk that fails (see dmesg): {error!r:.200}"]}
        return {"error": f"{interface}.{name}", "parameters": parameters}


def encode_reply(parameters: Parameters, *, continues: bool) -> bytes:
    """The bytes of a reply; ``continues``: it is not the last one to this call. ValueError for NaN."""
    return _encode({"parameters": parameters} | ({"continues": True} if continues else {}))


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


def read_description(beside: str, name: str) -> str:
    """The description of the interface ``name``, from the file of that name beside the file ``beside``."""
    with open(os.path.join(os.path.dirname(beside), f"{name}.varlink"), encoding="utf-8") as file:
        return file.read()


class _VarlinkError(Exception):
    """Its arguments: one of org.varlink.service's errors, and the parameters of that."""


def _encode(message: Parameters) -> bytes:
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\0"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
