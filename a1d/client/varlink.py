"""The one Varlink client: for a1d-ctl, the tests and the hardware suite. What answers is not trusted.

Whatever listens at the socket, a call ends in bounded time and memory, with a reply or with an error.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

from a1d.client.errors import NoDaemonError, RefusedError
from a1d.paths import RUN_DIR, SOCKET_NAME

WAIT_MAX_S = 15.0  # a monitor may be silent for a tick and a half; a tick may be 5 s long
MESSAGE_MAX = 1024 * 1024  # the largest honest one, the curves of 16 sensors, is about 84 KB
SOCKET_VARIABLE = "A1D_SOCKET"  # of the environment: the daemon's socket
_READ_SIZE = 65536
_HOW_TO_START = """
  start the service:            sudo systemctl start a1d
  or try it without hardware:   a1d --simulate"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Reply = dict[str, Any]


def call(path: str, method: str, parameters: Reply | None = None, *, wait_max_s: float = WAIT_MAX_S) -> Reply:
    """The reply's parameters. ``method`` is a full name: ``org.a1d.control.GetStatus``.

    ``wait_max_s`` bounds everything together: connecting, sending and the whole reply.

    Raises NoDaemonError if nobody answers in that time or the answer is not Varlink, RefusedError if the
    answer is an error.
    """
    return next(_replies(path, {"method": method, "parameters": parameters or {}}, wait_max_s))


def replies(
    path: str, method: str, parameters: Reply | None = None, *, wait_max_s: float = WAIT_MAX_S
) -> Iterator[Reply]:
    """Each reply's parameters, for a method that goes on, such as ``org.a1d.control.Monitor``.

    There may be any number of them, for ever; ``wait_max_s`` bounds the time to each whole one. The
    iterator ends after a reply that says it is the last.

    Raises as ``call`` does, NoDaemonError also when the daemon goes away.
    """
    return _replies(path, {"method": method, "parameters": parameters or {}, "more": True}, wait_max_s)


def simulation_run_dir() -> str:
    """The run directory of this user's simulated case, unless another is named."""
    return f"/tmp/a1d-{os.geteuid()}"


def find_socket() -> str:
    """The service's socket, or that of this user's simulated case if there is no service."""
    service = os.path.join(RUN_DIR, SOCKET_NAME)
    simulation = os.path.join(simulation_run_dir(), SOCKET_NAME)
    return simulation if not os.path.exists(service) and _is_own(simulation) else service


def _is_own(path: str) -> bool:
    """Anybody may make a directory under /tmp; what listens there may not be what it seems."""
    try:
        return os.lstat(os.path.dirname(path)).st_uid == os.lstat(path).st_uid == os.geteuid()
    except OSError:
        return False


def _replies(path: str, request: Reply, wait_max_s: float) -> Iterator[Reply]:
    with socket.socket(socket.AF_UNIX) as sock:
        deadline_s = time.monotonic() + wait_max_s
        _send(sock, path, request, deadline_s)
        data = bytearray()
        goes_on = True
        while goes_on:
            message = _receive(sock, path, data, deadline_s)
            goes_on = message.get("continues") is True
            yield parameters_of(message)
            deadline_s = time.monotonic() + wait_max_s


def set_send_timeout(sock: socket.socket, wait_s: int) -> None:
    """Let the kernel end a send, or a connect, after so many whole seconds; 0: never."""
    timeval = wait_s.to_bytes(8, sys.byteorder) + bytes(8)  # 0 microseconds; 32-bit kernels read the first half
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)


def _send(sock: socket.socket, path: str, request: Reply, deadline_s: float) -> None:
    """Connect and send."""
    # A socket with a time-out of Python's is non-blocking, and such a one is refused at once while others
    # are waiting to be accepted. The kernel's time-out lets it wait in line. 0 would mean for ever.
    wait_s = max(0, int(deadline_s - time.monotonic())) + 1
    set_send_timeout(sock, wait_s)
    try:
        sock.connect(path)
        _limit(sock, deadline_s)
        sock.sendall(json.dumps(request).encode() + b"\0")
    except OSError as error:
        raise unreachable(path, error) from None


def unreachable(path: str, error: OSError) -> NoDaemonError:
    """What to say when the daemon at ``path`` cannot be connected to, or takes no request."""
    if isinstance(error, (BlockingIOError, TimeoutError)):
        return NoDaemonError(f"the daemon at {path} is too busy to listen; see 'journalctl -u a1d'")
    if isinstance(error, PermissionError):
        text = f"no daemon at {path} (Permission denied)"
        return NoDaemonError(f"{text}\n  may you enter each of the directories that lead there?")
    return NoDaemonError(f"no daemon at {path} ({error.strerror or error}){_HOW_TO_START}")


def _receive(sock: socket.socket, path: str, data: bytearray, deadline_s: float) -> Reply:
    """The next message; ``data`` holds what has come of those after it."""
    seen = 0
    while (end := data.find(b"\0", seen)) < 0:
        seen = len(data)
        if seen > MESSAGE_MAX:
            raise NoDaemonError(f"what listens at {path} sends more than a1d ever would")
        try:
            _limit(sock, deadline_s)
            chunk = sock.recv(_READ_SIZE)
        except TimeoutError:
            raise NoDaemonError(f"the daemon at {path} does not answer; see 'journalctl -u a1d'") from None
        except OSError:
            chunk = b""
        if not chunk:
            raise NoDaemonError(f"the daemon at {path} has gone away")
        data += chunk
    raw = bytes(data[:end])
    del data[: end + 1]
    return parse_message(raw, path)


def parse_message(raw: bytes, path: str) -> Reply:
    """One message of Varlink, without its final zero. NoDaemonError if it is none."""
    try:
        message = json.loads(raw.decode("utf-8", "replace"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise NoDaemonError(f"what listens at {path} does not answer as a1d would")
    return message


def _limit(sock: socket.socket, deadline_s: float) -> None:
    """The next operation must be over by then. TimeoutError if it is too late already."""
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    sock.settimeout(left_s)


def parameters_of(message: Reply) -> Reply:
    """What a message carries. RefusedError if it is an error."""
    error, parameters = message.get("error"), message.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    if error is None:
        return parameters
    name = error if isinstance(error, str) else "an error without a name"
    reason, reasons = parameters.get("reason"), parameters.get("reasons")
    lines = reasons if isinstance(reasons, list) else [reason]
    raise RefusedError(name, parameters, "\n".join(line for line in lines if isinstance(line, str)) or name)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
