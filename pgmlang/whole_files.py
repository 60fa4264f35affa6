"""Files that appear under their names only when they are whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file beside its place, to be written: it takes the place of ``path`` at the end, and is gone where writing it fails. A link
    stays one; what is no plain file (a pipe, a device) is written as it is. Raises OSError."""
    given = Path(path)
    if given.exists() and not given.is_file():
        yield given
        return
    place = given.resolve()
    handle, name = tempfile.mkstemp(prefix=f".{place.name[:40]}.", suffix=place.suffix, dir=place.parent)
    os.close(handle)
    try:
        yield Path(name)
        if place.exists():
            mode = place.stat().st_mode & 0o777
        else:
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        os.chmod(name, mode)
        os.replace(name, place)
    except BaseException:
        os.unlink(name)
        raise
