"""The Varlink server in a loop of its own: introspection, streams, bounds, and whatever clients may do wrong."""

from __future__ import annotations

import errno
import gc
import json
import os
import resource
import selectors
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from varlink import scanner

from a1d.errors import A1dError, DeniedError, RequestError
from a1d.log import Log
from a1d.service import listener, server
from a1d.service.discard import BATCH, CLOSING_MAX, WAITING_MAX
from a1d.service.server import CLIENTS_MAX, CLIENTS_PER_USER_MAX, MESSAGE_MAX, RESERVED, Server
from a1d.service.varlink import Interface, Later, Method, Parameters, Peer, Service, Stream, parse_parameters
from tests.virtual import VirtualClock

SERVICE = "org.varlink.service"
TOY = "org.test.toy"
QUIET = Log(lambda _line: None)
TOY_DESCRIPTION = """\
# Everything that a server can be asked for.
interface org.test.toy
method Echo(text: string) -> (text: string)
method Deeper(text: string) -> (text: string)
method Big(size: int) -> (text: string)
method Count() -> (n: int)
method Refuse() -> ()
method Fail() -> ()
method Crash() -> ()
method Nan() -> (n: float)
method Slow() -> ()
method Soon() -> ()
error InvalidRequest (parameter: string, reason: string)
error Failed (reasons: []string)
"""
STRANGER = Peer(65534, frozenset())


