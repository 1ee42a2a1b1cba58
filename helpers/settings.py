"""What the environment says: the variables of the course, the folder for data, the console.

Needs the standard library only, and is written for Pythons older than the course's own, because
helpers.doctor leans on it where nothing else works yet.
"""

import os
import re
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit, urlunsplit

COURSE = Path(__file__).resolve().parent.parent
PROFILES = ("quick", "full")
DEVICES = ("cuda", "mps", "xpu", "cpu")


def setting(name: str) -> str:
    """The variable without blanks around it, "" if unset: cmd.exe's ``set X=full && …`` sets "full "."""
    return os.environ.get(name, "").strip()


def data_cache() -> Path:
    """Where downloads are kept: COURSE_DATA_DIR, else the platform's cache folder. It need not exist yet.

    A relative COURSE_DATA_DIR begins at the course's folder, wherever a notebook or a program is started.
    Raises ValueError where ~ leads nowhere: no such user, or HOME not set.
    """
    folder = setting("COURSE_DATA_DIR")
    try:
        if folder:
            return COURSE / Path(folder).expanduser()
        import pooch

        return COURSE / pooch.os_cache("from-zero-to-large-models").expanduser()
    except RuntimeError:
        what = f"COURSE_DATA_DIR={folder}" if folder else "the data cache"
        raise ValueError(
            f"no home folder is known here for {what}: set COURSE_DATA_DIR to a path written in full"
        ) from None


def mirror() -> "tuple[str, tuple[bytes, bytes] | None]":
    """COURSE_MIRROR without / at its end, "" if unset; and the user and password taken out of it, or None.

    So the address can be shown to anybody; in one that is malformed, *** stands for what may be secret.
    """
    url = setting("COURSE_MIRROR").rstrip("/")
    try:
        parts = urlsplit(url)
        login, at, host = parts.netloc.rpartition("@")
        if at:
            user, _, password = login.partition(":")
            return urlunsplit(parts._replace(netloc=host)), (
                unquote_to_bytes(user),
                unquote_to_bytes(password),
            )
        if not url or (parts.netloc and parts.port != 0):  # reading .port raises where it is no number
            return url, None
    except ValueError:  # http://[::1, http://user:pass/word@host
        pass
    return re.sub(r"^(\w+://)?.*@", r"\1***@", url), None


def reason_of(error: Exception) -> str:
    """Why the network failed, in few words: the innermost of the messages that requests nests."""
    return str(error).rpartition(": ")[2].removesuffix("))").strip("'\"") or type(error).__name__


def print_whatever_the_console_shows() -> None:
    r"""Let what the console cannot show (− – 数 in ASCII, Latin-1, cp1252) be printed as \u2212, not fail."""
    stream = sys.stdout
    if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
