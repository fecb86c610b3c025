"""The methods of org.a1d.control: checks what a caller sends, and calls what the daemon lends for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a1d import __version__
from a1d.config.limits import LEASE_MAX_S
from a1d.errors import RequestError
from a1d.service.access import require_steering
from a1d.service.varlink import Interface, Method, Parameters, Peer, Stream, parse_parameters, read_description

INFO = {"vendor": "a1d", "product": "a1d", "version": __version__, "url": "https://nossa.ee/~talya/a1d"}


def methods(
    status: Callable[[], Parameters],
    curves: Callable[[], list[dict[str, Any]]],
    set_manual: Callable[[int, float | None], tuple[int, str | None]],
    resume: Callable[[], None],
    reload: Callable[[], None],
) -> Interface:
    """org.a1d.control. ``status`` and ``curves`` give the types of that name.

    ``set_manual`` takes a duty of 0..100 % and seconds (None: no end). It gives the duty that the fan is to get, and
    what overrides the manual one, in words (None: nothing).
    ``reload`` may raise ConfigError. Any A1dError becomes the caller's error ``Failed``, with its text.
    """

    def set_fan(parameters: Parameters, peer: Peer) -> Parameters:
        require_steering(peer)
        duty_percent, for_s = parse_parameters(parameters, duty_percent=int, for_s=(float, int, type(None))).values()
        if not 0 <= duty_percent <= 100:
            raise RequestError("duty_percent", f"a duty of {duty_percent!s:.20} % was asked for; expected 0 to 100")
        if for_s is not None and not 0 < for_s <= LEASE_MAX_S:
            text = f"a time of {for_s!s:.20} s was asked for; expected more than 0 and at most 7 days"
            raise RequestError("for_s", text)
        duty_percent, overridden = set_manual(duty_percent, for_s)
        return {"duty_percent": duty_percent, "overridden": overridden}

    def without_parameters(act: Callable[[], Parameters | None], *, steers: bool = False) -> Method:
        def method(parameters: Parameters, peer: Peer) -> Parameters:
            if steers:
                require_steering(peer)
            parse_parameters(parameters)
            return act() or {}

        return method

    return Interface(
        read_description(__file__, "org.a1d.control"),
        {
            "GetStatus": without_parameters(lambda: {"status": status()}),
            "Monitor": without_parameters(lambda: Stream(status=status())),
            "GetCurves": without_parameters(lambda: {"curves": curves()}),
            "SetFan": set_fan,
            "ResumeAutomatic": without_parameters(resume, steers=True),
            "Reload": without_parameters(reload, steers=True),
        },
    )
