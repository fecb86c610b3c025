"""``a1d --check``: everything that is wrong or odd in a configuration, and what a foreign one is."""

from __future__ import annotations

import os
import sys

from a1d.config.named_file import STDIN, read_named
from a1d.config.oddities import oddities_of
from a1d.config.reader import config_of
from a1d.config.settings import Config
from a1d.config.warnings import warnings_of
from a1d.errors import ConfigError
from a1d.moving.formats import describe


def check(path: str, *, strict: bool) -> int:
    """0 if the daemon would take it, 1 if it has warnings and ``strict`` is asked for; ConfigError if it is bad."""
    name, data = read_named(path)
    try:
        config = config_of(data, name)
    except ConfigError:
        what = describe(data)
        if what is None:
            raise
        file = "FILE" if path == STDIN else name
        raise ConfigError([f"{name}: these are settings {what}; to take them over: a1d --import {file}"]) from None
    # In a build of Nix there are no commands but those that it names by their whole path.
    for_this_machine = "NIX_BUILD_TOP" not in os.environ
    warnings = warnings_of(config) + oddities_of(config, for_this_machine=for_this_machine)
    for warning in warnings:
        print(f"{name}: warning: {warning}", file=sys.stderr)
    if warnings and strict:
        return 1
    shown = "man a1d.yaml" if path == STDIN else f"a1d --print-config --config {name}"
    changes = f"; it changes nothing: every setting has its default ({shown})" if config == Config() else ""
    print(f"{name}: fine{changes}", flush=True)
    return 0
