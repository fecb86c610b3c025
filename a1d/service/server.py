"""The control socket: a Unix socket in the daemon's loop, with strangers at the other end.

Every resource is bounded: clients in all and per user, message size, unread replies, work per wake-up. Whoever may
steer always finds a place.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from collections.abc import Callable, Iterable
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector

from a1d.paths import SOCKET_NAME
from a1d.service.access import may_steer, reread_group
from a1d.service.connection import Client
from a1d.service.discard import Discarder, carries_descriptors
from a1d.service.listener import Listener, peer_of
from a1d.service.varlink import Parameters, Peer, Service, encode_reply

CLIENTS_MAX = 64
RESERVED = 16  # of these, for whoever may steer
CLIENTS_PER_USER_MAX = 16
MESSAGE_MAX = 16 * 1024
UNREAD_MAX = 64 * 1024
_ACCEPTS_PER_WAKE = 16
_QUIET_MAX_S = 60.0
_READ_SIZE = 4096
_CALLS_PER_WAKE = 2  # the next caller, and the fan, are waiting too


class Server:
    """Listens at ``path``; the loop calls each selector key's ``data`` when its descriptor is ready.

    ``is_trusted`` says who may steer. OSError if the socket cannot be made.
    """

    def __init__(
        self,
        path: str,
        service: Service,
        selector: BaseSelector,
        clock: Callable[[], float],
        is_trusted: Callable[[Peer], bool],
    ) -> None:
        self._service = service
        self._selector = selector
        self._clock = clock
        self._is_trusted = is_trusted
        self._clients: set[Client] = set()
        self._discarder = Discarder()
        self._listener = Listener(path)
        self._is_listening = False
        self._listen(True)

    def close(self) -> None:
        """Drop every client, those that still wait to be accepted too, and remove the socket."""
        self._listen(False)
        for client in list(self._clients):
            self._drop(client)
        for sock in self._listener.close():
            self._discarder.discard(sock)
        self._discarder.close()

    def tick(self) -> None:
        """Once a tick: get on with closing what strangers left, and look for callers again."""
        self._discarder.tick()
        if not self._is_listening:
            self._listen(not self._discarder.is_full)

    def _listen(self, is_listening: bool) -> None:
        """Look for callers, or let them wait in line until the next tick: too much waits to be closed, or there is no
        descriptor for another one."""
        if is_listening and not self._is_listening:
            self._selector.register(self._listener, EVENT_READ, self._accept)
        elif self._is_listening and not is_listening:
            self._selector.unregister(self._listener)
        self._is_listening = is_listening

    @property
    def is_streaming(self) -> bool:
        """Whether ``publish`` would reach anybody."""
        return any(client.streaming for client in self._clients)

    def publish(self, parameters: Parameters) -> None:
        """Send to every client that monitors; one that has not read the last message misses this one."""
        message = encode_reply(parameters, continues=True)
        for client in list(self._clients):
            if client.streaming and not client.outbox:
                self._send(client, message)

    # -- who gets a place --------------------------------------------------------------------------

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_PER_WAKE):
            if self._discarder.is_full:
                self._listen(False)
                return
            try:
                sock = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:
                self._listen(False)
                return
            with contextlib.suppress(OSError):  # it has gone, or the kernel has no memory to watch it
                peer = peer_of(sock)
                is_trusted = self._is_trusted(peer)
                if self._has_room(peer, is_trusted):
                    client = Client(sock, peer, is_trusted, self._clock())
                    self._register(client)
                    self._clients.add(client)
                    continue
            self._discarder.discard(sock)

    def _register(self, client: Client) -> None:
        self._selector.register(client.sock, EVENT_READ, functools.partial(self._ready, client))

    def _has_room(self, peer: Peer, is_trusted: bool) -> bool:
        """Whether there is a place, if need be one that somebody else has to leave.

        A user with too many connections loses the one that has been silent longest. When the house is full, a stranger
        who has been silent for long makes room for a stranger, and any stranger for whoever may steer.
        """
        own = [client for client in self._clients if client.peer.uid == peer.uid]
        if len(own) >= CLIENTS_PER_USER_MAX:
            self._drop_longest_silent(own)
        strangers = [client for client in self._clients if not client.is_trusted]
        if is_trusted:
            if len(self._clients) >= CLIENTS_MAX:
                self._drop_longest_silent(strangers or self._clients)
        elif len(strangers) + self._discarder.waiting >= CLIENTS_MAX - RESERVED:
            quiet_since_s = self._clock() - _QUIET_MAX_S
            quiet = [client for client in strangers if not client.streaming and client.used_s < quiet_since_s]
            if not quiet:
                return False
            self._drop_longest_silent(quiet)
        return True

    def _drop_longest_silent(self, clients: Iterable[Client]) -> None:
        self._drop(min(clients, key=lambda client: client.used_s))

    def _drop(self, client: Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            client.inbox = client.outbox = b""
            if not client.waiting:
                self._selector.unregister(client.sock)
            self._discarder.discard(client.sock)

    # -- what comes and goes -----------------------------------------------------------------------

    def _ready(self, client: Client) -> None:
        if client.outbox:
            self._send(client, b"")
        elif client in self._clients:  # not dropped earlier in this turn
            self._receive(client)

    def _receive(self, client: Client) -> None:
        if not client.has_call:
            data = self._read(client)
            if data is None:
                return
            client.inbox += data
            is_too_long = max(map(len, client.inbox.split(b"\0"))) > MESSAGE_MAX
            if not data or is_too_long or client.streaming:  # whoever listens to a stream has nothing more to ask here
                self._drop(client)
                return
        client.used_s = self._clock()
        for _ in range(_CALLS_PER_WAKE):
            if client.has_call and not client.outbox and not client.waiting:
                call, _, client.inbox = client.inbox.partition(b"\0")
                self._answer(client, call)
        self._watch(client)

    def _read(self, client: Client) -> bytes | None:
        """What has come, b"" if nothing will come any more or must not be taken, None if nothing waits."""
        try:
            found, size = carries_descriptors(client.sock, _READ_SIZE)
            return b"" if found else client.sock.recv(size) if size else b""
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _answer(self, client: Client, call: bytes) -> None:
        answer = self._service.answer(call, client.peer)
        if answer is None:
            self._drop(client)
            return
        if answer.streaming:
            client.streaming = True
            client.inbox = b""
        if answer.later is not None:
            client.waiting = True
            self._selector.unregister(client.sock)
            answer.later(functools.partial(self._answer_late, client))
        elif answer.message:
            self._send(client, answer.message)

    def _answer_late(self, client: Client, message: bytes) -> None:
        if client in self._clients:  # it may have been dropped meanwhile
            client.waiting = False
            self._register(client)
            self._send(client, message)

    def _send(self, client: Client, message: bytes) -> None:
        client.outbox += message
        try:
            client.outbox = client.outbox[client.sock.send(client.outbox, socket.MSG_NOSIGNAL) :]
            client.used_s = self._clock()
        except OSError as error:
            if not isinstance(error, BlockingIOError):
                self._drop(client)
        if len(client.outbox) > UNREAD_MAX:
            self._drop(client)
        self._watch(client)

    def _watch(self, client: Client) -> None:
        """Wait for room while replies or calls wait; nothing more is read from a client that does not read."""
        if client in self._clients and not client.waiting:
            events = EVENT_WRITE if client.outbox or client.has_call else EVENT_READ
            self._selector.modify(client.sock, events, self._selector.get_key(client.sock).data)


def open_server(
    run_dir: str,
    service: Service,
    selector: BaseSelector,
    clock: Callable[[], float],
    report: Callable[[str, str], None],
) -> Server | None:
    """A server in the run directory; without one the fan runs, and ``report`` is told why."""
    path = os.path.join(run_dir, SOCKET_NAME)
    reread_group()  # now, and not when the first client comes
    try:
        return Server(path, service, selector, clock, may_steer)
    except OSError as error:
        report("control", f"{path}: {error.strerror or error}; a1d-ctl cannot reach this daemon")
        return None
