"""A file that a command writes: never over another one, and whole or not at all."""

from __future__ import annotations

import os

from a1d.errors import A1dError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def write_new(name: str, make_text: Callable[[], str], another: str) -> bool:
    """Write what ``make_text`` gives to a new file, or print it if ``name`` is -; whether a file was written.

    Only its user may read it. A1dError if it exists or cannot be made; ``another`` is the command for another name.
    """
    if name == "-":
        print(make_text(), end="")
        return False
    try:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise A1dError(f"{name} exists already; name another file: {another}") from None
    except OSError as error:
        raise A1dError(f"{name} cannot be written ({error.strerror}); name another file: {another}") from None
    try:
        with open(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(make_text())
    except BaseException:
        os.unlink(name)  # half a file would be in the way of a whole one
        raise
    return True
