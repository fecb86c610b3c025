"""The command ``a1d``. Without arguments it is the service; whatever else it can do is imported only for that."""

from __future__ import annotations

import sys

from a1d.config.load import ConfigLoader
from a1d.errors import A1dError
from a1d.log import Log


def main() -> int:
    """Exit code 0 after a clean stop, 1 if the daemon could not start, 2 for a wrong call, 78 for a bad file."""
    try:
        if not sys.argv[1:]:
            load = ConfigLoader(None)
            load.begin()
            # Imported while the configuration is read.
            from a1d.serve import serve_case

            return serve_case(load)
        from a1d.commands import run_command

        return run_command()
    except A1dError as error:
        Log().error(str(error))
    except OSError as error:  # standard output, most likely
        Log().error(f"cannot go on: {error.strerror or error}")
    return 1
