"""The Varlink client against honest and hostile servers, over real sockets."""

from __future__ import annotations

import contextlib
import itertools
import json
import resource
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a1d.client.errors import NoDaemonError, RefusedError
from a1d.client.varlink import MESSAGE_MAX, call, replies
from a1d.errors import A1dError
from tests.client.hostile import listening, reply, slowly

METHOD = "org.example.Method"
TICK_S = 0.02


def call_once(path: str, wait_max_s: float) -> object:
    return call(path, METHOD, wait_max_s=wait_max_s)


def first_reply(path: str, wait_max_s: float) -> object:
    return next(replies(path, METHOD, wait_max_s=wait_max_s))


both = pytest.mark.parametrize("ask", [call_once, first_reply])
Ask = Callable[[str, float], object]


# -- what is said --------------------------------------------------------------------------------------


def test_a_call_sends_method_and_parameters_and_returns_the_parameters(tmp_path: Path) -> None:
    with listening(tmp_path / "s", reply({"a": [1, None]})) as listener:
        assert call(listener.path, METHOD, {"b": "ü"}) == {"a": [1, None]}
        assert call(listener.path, METHOD) == {"a": [1, None]}
    assert [json.loads(request.removesuffix(b"\0")) for request in listener.requests[:2]] == [
        {"method": METHOD, "parameters": {"b": "ü"}},
        {"method": METHOD, "parameters": {}},
    ]


@pytest.mark.parametrize("answer", [b"{}\0", b'{"parameters":null}\0', b'{"parameters":[1]}\0'])
def test_a_reply_without_parameters_has_none(tmp_path: Path, answer: bytes) -> None:
    with listening(tmp_path / "s", answer) as listener:
        assert call(listener.path, METHOD) == {}


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"reason": "too hot"}, "too hot"),
        ({"reasons": ["one", "two"]}, "one\ntwo"),
        ({"reasons": ["one", 5, None]}, "one"),
        ({"reasons": {"a": 1}}, "org.example.Odd"),
        ({"reason": 5}, "org.example.Odd"),
        ({}, "org.example.Odd"),
    ],
)
@both
def test_an_error_is_raised_with_its_name_its_parameters_and_words(
    tmp_path: Path, ask: Ask, parameters: dict[str, Any], text: str
) -> None:
    answer = reply(parameters, error="org.example.Odd")
    with listening(tmp_path / "s", answer) as listener, pytest.raises(RefusedError) as caught:
        ask(listener.path, 5)
    assert isinstance(caught.value, A1dError)
    assert (caught.value.error, caught.value.parameters, str(caught.value)) == ("org.example.Odd", parameters, text)


def test_replies_come_until_the_last_one(tmp_path: Path) -> None:
    answer = reply({"n": 1}, continues=True) + reply({"n": 2}, continues=True) + reply({"n": 3}) + reply({"n": 4})
    with listening(tmp_path / "s", answer) as listener:
        assert [r["n"] for r in replies(listener.path, METHOD)] == [1, 2, 3]
    assert json.loads(listener.requests[0].removesuffix(b"\0"))["more"] is True


def test_a_stream_may_last_longer_than_one_reply_may_take(tmp_path: Path) -> None:
    pieces = [reply({"n": n}, continues=True) for n in range(12)]
    with listening(tmp_path / "s", lambda _request: slowly(pieces, TICK_S * 2)) as listener:
        begin_s = time.monotonic()
        with pytest.raises(NoDaemonError, match="gone away"):
            list(replies(listener.path, METHOD, wait_max_s=TICK_S * 15))
        assert time.monotonic() - begin_s > TICK_S * 20


# -- bounds ----------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "answer",
    [
        lambda _request: slowly(itertools.repeat(b"", 40), TICK_S),
        lambda _request: slowly(itertools.repeat(b" ", 40), TICK_S),
        lambda _request: slowly(itertools.repeat(b"[" * 1000, 40), TICK_S),
    ],
    ids=["silence", "a trickle", "a thicker trickle"],
)
def test_a_whole_reply_has_only_so_much_time(tmp_path: Path, ask: Ask, answer: Any) -> None:
    with listening(tmp_path / "s", answer) as listener:
        begin_s = time.monotonic()
        with pytest.raises(NoDaemonError, match="does not answer"):
            ask(listener.path, TICK_S * 10)
        assert TICK_S * 9 < time.monotonic() - begin_s < TICK_S * 100


def test_a_stream_that_falls_silent_or_trickles_is_given_up(tmp_path: Path) -> None:
    pieces = [reply({}, continues=True), *[b" "] * 40]
    with listening(tmp_path / "s", lambda _request: slowly(pieces, TICK_S)) as listener:
        stream = replies(listener.path, METHOD, wait_max_s=TICK_S * 10)
        assert next(stream) == {}
        begin_s = time.monotonic()
        with pytest.raises(NoDaemonError, match="does not answer"):
            next(stream)
        assert time.monotonic() - begin_s < TICK_S * 100