class Wire:
    """A client that never waits."""

    def __init__(self, path: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        try:
            self.sock.connect(path)
        except OSError:
            self.sock.close()
            raise
        self.closed = False
        self._data = b""

    def send(self, data: bytes) -> int:
        """As much of ``data`` as there is room for; 0 when the server has hung up."""
        try:
            return self.sock.send(data)
        except (BlockingIOError, ConnectionError):
            return 0

    def call(self, method: str, parameters: object = None, **flags: object) -> None:
        call = {"method": method, "parameters": {} if parameters is None else parameters, **flags}
        assert self.send(json.dumps(call).encode() + b"\0")

    def read(self) -> list[Any]:
        """The whole messages that have come; ``closed`` says whether more can."""
        while not self.closed:
            try:
                chunk = self.sock.recv(1 << 20)
            except BlockingIOError:
                break
            except ConnectionError:
                chunk = b""
            self.closed = not chunk
            self._data += chunk
        *messages, self._data = self._data.split(b"\0")
        return [json.loads(message) for message in messages]


class Loop:
    """A server and the loop that it lives in. ``peer`` is who connects, None for the real one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.clock = VirtualClock()
        self.selector = selectors.DefaultSelector()
        self.peer: Peer | None = None
        self.trusted = {0}
        self.seen: list[Peer] = []
        self.answered: list[str] = []
        self.waiting: list[Callable[[A1dError | None], None]] = []  # what ends each call of Slow
        methods: dict[str, Method] = {
            "Echo": self._echo,
            "Deeper": lambda parameters, peer: self._deeper(parameters, peer, 5),
            "Big": lambda parameters, _peer: {"text": "x" * parse_parameters(parameters, size=int)["size"]},
            "Count": lambda _parameters, _peer: Stream({"n": 0}),
            "Refuse": _raising(DeniedError("no")),
            "Fail": _raising(A1dError("one\ntwo")),
            "Crash": _raising(RuntimeError("a bug")),
            "Nan": lambda _parameters, _peer: {"n": float("nan")},
            "Slow": lambda _parameters, _peer: Later(self.waiting.append),
            "Soon": lambda _parameters, _peer: Later(lambda done: done(None)),
        }
        info = {"vendor": "v", "product": "p", "version": "1", "url": "https://example.org"}
        service = Service([Interface(TOY_DESCRIPTION, methods)], info, QUIET)
        self.server = Server(path, service, self.selector, self.clock, lambda peer: peer.uid in self.trusted)
        self._wires: list[Wire] = []

    def _echo(self, parameters: Parameters, peer: Peer) -> Parameters:
        self.seen.append(peer)
        text = parse_parameters(parameters, text=str)["text"]
        self.answered.append(text)
        return {"text": text}

    def _deeper(self, parameters: Parameters, peer: Peer, levels: int) -> Parameters:
        return self._deeper(parameters, peer, levels - 1) if levels else self._echo(parameters, peer)

    def run_once(self) -> bool:
        """Everything that is ready now; False if nothing was."""
        ready = self.selector.select(0)
        for key, _events in ready:
            key.data()
        return bool(ready)

    def settle(self, turns_max: int = 200) -> None:
        """Until nothing is ready any more, which must come."""
        for _ in range(turns_max):
            if not self.run_once():
                return
        raise AssertionError(f"still something ready after {turns_max} turns: the loop spins")

    def wire(self, uid: int | None = None) -> Wire:
        """A client that the server has accepted or refused."""
        self.peer = None if uid is None else Peer(uid, frozenset())
        wire = Wire(self.path)
        self._wires.append(wire)
        self.settle()
        return wire

    def ask(self, wire: Wire, method: str, parameters: object = None, **flags: object) -> list[Any]:
        wire.call(method, parameters, **flags)
        self.settle()
        return wire.read()

    def works(self, wire: Wire) -> bool:
        return self.ask(wire, f"{TOY}.Echo", {"text": "hello"}) == [{"parameters": {"text": "hello"}}]

    def close(self) -> None:
        for wire in self._wires:
            wire.sock.close()
        self.server.close()
        assert not self.selector.get_map()
        self.selector.close()


def _raising(error: Exception) -> Method:
    def method(_parameters: Parameters, _peer: Peer) -> Parameters:
        raise error

    return method


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    loop = Loop(str(tmp_path / "socket"))
    real = listener.peer_of
    monkeypatch.setattr(server, "peer_of", lambda sock: loop.peer or real(sock))
    yield loop
    loop.close()


def conforms(value: Any, kind: Any, members: dict[str, Any], where: str = "") -> None:
    """Assert that ``value`` is exactly what ``kind``, a type as the reference library parsed it, describes."""
    told = f"{where}: {value!r:.80}"
    if isinstance(kind, scanner._Maybe):
        if value is not None:
            conforms(value, kind.element_type, members, where)
    elif isinstance(kind, scanner._CustomType):
        conforms(value, members[kind.name].type, members, where)
    elif isinstance(kind, scanner._Array):
        assert isinstance(value, list), told
        for index, element in enumerate(value):
            conforms(element, kind.element_type, members, f"{where}[{index}]")
    elif isinstance(kind, scanner._Enum):
        assert value in kind.fields, told
    elif isinstance(kind, scanner._Struct):
        assert isinstance(value, dict) and set(value) == set(kind.fields), f"{told}: declared {[*kind.fields]}"
        for name, field in kind.fields.items():
            conforms(value[name], field, members, f"{where}.{name}")
    else:
        accepted = {bool: (bool,), int: (int,), float: (int, float), str: (str,)}[type(kind)]
        assert type(value) in accepted, told


def check_message(message: Any, interfaces: dict[str, Any], method: str) -> None:
    """Assert that an answer to ``method`` is one that the interfaces' descriptions announce."""
    name = method.rpartition(".")[0]
    if "error" in message:
        home, _, error = message["error"].rpartition(".")
        assert home in (name, SERVICE)
        members = interfaces[home].members
        assert isinstance(members.get(error), scanner._Error), f"{message['error']} is not declared"
        conforms(message["parameters"], members[error].type, members, message["error"])
    else:
        members = interfaces[name].members
        conforms(message["parameters"], members[method.rpartition(".")[2]].out_type, members, method)


def describe(ask: Callable[[str, Parameters], Any]) -> dict[str, Any]:
    """Every interface that a server says it has, parsed by the reference library."""
    names = ask(f"{SERVICE}.GetInfo", {})["parameters"]["interfaces"]
    descriptions = {
        name: ask(f"{SERVICE}.GetInterfaceDescription", {"interface": name})["parameters"]["description"]
        for name in names
    }
    return {name: scanner.Interface(text) for name, text in descriptions.items()}


def declared_methods(interface: Any) -> dict[str, Any]:
    return {name: member for name, member in interface.members.items() if isinstance(member, scanner._Method)}


# -- introspection ---------------------------------------------------------------------------------


def test_descriptions_name_every_interface_and_parse_as_the_reference_library_does(loop: Loop) -> None:
    wire = loop.wire()
    interfaces = describe(lambda method, parameters: loop.ask(wire, method, parameters)[0])
    assert sorted(interfaces) == sorted([SERVICE, TOY])
    assert all(interface.name == name for name, interface in interfaces.items())
    assert interfaces[TOY].get_description() == TOY_DESCRIPTION


def test_the_service_interface_is_the_one_that_the_reference_library_knows(loop: Loop) -> None:
    wire = loop.wire()
    ours = describe(lambda method, parameters: loop.ask(wire, method, parameters)[0])[SERVICE]
    shipped = Path(scanner.__file__).with_name(f"{SERVICE}.varlink").read_text(encoding="utf-8")
    theirs = scanner.Interface(shipped)
    assert set(theirs.members) <= set(ours.members)
    for name, member in declared_methods(theirs).items():
        assert [*ours.members[name].in_type.fields] == [*member.in_type.fields]
        assert [*ours.members[name].out_type.fields] == [*member.out_type.fields]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (f"{SERVICE}.GetInfo", {}),
        (f"{SERVICE}.GetInfo", {"x": 1}),
        (f"{SERVICE}.GetInterfaceDescription", {"interface": TOY}),
        (f"{SERVICE}.GetInterfaceDescription", {"interface": "org.none"}),
        (f"{SERVICE}.GetInterfaceDescription", {"interface": 5}),
        (f"{SERVICE}.GetInterfaceDescription", {"interface": None}),
        (f"{SERVICE}.GetInterfaceDescription", {}),
        (f"{SERVICE}.GetInterfaceDescription", {"interface": TOY, "x": 1}),
        (f"{SERVICE}.Nothing", {}),
        (f"{TOY}.Nothing", {}),
        (f"{TOY}.Echo", {"text": "\ud800\0é"}),
        (f"{TOY}.Echo", {"\ud800": 1}),
        (f"{TOY}.Echo", {"text": 10**4000}),
        (f"{TOY}.Refuse", {}),
        (f"{TOY}.Fail", {}),
        (f"{TOY}.Count", {}),
    ],
)
def test_every_answer_is_as_described(loop: Loop, method: str, parameters: Parameters) -> None:
    wire = loop.wire()
    interfaces = describe(lambda name, values: loop.ask(wire, name, values)[0])
    [message] = loop.ask(wire, method, parameters)
    check_message(message, interfaces, method)


