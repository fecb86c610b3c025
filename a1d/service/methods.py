"""The methods of org.a1d.control: checks what a caller sends, and calls what the daemon lends for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a1d.config.limits import LEASE_MAX_S, UNTIL_CELSIUS
from a1d.errors import RequestError
from a1d.service.access import require_steering
from a1d.service.varlink import Interface, Method, Parameters, Peer, Stream, parse_parameters, read_description


def methods(
    status: Callable[[], Parameters],
    curves: Callable[[], list[dict[str, Any]]],
    set_manual: Callable[[int, float | None, float | None], tuple[int, str | None]],
    resume: Callable[[], None],
    *,
    set_profile: Callable[[str, float | None], None],
    resume_profiles: Callable[[], None],
    reload: Callable[[], None],
) -> Interface:
    """org.a1d.control. ``status`` and ``curves`` give the types of that name.

    ``set_manual`` takes a duty of 0..100 %, and seconds and degrees Celsius that end it (None: they do not). It gives
    the duty that the fan is to get, and what overrides the manual one, in words (None: nothing).
    ``set_profile`` takes a name and seconds (None: no end). ``reload`` may raise ConfigError. Any A1dError
    becomes the caller's error ``Failed``, with its text.
    """

    def get_status(parameters: Parameters, _peer: Peer) -> Parameters:
        parse_parameters(parameters)
        return {"status": status()}

    def monitor(parameters: Parameters, peer: Peer) -> Stream:
        return Stream(get_status(parameters, peer))

    def get_curves(parameters: Parameters, _peer: Peer) -> Parameters:
        parse_parameters(parameters)
        return {"curves": curves()}

    def set_fan(parameters: Parameters, peer: Peer) -> Parameters:
        require_steering(peer)
        number = (float, int, type(None))
        duty_percent, for_s, until_celsius = parse_parameters(
            parameters, duty_percent=int, for_s=number, until_celsius=number
        ).values()
        if not 0 <= duty_percent <= 100:
            raise RequestError("duty_percent", f"a duty of {duty_percent!s:.20} % was asked for; expected 0 to 100")
        check_time(for_s)
        low, high = UNTIL_CELSIUS
        if until_celsius is not None and not low <= until_celsius <= high:
            text = f"a temperature of {until_celsius!s:.20} C was asked for; expected {low} to {high}"
            raise RequestError("until_celsius", text)
        duty_percent, overridden = set_manual(duty_percent, for_s, until_celsius)
        return {"duty_percent": duty_percent, "overridden": overridden}

    def check_time(for_s: float | None) -> None:
        if for_s is not None and not 0 < for_s <= LEASE_MAX_S:
            text = f"a time of {for_s!s:.20} s was asked for; expected more than 0 and at most 7 days"
            raise RequestError("for_s", text)

    def choose_profile(parameters: Parameters, peer: Peer) -> Parameters:
        require_steering(peer)
        name, for_s = parse_parameters(parameters, name=str, for_s=(float, int, type(None))).values()
        check_time(for_s)
        set_profile(name, for_s)
        return {}

    def steering(act: Callable[[], None]) -> Method:
        def method(parameters: Parameters, peer: Peer) -> Parameters:
            require_steering(peer)
            parse_parameters(parameters)
            act()
            return {}

        return method

    return Interface(
        read_description(__file__, "org.a1d.control"),
        {
            "GetStatus": get_status,
            "Monitor": monitor,
            "GetCurves": get_curves,
            "SetFan": set_fan,
            "ResumeAutomatic": steering(resume),
            "SetProfile": choose_profile,
            "ResumeProfiles": steering(resume_profiles),
            "Reload": steering(reload),
        },
    )