def test_a_request_that_nobody_reads_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(1)
        with pytest.raises(NoDaemonError, match="busy"):
            call(str(tmp_path / "s"), METHOD, {"text": "x" * 10_000_000}, wait_max_s=TICK_S * 10)


@both
def test_a_reply_without_an_end_is_given_up_when_it_is_too_long(tmp_path: Path, ask: Ask) -> None:
    sent = 0

    def endless(_request: bytes) -> Any:
        nonlocal sent
        while True:
            yield b"x" * 65536
            sent += 65536

    with listening(tmp_path / "s", endless) as listener:
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(NoDaemonError, match="more than a1d ever would"):
            ask(listener.path, 30)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 16 * 1024
    assert sent < 3 * MESSAGE_MAX


def test_the_largest_honest_reply_is_taken_ten_times_over(tmp_path: Path) -> None:
    text = "x" * (MESSAGE_MAX - 100)
    with listening(tmp_path / "s", reply({"text": text})) as listener:
        assert call(listener.path, METHOD) == {"text": text}


# -- connecting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("obstacle", ["nothing", "a file", "below a file", "a directory", "a loop", "too long"])
@both
def test_what_cannot_be_connected_to_is_no_daemon(tmp_path: Path, ask: Ask, obstacle: str) -> None:
    path = tmp_path / "socket"
    if obstacle in ("a file", "below a file"):
        path.touch()
        path = path / "below" if obstacle == "below a file" else path
    elif obstacle == "a directory":
        path.mkdir()
    elif obstacle == "a loop":
        path.symlink_to(path)
    elif obstacle == "too long":
        path = tmp_path / ("x" * 200)
    with pytest.raises(NoDaemonError, match="systemctl start a1d") as caught:
        ask(str(path), 5)
    assert str(path) in str(caught.value)


@pytest.fixture
def full_house(tmp_path: Path) -> Any:
    """A listener with no more room for callers that wait; one of them is accepted on ``accept``."""
    with contextlib.ExitStack() as stack:
        listener, *others = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(4))
        listener.bind(str(tmp_path / "s"))
        listener.listen(0)
        listener.settimeout(5)
        for other in others:
            other.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                other.connect(str(tmp_path / "s"))
        yield listener


def test_a_caller_waits_in_line_while_many_connect(full_house: socket.socket) -> None:
    def serve() -> None:
        time.sleep(0.2)
        full_house.accept()[0].close()
        with full_house.accept()[0] as client:
            client.recv(4096)
            client.sendall(reply({"a": 1}))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert call(full_house.getsockname(), METHOD, wait_max_s=5) == {"a": 1}
    finally:
        thread.join()


@both
@pytest.mark.parametrize("wait_max_s", [0, 0.5])
def test_a_line_that_does_not_move_is_left_in_the_end(full_house: socket.socket, ask: Ask, wait_max_s: float) -> None:
    begin_s = time.monotonic()
    with pytest.raises(NoDaemonError, match="busy"):
        ask(full_house.getsockname(), wait_max_s)
    assert wait_max_s <= time.monotonic() - begin_s < 5


@both
def test_without_any_time_there_is_no_answer(tmp_path: Path, ask: Ask) -> None:
    with listening(tmp_path / "s", reply({})) as listener, pytest.raises(NoDaemonError, match="busy"):
        ask(listener.path, 0)


# -- what is not Varlink -------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"", "gone away"),
        (b'{"parameters":', "gone away"),
        (b"\0", "as a1d would"),
        (b"hello\0", "as a1d would"),
        (b"\xff\xfe\0", "as a1d would"),
        (b"[1]\0", "as a1d would"),
        (b"null\0", "as a1d would"),
        (b"[" * 100_000 + b"\0", "as a1d would"),
        (b'{"parameters":{"a":NaN}}\0', "as a1d would"),
        (b'{"parameters":{"a":' + b"1" * 100_000 + b"}}\0", "as a1d would"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_whatever_else_answers_is_no_daemon(tmp_path: Path, ask: Ask, answer: bytes, text: str) -> None:
    with listening(tmp_path / "s", answer) as listener, pytest.raises(NoDaemonError, match=text):
        ask(listener.path, 5)


@both
def test_an_error_without_a_name_is_an_error(tmp_path: Path, ask: Ask) -> None:
    with listening(tmp_path / "s", b'{"error":5}\0') as listener, pytest.raises(RefusedError, match="without a name"):
        ask(listener.path, 5)
