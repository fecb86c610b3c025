"""What is between the model and the daemon: a stream of its status, and one call at a time. Nothing here waits."""

from __future__ import annotations

from collections import deque

from a1d.client.conversation import Conversation
from a1d.client.errors import RefusedError
from a1d.client.words import printable
from a1d.errors import A1dError
from a1d.view.curves import curves_of
from a1d.view.steering import CONTROL, SIMULATION, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from a1d.view.model import Model
    from a1d.view.steering import Steering

_RETRY_S = 1.0
_MONITOR_MAX_S = 15.0  # as a1d-ctl watch: a tick and a half, and a tick may be 5 s long
_CALL_MAX_S = 5.0
_CURVES_S = 10.0  # a reload may have changed them
_REQUESTS_MAX = 8


class Wire:
    """``talk`` each turn, ``listen`` to what is ready of ``filenos``; both say whether there is something to draw."""

    def __init__(self, model: Model, steering: Steering) -> None:
        self._model = model
        self._steering = steering
        self._monitor: Conversation | None = None
        self._call: tuple[Request, Conversation] | None = None
        self._requests: deque[Request] = deque()
        self._next_try_s = self._next_curves_s = float("-inf")

    def filenos(self) -> list[int]:
        """What may become readable."""
        found = [self._monitor] if self._monitor else []
        return [conversation.fileno() for conversation in (*found, *([self._call[1]] if self._call else []))]

    def ask(self, request: Request) -> None:
        """What a key asked for. More keys than a daemon answers are forgotten."""
        if self._requests and self._requests[-1].method == request.method == f"{CONTROL}SetFan":
            self._requests.pop()  # only the last duty matters
        if len(self._requests) < _REQUESTS_MAX:
            self._requests.append(request)

    def talk(self, now_s: float) -> bool:
        """Begin what is to be asked, give up what takes too long."""
        try:
            if self._monitor is None and now_s >= self._next_try_s:
                self._next_try_s = now_s + _RETRY_S
                self._monitor = self._begin(f"{CONTROL}Monitor", {}, now_s, more=True)
                self._next_curves_s = now_s
            if self._monitor is None:
                return False
            self._monitor.check(now_s)
        except A1dError as error:
            self._lose(error, now_s)
            return True
        try:
            self._call_next(now_s)
        except A1dError as error:
            self._fail(error, now_s)
            return True
        return False

    def _call_next(self, now_s: float) -> None:
        if self._call is not None:
            self._call[1].check(now_s)
            return
        if now_s >= self._next_curves_s:
            self._next_curves_s = now_s + _CURVES_S
            self._requests.append(Request(f"{CONTROL}GetCurves"))
        if self._requests:
            request = self._requests.popleft()
            self._call = (request, self._begin(request.method, request.parameters, now_s))

    def _begin(self, method: str, parameters: dict[str, object], now_s: float, *, more: bool = False) -> Conversation:
        request: dict[str, Any] = {"method": method, "parameters": parameters}
        if more:
            request["more"] = True
        return Conversation(self._model.path, request, now_s, _MONITOR_MAX_S if more else _CALL_MAX_S)

    def listen(self, ready: set[int], now_s: float) -> bool:
        """What has come from the daemon."""
        has_news = False
        monitor, call = self._monitor, self._call
        try:
            if monitor is not None and monitor.fileno() in ready and (reply := monitor.read(now_s)) is not None:
                self._take(reply, now_s)
                has_news = True
        except (A1dError, ValueError, RecursionError) as error:
            self._lose(error, now_s)
            return True
        try:
            if call is not None and call[1].fileno() in ready:
                has_news |= self._take_answer(*call, now_s)
        except (A1dError, ValueError, RecursionError) as error:
            self._fail(error, now_s)
            return True
        return has_news

    def _take(self, reply: dict[str, Any], now_s: float) -> None:
        before = self._model.status and self._model.status["profile"]
        self._model.take_status(reply, now_s)
        assert self._model.status is not None and self._monitor is not None
        if self._model.status["profile"] != before:
            self._next_curves_s = now_s
        if self._model.status["simulated"] and len(self._requests) < _REQUESTS_MAX:
            self._requests.append(Request(f"{SIMULATION}GetCase"))
        if self._monitor.ended:
            raise A1dError("the daemon says that it has nothing more to report")

    def _take_answer(self, request: Request, conversation: Conversation, now_s: float) -> bool:
        try:
            reply = conversation.read(now_s)
        except RefusedError as error:
            self._end_call()
            if request.said or request.method.endswith("SetFan"):
                self._model.say(printable(self._steering.refused(error)), now_s)
            return True
        if reply is None:
            return False
        self._end_call()
        if request.method.endswith("GetCurves"):
            self._model.curves = curves_of(reply)
        elif request.method.endswith("GetCase"):
            self._model.take_case(reply)
        else:
            self._model.say(self._steering.answered(request, reply), now_s)
            if request.method.startswith(SIMULATION):
                self._requests.append(Request(f"{SIMULATION}GetCase"))
        return True

    def _end_call(self) -> None:
        if self._call is not None:
            self._call[1].close()
        self._call = None

    def _lose(self, error: Exception, now_s: float) -> None:
        """There is no daemon, or none that makes sense."""
        self.hang_up()
        self._requests.clear()
        self._model.lose(_in_words(error), now_s)

    def _fail(self, error: Exception, now_s: float) -> None:
        """A call came to nothing; the stream goes on."""
        self._end_call()
        self._model.say(_in_words(error).splitlines()[0], now_s)

    def hang_up(self) -> None:
        """End the stream and the call."""
        if self._monitor is not None:
            self._monitor.close()
        self._monitor = None
        self._end_call()


def _in_words(error: Exception) -> str:
    return str(error) if isinstance(error, A1dError) else f"what it says cannot be understood ({error})"
