"""The button's line: the chip by its label, who holds the line, and what else config.txt puts on it (B5-B7)."""

from __future__ import annotations

from a1d.doctor import accounts, config_txt
from a1d.doctor.chips import Chip
from a1d.doctor.result import Result, fail, info, ok, warn
from a1d.doctor.system import System

_CHIP, _LINE, _OVERLAY = "GPIO chip", "button line", "GPIO overlays"


def checks(system: System) -> list[Result]:
    """The chip, the line, and the overlays."""
    button = system.config.button
    if button.backend == "none":
        return [info(_LINE, "not watched: the configuration says button.backend: none")]
    try:
        chips = system.chips(button.line)
    except ImportError as error:
        return [
            fail(_CHIP, f"the library for the button cannot be loaded ({error}): Python has changed", system.reinstall),
            *_overlays(system),
        ]
    chip = next((chip for label in button.chips for chip in chips if chip.label == label), None)
    if chip is None:
        return [_no_chip(system, chips), *_by_the_daemon(system), *_overlays(system)]
    results = [ok(_CHIP, f"{chip.path} is {chip.label}")]
    if found := system.stat(chip.path):
        results.append(accounts.check_access(system, "GPIO access", chip.path, found))
    return [*results, _line(system, chip), *_overlays(system)]


def _no_chip(system: System, chips: list[Chip]) -> Result:
    wanted = " or ".join(system.config.button.chips)
    denied = [chip for chip in chips if chip.error]
    if denied:
        which = f"{denied[0].path} cannot be opened ({denied[0].error})"
        return info(_CHIP, f"not seen which chip is {wanted}: {which}", "sudo a1d-ctl doctor")
    labels = ", ".join(f"{chip.path} {chip.label}" for chip in chips) or "none"
    return fail(_CHIP, f"no GPIO chip is labelled {wanted} (setting button.chips); found {labels}", "gpiodetect")


def _by_the_daemon(system: System) -> list[Result]:
    status = system.status
    if status is None or status["simulated"] or not status["button"]["watching"]:
        return []
    return [ok(_LINE, "the daemon watches it")]


def _line(system: System, chip: Chip) -> Result:
    name = f"GPIO{system.config.button.line} on {chip.path}"
    status = system.status
    is_watched = status is not None and status["button"]["watching"]
    if chip.holder and (is_watched or chip.holder == "a1d"):
        return ok(_LINE, f"the daemon watches {name}")
    if chip.holder:
        kernel = "w1" in chip.holder or "onewire" in chip.holder
        mend = "sudo grep -n w1-gpio /boot/firmware/config.txt" if kernel else f"sudo fuser -v {chip.path}"
        return fail(_LINE, f"{name} is held by {chip.holder}: the button does nothing", mend)
    if status is None or status["simulated"]:
        return ok(_LINE, f"{name} is free")
    if is_watched:
        return warn(_LINE, f"the daemon says that it watches the button, but nobody holds {name}", "a1d-ctl status")
    return fail(_LINE, f"{name} is free, and the daemon does not watch it", "sudo systemctl restart a1d")


def _overlays(system: System) -> list[Result]:
    line = system.config.button.line
    boot = config_txt.find_file(system)
    if boot is None:
        return [info(_OVERLAY, "no config.txt was found to look at")]
    name, settings = boot
    found = [overlay for overlay in config_txt.overlays(settings) if line in config_txt.lines_of(overlay)]
    if not found:
        return [ok(_OVERLAY, f"none in {name} seems to take GPIO{line}")]
    return [
        fail(
            _OVERLAY,
            f"line {overlay.line} of {name}, dtoverlay={overlay.name}, takes GPIO{line}, which is the button's: "
            "give it another line, or remove it",
            config_txt.comment_out(name, overlay.line),
        )
        for overlay in found
    ]
