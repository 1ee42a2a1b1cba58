"""Writing a file whole: the one place where the course replaces what a reader may be reading."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path, *, sync: bool = True) -> Iterator[Path]:
    """Give an empty neighbour of ``path`` to write to; after the block it stands in its place, whole.

    Readers find the old file or the new one, never half of it; where the block raises (a full disk, an
    interrupt) ``path`` is as it was and the neighbour is gone. Folders on the way are made. The old file's
    mode is kept, a new one has what the umask leaves. Two processes may replace the same file at once.
    ``sync=False`` does not wait for the disk: for many small files that are verified when they are read.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    neighbour = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    neighbour.touch(exist_ok=False)
    try:
        yield neighbour
        if path.exists():
            neighbour.chmod(path.stat().st_mode & 0o7777)
        if sync:
            with neighbour.open("rb+") as file:  # on the disk before the name points to it
                os.fsync(file.fileno())
        neighbour.replace(path)
    except BaseException:
        neighbour.unlink(missing_ok=True)
        raise


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write text (UTF-8, newlines as they are) or bytes to ``path`` as ``replacing`` does; return it."""
    with replacing(path) as neighbour:
        neighbour.write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(path)


def check_writable(folder: str | Path) -> Path:
    """Raise OSError if ``folder`` cannot be made or nothing can be written there; leaves nothing behind.

    For programs that work long before they write. Returns the nearest of the folder and its parents that
    exists.
    """
    folder = Path(folder)
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    tempfile.TemporaryFile(dir=nearest).close()
    return nearest
