"""Files that may be anything, and of which no more is read than a configuration can have. Standard library only."""

from __future__ import annotations

import errno
import os
import stat

SIZE_MAX = 16 * 1024  # bytes; a longer file is no a1d configuration


def read_bounded(path: str, flags: int = 0) -> bytes:
    """What is in a regular file, at most SIZE_MAX + 1 bytes. OSError if it is none or cannot be read."""
    # O_NONBLOCK: opening a FIFO must not wait for a writer.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | flags)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return os.read(fd, SIZE_MAX + 1)
    finally:
        os.close(fd)
