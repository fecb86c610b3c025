"""The methods of org.a1d.control: checks what a caller sends, and calls what the daemon lends for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from a1d import __version__
from a1d.config.limits import LEASE_MAX_S, UNTIL_CELSIUS
from a1d.errors import A1dError, RequestError
from a1d.service.access import may_steer, require_steering
from a1d.service.server import UNREAD_MAX
from a1d.service.varlink import (
    Interface,
    Later,
    Method,
    Parameters,
    Peer,
    Stream,
    encode_reply,
    parse_parameters,
    read_description,
)
from a1d.temperature.lease import refuse_if_cool
from a1d.temperature.profiles import Profiles
from a1d.temperature.sensors import Sensor

INFO = {"vendor": "a1d", "product": "a1d", "version": __version__, "url": "https://nossa.ee/~talya/a1d"}


def methods(
    status: Callable[[], Parameters],
    profiles: Profiles,
    set_manual: Callable[[int, float | None, float | None], tuple[int, str | None]],
    resume: Callable[[], None],
    sensors: Callable[[], Sequence[Sensor]],
    *,
    reload: Callable[[Callable[[A1dError | None], None]], None],
    set_profile: Callable[[str | None, float | None], None],
) -> Interface:
    """org.a1d.control. ``status`` gives the type of that name, ``profiles`` has the settings in force.

    ``sensors`` gives those that are watched.
    ``set_manual`` takes a duty of 0..100 %, and seconds and degrees Celsius that end it (None: they do not). It gives
    the duty that the fan is to get, and what overrides the manual one, in words (None: nothing).
    ``set_profile`` takes a name (None: the clock chooses) and seconds (None: no end). ``reload`` calls
    what it is given when it is done, with None or an error. Any A1dError becomes the caller's error ``Failed``, with
    its text.
    """

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
        if until_celsius is not None:
            refuse_if_cool(until_celsius, sensors())
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

    def curves() -> Parameters:
        from a1d.service.curves import curves_of  # asked for rarely

        return {"curves": curves_of(profiles.config)}

    def get_config(parameters: Parameters, peer: Peer) -> Parameters:
        parse_parameters(parameters)
        from a1d.config.printer import print_config  # asked for rarely

        reply: Parameters = {"config": print_config(profiles.base, hides_arguments=not may_steer(peer))}
        if len(encode_reply(reply, continues=False)) > UNREAD_MAX:
            raise A1dError("the configuration is too long to be sent; print it with: a1d --print-config")
        return reply

    def without_parameters(act: Callable[[], Parameters | Later | None], *, steers: bool = False) -> Method:
        def method(parameters: Parameters, peer: Peer) -> Parameters | Later:
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
            "GetCurves": without_parameters(curves),
            "GetConfig": get_config,
            "SetFan": set_fan,
            "ResumeAutomatic": without_parameters(resume, steers=True),
            "SetProfile": choose_profile,
            "ResumeProfiles": without_parameters(lambda: set_profile(None, None), steers=True),
            "Reload": without_parameters(lambda: Later(reload), steers=True),
        },
    )
