"""Something that is not a1d listens where a1d should."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

Answer = Callable[[bytes], Iterable[bytes]]


class Listener:
    """Sends each caller what ``answer`` makes of its request, piece by piece, and hangs up; ``requests`` are kept."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.path = str(path)
        self.answer = answer
        self.requests: list[bytes] = []
        self._closing = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen(16)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            client, _ = self._socket.accept()
            with client, contextlib.suppress(OSError):
                if self._closing.is_set():
                    return
                client.settimeout(5)
                self.requests.append(client.recv(65536))
                for piece in self.answer(self.requests[-1]):
                    client.sendall(piece)

    def close(self) -> None:
        self._closing.set()
        with socket.socket(socket.AF_UNIX) as wake:
            wake.connect(self.path)
            self._thread.join(10)
        self._socket.close()
        assert not self._thread.is_alive()


@contextlib.contextmanager
def listening(path: Path, answer: Answer | bytes) -> Iterator[Listener]:
    """A Listener for as long as the block lasts; ``answer`` may be the same bytes for everybody."""
    listener = Listener(path, answer if callable(answer) else lambda _request: [answer])
    try:
        yield listener
    finally:
        listener.close()


def reply(parameters: object, **more: object) -> bytes:
    """A well-formed message."""
    return json.dumps({"parameters": parameters, **more}).encode() + b"\0"


def slowly(pieces: Iterable[bytes], interval_s: float) -> Iterator[bytes]:
    """Each piece after a while."""
    for piece in pieces:
        time.sleep(interval_s)
        yield piece