@pytest.mark.parametrize(
    ("method", "error", "parameters"),
    [
        ("Echo", f"{SERVICE}.InterfaceNotFound", {"interface": ""}),
        ("", f"{SERVICE}.InterfaceNotFound", {"interface": ""}),
        ("org.none.Echo", f"{SERVICE}.InterfaceNotFound", {"interface": "org.none"}),
        (f"{TOY}.", f"{SERVICE}.MethodNotFound", {"method": ""}),
        (f"{TOY}.echo", f"{SERVICE}.MethodNotFound", {"method": "echo"}),
        (f"{TOY}.__class__", f"{SERVICE}.MethodNotFound", {"method": "__class__"}),
        (f"{TOY}.Refuse", f"{SERVICE}.PermissionDenied", {}),
        (f"{TOY}.Fail", f"{TOY}.Failed", {"reasons": ["one", "two"]}),
        (f"{TOY}.Count", f"{SERVICE}.ExpectedMore", {}),
    ],
)
def test_an_error_names_its_cause_and_the_connection_lives(
    loop: Loop, method: str, error: str, parameters: Parameters
) -> None:
    wire = loop.wire()
    assert loop.ask(wire, method) == [{"error": error, "parameters": parameters}]
    assert loop.works(wire)


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, 10**4000, [[[]]]])
def test_a_wrong_type_is_named_and_not_echoed_at_length(loop: Loop, value: object) -> None:
    [message] = loop.ask(loop.wire(), f"{TOY}.Echo", {"text": value})
    assert message["error"] == f"{TOY}.InvalidRequest"
    assert message["parameters"]["parameter"] == "text"
    assert len(message["parameters"]["reason"]) < 120


@given(
    value=st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none()),
    kinds=st.sets(st.sampled_from([int, float, str, bool, type(None)]), min_size=1),
)
def test_take_gives_what_was_sent_or_names_it(value: object, kinds: set[type]) -> None:
    try:
        taken = parse_parameters({"x": value}, x=tuple(kinds))["x"]
    except RequestError as error:
        assert error.parameter == "x" and type(value) not in kinds
    else:
        assert taken is value and type(value) in kinds


# -- replies that take time --------------------------------------------------------------------------


def test_a_slow_reply_comes_when_it_is_there_and_others_are_served_meanwhile(loop: Loop) -> None:
    wire, other = loop.wire(), loop.wire()
    assert loop.ask(wire, f"{TOY}.Slow") == []
    assert loop.works(other)
    assert wire.read() == []
    (done,) = loop.waiting
    done(None)
    loop.settle()
    assert wire.read() == [{"parameters": {}}]
    assert loop.works(wire)


def test_a_slow_reply_may_be_an_error_and_may_be_quick(loop: Loop) -> None:
    wire = loop.wire()
    assert loop.ask(wire, f"{TOY}.Slow") == []
    loop.waiting[0](A1dError("one\ntwo"))
    assert wire.read() == [{"error": f"{TOY}.Failed", "parameters": {"reasons": ["one", "two"]}}]
    assert loop.ask(wire, f"{TOY}.Soon") == [{"parameters": {}}]
    assert loop.works(wire)


def test_what_a_client_asks_behind_a_slow_reply_is_answered_after_it(loop: Loop) -> None:
    wire = loop.wire()
    wire.call(f"{TOY}.Slow")
    for text in ("a", "b", "c"):
        wire.call(f"{TOY}.Echo", {"text": text})
    loop.settle()
    assert wire.read() == loop.answered == []
    loop.waiting[0](None)
    loop.settle()
    assert wire.read() == [{"parameters": {}}, *({"parameters": {"text": text}} for text in ("a", "b", "c"))]


def test_a_client_that_sends_without_end_while_it_waits_is_not_read(loop: Loop) -> None:
    wire = loop.wire()
    loop.ask(wire, f"{TOY}.Slow")
    while wire.send(b"x" * 65536):
        loop.settle()
    (client,) = loop.server._clients
    assert len(client.inbox) == 0


@pytest.mark.parametrize("is_half", [True, False])
def test_a_client_that_hangs_up_while_it_waits_is_nobodys_trouble(loop: Loop, is_half: bool) -> None:
    """As ``nc -N`` does: it has said all, and still listens."""
    wire, other = loop.wire(), loop.wire()
    loop.ask(wire, f"{TOY}.Slow")
    wire.sock.shutdown(socket.SHUT_WR)
    if not is_half:
        wire.sock.close()
    loop.settle()
    loop.waiting[0](None)
    loop.settle()
    if is_half:
        assert (wire.read(), wire.closed) == ([{"parameters": {}}], True)
    assert len(loop.server._clients) == 1
    assert loop.works(other)


def test_a_client_that_is_dropped_while_it_waits_gets_nothing_and_harms_nobody(loop: Loop) -> None:
    waiting = [loop.wire(1000) for _ in range(CLIENTS_PER_USER_MAX)]
    for wire in waiting:
        loop.clock.sleep(1)
        loop.ask(wire, f"{TOY}.Slow")
    newcomer = loop.wire(1000)  # takes the place of the one that has been silent longest
    assert loop.works(newcomer)
    for done in loop.waiting:
        done(None)
    loop.settle()
    assert [wire.read() for wire in waiting] == [[]] + [[{"parameters": {}}]] * (CLIENTS_PER_USER_MAX - 1)
    assert waiting[0].closed


def test_a_slow_call_that_wants_no_answer_is_done_and_gets_none(loop: Loop) -> None:
    wire = loop.wire()
    assert loop.ask(wire, f"{TOY}.Slow", oneway=True) == []
    loop.waiting[0](A1dError("no"))
    loop.settle()
    assert wire.read() == []
    assert loop.works(wire)


def test_a_server_that_closes_drops_who_waits(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = loop.wire()
    loop.ask(wire, f"{TOY}.Slow")
    loop.server.close()
    monkeypatch.setattr(loop.server, "close", lambda: None)
    loop.waiting[0](None)
    assert (wire.read(), wire.closed) == ([], True)


# -- calls -----------------------------------------------------------------------------------------


def test_a_oneway_call_is_carried_out_and_never_answered(loop: Loop) -> None:
    wire = loop.wire()
    for method in (f"{TOY}.Echo", f"{TOY}.Nothing", "org.none.X", f"{TOY}.Refuse", f"{TOY}.Count"):
        assert loop.ask(wire, method, {"text": "quiet"}, oneway=True) == []
    assert loop.answered == ["quiet"]
    assert loop.works(wire)
    assert loop.ask(wire, f"{TOY}.Count", oneway=True, more=True) == []
    assert not loop.server.is_streaming


def test_a_oneway_call_for_a_stream_leaves_the_calls_behind_it_alone(loop: Loop) -> None:
    wire = loop.wire()
    wire.send(json.dumps({"method": f"{TOY}.Count", "more": True, "oneway": True}).encode() + b"\0" + echo("next"))
    loop.settle()
    assert wire.read() == [{"parameters": {"text": "next"}}]


@pytest.mark.parametrize("flags", [{"more": True}, {"upgrade": True}, {"more": False, "oneway": False}, {"x": [1]}])
def test_an_ordinary_method_answers_once_whatever_the_flags(loop: Loop, flags: dict[str, object]) -> None:
    wire = loop.wire()
    [message] = loop.ask(wire, f"{TOY}.Echo", {"text": "a"}, **flags)
    assert message["parameters"] == {"text": "a"}
    assert not message.get("continues")
    assert loop.works(wire)


@pytest.mark.parametrize("parameters", [b"", b',"parameters":null', b',"parameters":{}'])
def test_parameters_may_be_missing(loop: Loop, parameters: bytes) -> None:
    wire = loop.wire()
    wire.send(b'{"method":"org.test.toy.Fail"' + parameters + b"}\0")
    loop.settle()
    assert wire.read()[0]["error"] == f"{TOY}.Failed"


def echo(text: str) -> bytes:
    return json.dumps({"method": f"{TOY}.Echo", "parameters": {"text": text}}).encode() + b"\0"


def test_pipelined_calls_are_answered_all_and_in_order(loop: Loop) -> None:
    wire = loop.wire()
    texts = [str(number) for number in range(1500)]
    data = b"".join(map(echo, texts))
    got: list[Any] = []
    for _ in range(2 * len(texts)):
        data = data[wire.send(data) :] if data else b""
        loop.run_once()
        got += wire.read()
    assert [message["parameters"]["text"] for message in got] == texts


def test_a_pipelining_client_does_not_keep_another_waiting(loop: Loop) -> None:
    greedy, modest = loop.wire(), loop.wire()
    greedy.send(echo("greedy") * 1000)
    modest.send(echo("modest"))
    loop.run_once()
    assert "modest" in loop.answered
    assert len(loop.answered) < 20
    assert modest.read()


@given(cuts=st.lists(st.integers(1, 400)))
def test_answers_do_not_depend_on_how_the_bytes_arrive(loop: Loop, cuts: list[int]) -> None:
    wire = loop.wire()
    data = b"".join(echo(text) for text in ("", "a", "é" * 40, "b" * 100))
    for cut in [*cuts, len(data)]:
        piece, data = data[:cut], data[cut:]
        wire.send(piece)
        loop.settle()
    assert [message["parameters"]["text"] for message in wire.read()] == ["", "a", "é" * 40, "b" * 100]
    wire.sock.close()
    loop.settle()


def test_byte_by_byte_is_a_call_too_and_nobody_waits_for_it(loop: Loop) -> None:
    slow, quick = loop.wire(), loop.wire()
    call = echo("slow")
    for index in range(len(call)):
        assert loop.works(quick)
        assert slow.read() == []
        slow.send(call[index : index + 1])
    loop.settle()
    assert slow.read() == [{"parameters": {"text": "slow"}}]


def padded(size: int) -> bytes:
    """A call of ``size`` bytes, its end not counted."""
    return echo("x" * (size + 1 - len(echo(""))))


def test_a_message_may_have_16_kib(loop: Loop) -> None:
    wire = loop.wire()
    message = padded(MESSAGE_MAX)
    assert len(message) - 1 == MESSAGE_MAX == 16384
    wire.send(message)
    loop.settle()
    assert len(wire.read()) == 1


@pytest.mark.parametrize("data", [padded(MESSAGE_MAX + 1), b"x" * (MESSAGE_MAX + 1), b" " * 100_000], ids=len)
def test_a_longer_message_ends_the_connection_though_it_never_ends(loop: Loop, data: bytes) -> None:
    wire, other = loop.wire(), loop.wire()
    while data and (sent := wire.send(data)):
        data = data[sent:]
        loop.settle()
    loop.settle()
    assert wire.read() == []
    assert wire.closed
    assert loop.works(other)


# -- garbage ---------------------------------------------------------------------------------------

GARBAGE = [
    b"",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\xff\xfe\xfd",
    b'{"method":"\xc3\x28"}',
    b"\xef\xbb\xbf" + echo("bom")[:-1],
    b"null",
    b"1",
    b'"method"',
    b"[]",
    b'["method"]',
    b"{}",
    b'{"method":null}',
    b'{"method":["org.test.toy.Echo"]}',
    b'{"method":"org.test.toy.Echo","parameters":[1]}',
    b'{"method":"org.test.toy.Echo","parameters":"x"}',
    b'{"method":"org.test.toy.Echo","parameters":{"text":NaN}}',
    b'{"method":"org.test.toy.Echo","parameters":{"text":-Infinity}}',
    b'{"method":"org.test.toy.Echo","parameters":{"text":1' + b"0" * 5000 + b"}}",
    b'{"method":"org.test.toy.Echo","parameters":{"text":"\x01"}}',
    b'{"method":"org.test.toy.Echo"',
    b'{"method":"org.test.toy.Echo"}{}',
    b"[" * 8000,
    b'{"a":' * 3000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda garbage: repr(garbage[:30]))
def test_what_is_not_varlink_ends_that_connection_alone(loop: Loop, garbage: bytes) -> None:
    wire, other = loop.wire(), loop.wire()
    wire.send(echo("before") + garbage + b"\0" + echo("after"))
    loop.settle()
    assert wire.read() == [{"parameters": {"text": "before"}}]
    assert wire.closed
    assert loop.answered == ["before"]
    assert loop.works(other)


@pytest.mark.parametrize("method", ["Echo", "Deeper"])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"":', b"}")])
def test_no_depth_of_nesting_gets_through(loop: Loop, method: str, opening: bytes, closing: bytes) -> None:
    head = f'{{"method":"{TOY}.{method}","parameters":{{"text":'.encode()
    for depth in [*range(1, 60), *range(800, 1010), 2000, 2700]:
        wire = loop.wire()
        wire.send(head + opening * depth + b"1" + closing * depth + b"}}\0")
        loop.settle()
        messages = wire.read()
        assert wire.closed or messages[0]["error"] == f"{TOY}.InvalidRequest"
        wire.sock.close()
    assert loop.works(loop.wire())


@given(
    pieces=st.lists(
        st.binary(max_size=60) | st.sampled_from([b"\0", echo("x"), echo("x")[:-9], b'{"method":', *GARBAGE])
    )
)
def test_no_bytes_at_all_do_harm(loop: Loop, pieces: list[bytes]) -> None:
    wire, other = loop.wire(), loop.wire()
    for piece in pieces:
        wire.send(piece)
        loop.settle()
    assert loop.works(other)
    for used in (wire, other):
        used.sock.close()
    loop.settle()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@given(
    method=st.sampled_from([f"{TOY}.Echo", f"{TOY}.Big", f"{TOY}.Count", "", "."]) | JSON,
    parameters=JSON | st.dictionaries(st.sampled_from(["text", "size", "x"]), JSON),
    flags=st.dictionaries(st.sampled_from(["more", "oneway", "upgrade", "continues"]), JSON),
)
def test_every_json_call_is_answered_or_ends_its_connection(
    loop: Loop, method: object, parameters: object, flags: dict[str, object]
) -> None:
    wire = loop.wire()
    call = {"method": method, "parameters": parameters, **flags}
    wire.send(json.dumps(call).encode() + b"\0")
    loop.settle()
    answered = bool(wire.read()) or wire.closed
    assert answered or flags.get("oneway") or (method == f"{TOY}.Count" and flags.get("more"))
    wire.sock.close()
    loop.settle()


@pytest.mark.parametrize("method", ["Crash", "Nan"])
def test_a_bug_in_a_method_does_not_end_the_loop(loop: Loop, method: str) -> None:
    wire, other = loop.wire(), loop.wire()
    wire.call(f"{TOY}.{method}")
    loop.settle()
    messages = wire.read()
    assert wire.closed or "error" in messages[0]
    assert loop.works(other)


# -- streams ---------------------------------------------------------------------------------------


def test_a_stream_continues_and_ends_with_its_client(loop: Loop) -> None:
    wire, other = loop.wire(), loop.wire()
    assert not loop.server.is_streaming
    assert loop.ask(wire, f"{TOY}.Count", more=True) == [{"parameters": {"n": 0}, "continues": True}]
    assert loop.server.is_streaming
    for number in range(1, 4):
        loop.server.publish({"n": number})
        assert wire.read() == [{"parameters": {"n": number}, "continues": True}]
    assert other.read() == []
    wire.sock.close()
    loop.settle()
    assert not loop.server.is_streaming
    loop.server.publish({"n": 4})
    assert loop.works(other)


@pytest.mark.parametrize("pipelined", [True, False])
def test_nothing_is_answered_into_a_stream(loop: Loop, pipelined: bool) -> None:
    """A message without "continues" would be the end of the stream to whoever reads it."""
    wire = loop.wire()
    watch = json.dumps({"method": f"{TOY}.Count", "more": True}).encode() + b"\0"
    wire.send(watch + echo("pipelined") if pipelined else watch)
    loop.settle()
    if not pipelined:
        wire.send(echo("later"))
        loop.settle()
    loop.server.publish({"n": 1})
    assert all(message.get("continues") for message in wire.read())


def test_a_reader_that_never_reads_misses_messages_and_delays_nobody(loop: Loop) -> None:
    lazy, keen = loop.wire(), loop.wire()
    lazy.call(f"{TOY}.Count", more=True)
    loop.ask(keen, f"{TOY}.Count", more=True)
    for number in range(1, 3000):
        loop.server.publish({"n": number, "text": "x" * 500})
        loop.run_once()
        assert [message["parameters"]["n"] for message in keen.read()] == [number]
    loop.settle()
    assert keen.read() == []
    numbers = [message["parameters"]["n"] for message in lazy.read()]
    assert 0 < len(numbers) < 3000
    assert numbers == sorted(numbers)
    loop.settle()
    lazy.read()
    loop.server.publish({"n": 3000})
    assert lazy.read() == [{"parameters": {"n": 3000}, "continues": True}]


def test_a_stream_may_be_left_in_the_middle_of_a_message(loop: Loop) -> None:
    wire, other = loop.wire(), loop.wire()
    loop.ask(wire, f"{TOY}.Count", more=True)
    for _ in range(10):
        loop.server.publish({"text": "x" * 60_000})
        loop.settle()
    wire.sock.close()
    loop.settle()
    assert not loop.server.is_streaming
    assert loop.works(other)


# -- clients that come, go, and do not read ----------------------------------------------------------


def test_a_flood_of_calls_without_reading_stops_being_read(loop: Loop) -> None:
    flood, other = loop.wire(), loop.wire()
    call = echo("x" * 500)
    sent = 0
    data = call * 4
    for _ in range(20_000):
        count = flood.send(data)
        loop.run_once()
        sent += count
        data = (data[count:] or call * 4) if count else data
        if not count:
            break
    loop.settle()
    assert flood.send(call) == 0, "the server goes on reading for ever"
    assert len(loop.answered) * 520 < 600_000, "replies pile up"
    assert loop.works(other)


def test_a_slow_reader_gets_every_reply_whole_and_in_order(loop: Loop) -> None:
    wire = loop.wire()
    sizes = list(range(40_000, 40_060))
    data = b"".join(json.dumps({"method": f"{TOY}.Big", "parameters": {"size": n}}).encode() + b"\0" for n in sizes)
    got: list[Any] = []
    while len(got) < len(sizes):
        while data and (sent := wire.send(data)):
            data = data[sent:]
            loop.settle()
        news = wire.read()
        assert news, "nothing moves any more"
        got += news
        loop.settle()
    assert [len(message["parameters"]["text"]) for message in got] == sizes


@pytest.mark.parametrize("read_first", [True, False])
def test_a_client_may_vanish_before_its_replies(loop: Loop, read_first: bool) -> None:
    wire, other = loop.wire(), loop.wire()
    wire.send(echo("x" * 2000) * 50)
    if read_first:
        loop.run_once()
        loop.run_once()
        wire.sock.recv(100)
    wire.sock.close()
    loop.settle()
    assert loop.works(other)
    assert len(loop.selector.get_map()) == 2  # the listener and the other


def test_who_closes_only_the_sending_side_still_gets_the_answers(loop: Loop) -> None:
    wire = loop.wire()
    wire.send(echo("a") * 40)
    wire.sock.shutdown(socket.SHUT_WR)
    loop.settle()
    assert len(wire.read()) == 40
    assert wire.closed


def test_a_reply_larger_than_every_buffer_arrives_or_ends_the_connection(loop: Loop) -> None:
    wire, other = loop.wire(), loop.wire()
    wire.call(f"{TOY}.Big", {"size": 5_000_000})
    for _ in range(1000):
        loop.run_once()
        if wire.read() or wire.closed:
            break
    else:
        raise AssertionError("neither came")
    assert loop.works(other)


# -- limits ----------------------------------------------------------------------------------------


def is_open(wire: Wire) -> bool:
    wire.read()
    return not wire.closed


def test_a_user_with_too_many_connections_loses_the_most_silent_one(loop: Loop) -> None:
    bystander = loop.wire(uid=1000)
    own = [loop.wire(uid=1001)]
    for _ in range(CLIENTS_PER_USER_MAX - 1):
        loop.clock.sleep(1)
        own.append(loop.wire(uid=1001))
    loop.clock.sleep(1)
    assert loop.works(own[0])
    assert all(map(is_open, own))
    newcomer = loop.wire(uid=1001)
    assert [index for index, wire in enumerate(own) if not is_open(wire)] == [1]
    assert loop.works(newcomer) and loop.works(bystander)


def test_a_monitoring_client_that_reads_is_not_silent(loop: Loop) -> None:
    monitor = loop.wire(uid=1000)
    loop.ask(monitor, f"{TOY}.Count", more=True)
    for _ in range(3 * CLIENTS_PER_USER_MAX):
        loop.clock.sleep(1)
        loop.wire(uid=1000)
        loop.server.publish({"n": 1})
        assert len(monitor.read()) == 1


STRANGERS_MAX = CLIENTS_MAX - RESERVED


def test_strangers_leave_places_for_whoever_may_steer(loop: Loop) -> None:
    """Four users with 16 connections each once kept out the group a1d and the daemon's own user."""
    guests = [loop.wire(uid=1000 + index // CLIENTS_PER_USER_MAX) for index in range(CLIENTS_MAX)]
    assert [index for index, wire in enumerate(guests) if is_open(wire)] == list(range(STRANGERS_MAX))
    assert not is_open(loop.wire(uid=2000))
    root = [loop.wire(uid=0) for _ in range(2 * CLIENTS_PER_USER_MAX)]
    assert loop.works(root[-1])
    assert sum(map(is_open, root)) == CLIENTS_PER_USER_MAX
    assert all(map(is_open, guests[:STRANGERS_MAX]))
    guests[0].sock.close()
    loop.settle()
    for wire in root:
        wire.sock.close()
    loop.settle()
    assert loop.works(loop.wire(uid=2000))


@pytest.mark.usefixtures("many_descriptors")
@pytest.mark.parametrize("users", [1, 5, 100])
def test_a_thousand_connections_at_once_stay_within_bounds(loop: Loop, users: int) -> None:
    root = loop.wire(uid=0)
    crowd: list[Wire] = []
    for index in range(1000):
        loop.peer = Peer(1000 + index % users, frozenset())
        while True:
            try:
                crowd.append(Wire(loop.path))
                break
            except BlockingIOError:  # the backlog is full
                loop.run_once()
                assert len(loop.selector.get_map()) <= 1 + 1 + CLIENTS_MAX
        crowd[-1].send(b'{"half')
        if index % 100 == 0:
            root.call(f"{TOY}.Echo", {"text": "root"})
            loop.run_once()
            assert len(root.read()) == 1
    loop.settle()
    survivors = [wire for wire in crowd if is_open(wire)]
    assert len(survivors) == min(CLIENTS_PER_USER_MAX * users, STRANGERS_MAX)
    assert loop.works(root)
    for wire in crowd:
        wire.sock.close()
    loop.settle()
    assert loop.works(loop.wire(uid=1000))


def test_clients_dropped_in_the_turn_in_which_they_call_do_no_harm(loop: Loop) -> None:
    own = [loop.wire(uid=1000) for _ in range(CLIENTS_PER_USER_MAX)]
    for wire in own:
        wire.send(echo("x"))
    newcomers = [Wire(loop.path) for _ in range(CLIENTS_PER_USER_MAX)]
    loop.settle()
    assert len(loop.selector.get_map()) == 1 + CLIENTS_PER_USER_MAX
    for wire in newcomers:
        wire.sock.close()


def test_whoever_may_steer_gets_in_when_even_the_reserved_places_are_taken(loop: Loop) -> None:
    """A stranger has to leave, and where there is none, the one among them who has been silent longest."""
    loop.trusted = set(range(10))
    guests = [loop.wire(uid=1000 + index // CLIENTS_PER_USER_MAX) for index in range(STRANGERS_MAX)]
    loop.clock.sleep(1)
    team = [loop.wire(uid=index % 3 + 1) for index in range(RESERVED)]
    loop.clock.sleep(1)
    assert loop.works(guests[0])
    assert all(map(is_open, (*guests, *team)))
    assert loop.works(loop.wire(uid=0))
    gone = [index for index, wire in enumerate(guests) if not is_open(wire)]
    assert len(gone) == 1 and gone != [0]
    for uid in range(4, 7):
        team += [loop.wire(uid=uid) for _ in range(CLIENTS_PER_USER_MAX)]
    assert not any(map(is_open, guests))
    assert loop.works(loop.wire(uid=0))


# -- descriptors in a message ----------------------------------------------------------------------


def lingering() -> tuple[socket.socket, Callable[[], None]]:
    """A TCP socket that takes 20 s to close, because it has sent what nobody reads; and how to end that."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        sender = socket.create_connection(listener.getsockname())
        receiver, _address = listener.accept()
    sender.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            sender.send(b"x" * 65536)
    sender.setblocking(True)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 20))
    return sender, receiver.close


def pass_on(wire: Wire, passed: socket.socket, text: bytes, flags: int = 0) -> None:
    wire.sock.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed.fileno().to_bytes(4, "little"))], flags)


@pytest.fixture
def bomb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts a descriptor that is slow to close into a connection, and keeps no other reference to it."""
    ends: list[Callable[[], None]] = []

    def put(wire: Wire, text: bytes = b"x", flags: int = 0) -> None:
        passed, end = lingering()
        ends.append(end)
        with passed:
            try:
                pass_on(wire, passed, text, flags)
            except OSError:
                end()  # or closing it would take this test as long
                raise

    yield put
    for end in ends:
        end()


@pytest.fixture
def old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux before 6.16, where a listener cannot refuse descriptors."""
    monkeypatch.setattr(listener, "_SO_PASSRIGHTS", 10_000)


def timed(act: Callable[[], object]) -> float:
    begin_s = time.monotonic()
    act()
    return time.monotonic() - begin_s


def _leave(loop: Loop, wire: Wire) -> None:
    wire.sock.close()
    wire.closed = True
    loop.settle()


def _call(loop: Loop, wire: Wire) -> None:
    wire.send(echo("x"))
    loop.settle()


WAYS: dict[str, Callable[[Loop, Wire], object]] = {
    "read": lambda loop, _wire: loop.settle(),
    "left by its sender": _leave,
    "before a call": _call,
    "evicted": lambda loop, _wire: [loop.wire(uid=1000) for _ in range(CLIENTS_PER_USER_MAX)],
    "at the end": lambda loop, _wire: loop.server.close(),
}


@pytest.mark.usefixtures("old_kernel")
@pytest.mark.parametrize("urgent", [0, socket.MSG_OOB])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("before", [b"", b"half a call", b"x" * 100_000])
def test_a_passed_descriptor_never_makes_the_loop_wait(
    loop: Loop, bomb: Callable[..., None], way: str, urgent: int, before: bytes
) -> None:
    """The kernel would make whoever closes the last reference wait, for as long as the sender chose."""
    wire = loop.wire(uid=1000)
    wire.send(before)
    bomb(wire, b"x", urgent)
    assert timed(lambda: WAYS[way](loop, wire)) < 2
    if way != "at the end":
        assert not is_open(wire)
        assert loop.works(loop.wire(uid=1001))
    else:
        loop.server.close = lambda: None  # type: ignore[method-assign]


@pytest.mark.usefixtures("old_kernel")
def test_descriptors_in_connections_that_wait_to_be_accepted_do_not_hold_up_the_end(
    loop: Loop, bomb: Callable[..., None]
) -> None:
    wires = [Wire(loop.path) for _ in range(3)]
    for wire in wires:
        bomb(wire)
    assert timed(loop.server.close) < 2
    loop.server.close = lambda: None  # type: ignore[method-assign]
    for wire in wires:
        wire.sock.close()


def burden(loop: Loop) -> Wire:
    """A connection that waits to be accepted with a descriptor in it that is quick to close."""
    wire = Wire(loop.path)
    with socket.socket() as passed:
        pass_on(wire, passed, b"x")
    return wire


@pytest.mark.usefixtures("old_kernel")
def test_many_passed_descriptors_go_to_few_processes_and_take_up_strangers_places(loop: Loop) -> None:
    loop.peer = STRANGER
    burdens = [burden(loop) for _ in range(BATCH + 3)]
    loop.settle()
    assert not any(map(is_open, burdens))
    assert loop.server._discarder.waiting == 3
    guests = [loop.wire(uid=1001 + index // CLIENTS_PER_USER_MAX) for index in range(STRANGERS_MAX)]
    assert sum(map(is_open, guests)) == STRANGERS_MAX - 3
    loop.server.tick()
    assert loop.server._discarder.waiting == 0
    assert len(loop.server._discarder._pids) <= 2
    for wire in burdens:
        wire.sock.close()


@pytest.mark.usefixtures("old_kernel")
def test_the_processes_that_close_are_few_and_end_at_once(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _signal: stuck.append(pid))
    for _ in range(CLOSING_MAX + 2):
        wire = burden(loop)
        loop.settle()
        loop.server.tick()
        wire.sock.close()
    monkeypatch.undo()
    assert len(stuck) == CLOSING_MAX
    assert loop.server._discarder.waiting == 2
    for pid in stuck:
        os.kill(pid, signal.SIGKILL)
    deadline_s = time.monotonic() + 20
    while loop.server._discarder.waiting or loop.server._discarder._pids:
        loop.server.tick()
        assert time.monotonic() < deadline_s


@pytest.mark.usefixtures("old_kernel", "many_descriptors")
def test_a_flood_of_passed_descriptors_leaves_some_for_the_bus(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """They once took up all that the daemon may have, within two seconds, and kept the owner out for minutes."""
    monkeypatch.setenv("PATH", "/nowhere")
    loop.peer = STRANGER
    before = len(os.listdir("/proc/self/fd"))
    burdens: list[Wire] = []
    for _ in range(2 * WAITING_MAX):
        with suppress(BlockingIOError):  # the backlog is full
            burdens.append(burden(loop))
        loop.settle()
    assert len(burdens) > WAITING_MAX
    assert loop.server._discarder.waiting == WAITING_MAX
    assert len(os.listdir("/proc/self/fd")) <= before + len(burdens) + WAITING_MAX + 1
    monkeypatch.undo()
    for _ in range(3):
        loop.server.tick()
        loop.settle()
    for wire in burdens:
        wire.sock.close()
    assert loop.works(loop.wire(uid=0))


@pytest.mark.usefixtures("old_kernel")
def test_without_a_process_to_close_it_a_passed_descriptor_waits(
    loop: Loop, bomb: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    bomb(loop.wire(uid=1000))
    assert timed(loop.settle) < 2
    loop.server.tick()
    assert loop.server._discarder.waiting == 1
    monkeypatch.undo()
    loop.server.tick()
    assert loop.server._discarder.waiting == 0


def test_a_kernel_that_can_refuse_descriptors_does(loop: Loop, bomb: Callable[..., None]) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, listener._SO_PASSRIGHTS, 0)
        except OSError:
            pytest.skip("this kernel has no SO_PASSRIGHTS: Linux 6.16")
    wire = loop.wire()
    with pytest.raises(PermissionError):
        bomb(wire)
    assert loop.works(wire)


@contextmanager
def no_descriptor_from(number: int) -> Iterator[None]:
    """No new descriptor of this number or higher."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_a_descriptor_left_callers_wait_in_line_and_the_loop_does_not_spin(loop: Loop) -> None:
    before = loop.wire()
    waiting = Wire(loop.path)
    free = os.dup(0)
    os.close(free)
    with no_descriptor_from(free):
        for _ in range(3):
            before.send(echo("x"))
            loop.settle()
            assert before.read() == [{"parameters": {"text": "x"}}]
            loop.server.tick()
    loop.server.tick()
    assert loop.works(waiting)
    waiting.sock.close()


def test_without_any_descriptor_at_all_the_server_lives(loop: Loop) -> None:
    before = loop.wire()
    waiting = Wire(loop.path)
    with no_descriptor_from(3):
        before.send(echo("x"))
        for _ in range(5):
            loop.run_once()
    assert before.read() == [{"parameters": {"text": "x"}}]
    loop.server.tick()
    assert loop.works(waiting)
    waiting.sock.close()


def test_a_caller_whom_the_kernel_has_no_memory_to_watch_is_dropped(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    before = loop.wire()
    with monkeypatch.context() as patch:
        patch.setattr(loop.selector, "register", refuse)
        waiting = Wire(loop.path)
        loop.settle()
    assert waiting.sock.recv(1) == b""
    waiting.sock.close()
    assert loop.works(before)


# -- the socket and who is at its other end ------------------------------------------------------------


def test_the_socket_is_for_everybody_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    path.write_text("left behind by another")
    loop = Loop(str(path))
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    wire = loop.wire()
    assert is_open(wire)
    loop.server.close()
    assert not path.exists()
    assert not is_open(wire)
    wire.sock.close()
    loop.selector.close()


def test_close_copes_with_a_socket_file_that_somebody_removed(tmp_path: Path) -> None:
    loop = Loop(str(tmp_path / "socket"))
    os.unlink(loop.path)
    loop.close()


def test_a_server_that_cannot_listen_leaves_nothing_open(tmp_path: Path) -> None:
    selector = selectors.DefaultSelector()
    with pytest.raises(OSError):
        Server(str(tmp_path / ("x" * 200)), Service([], {}, QUIET), selector, VirtualClock(), lambda _peer: False)
    assert not selector.get_map()
    selector.close()
    gc.collect()


def test_the_peer_is_who_the_kernel_says(loop: Loop) -> None:
    loop.works(loop.wire())
    [peer] = loop.seen
    assert peer.uid == os.geteuid()
    assert {os.getegid(), *os.getgroups()} <= peer.groups


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    "groups", [[], [4711], [4711, 4712], list(range(5000, 5255)), list(range(5000, 5400))], ids=len
)
def test_the_peers_groups_are_the_kernels_never_more(loop: Loop, groups: list[int]) -> None:
    script = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX)\n"
        "os.setgroups(eval(sys.argv[2])); os.setgid(65533); os.setuid(65534)\n"
        "s.connect(sys.argv[1]); s.sendall(sys.argv[3].encode() + b'\\0'); s.recv(9)"
    )
    os.chmod(Path(loop.path).parent, 0o755)
    directory = os.open(Path(loop.path).parent, os.O_PATH)
    call = echo("stranger")[:-1].decode()
    child = subprocess.Popen(
        [sys.executable, "-ISc", script, f"/proc/self/fd/{directory}/socket", repr(groups), call], pass_fds=[directory]
    )
    try:
        while not loop.seen and child.poll() is None:
            loop.selector.select(0.5)
            loop.run_once()
        assert child.wait(5) == 0
    finally:
        child.kill()
        child.wait()
        os.close(directory)
    [peer] = loop.seen
    assert peer.uid == 65534
    assert peer.groups == {65533, *(groups if len(groups) < 256 else [])}
