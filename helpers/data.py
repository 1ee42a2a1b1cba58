"""Data for the notebooks: downloaded once, verified by checksum, given as NumPy arrays.

``data/datasets.toml`` describes every set that can be downloaded, ``data/README.md`` says how each may be
used and how to set up a mirror. No network is needed for "digits", nor for a set that ``data_cache()`` holds.
"""

import contextlib
import difflib
import fnmatch
import gzip
import hashlib
import os
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from helpers.files import replacing
from helpers.settings import COURSE, data_cache, mirror, reason_of

MANIFEST = COURSE / "data" / "datasets.toml"
TIMEOUT = (10, 30)  # seconds: to connect; between two pieces of an answer
DAY = 86_400  # seconds

# set -> split -> (how its file names begin, first row, row after the last)
SPLITS = {
    "digits": {"train": ("", 0, 1_157), "val": ("", 1_157, 1_415), "test": ("", 1_415, 1_797)},
    "fashion-mnist": {
        "train": ("train", 0, 55_000),
        "val": ("train", 55_000, 60_000),
        "test": ("t10k", 0, 10_000),
    },
    "cifar-10": {
        "train": ("data_batch", 0, 45_000),
        "val": ("data_batch", 45_000, 50_000),
        "test": ("test_batch", 0, 10_000),
    },
}
CLOTHES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
THINGS = "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck"
CLASS_NAMES = {
    "digits": tuple("0123456789"),
    "fashion-mnist": tuple(CLOTHES.split(",")),
    "cifar-10": tuple(THINGS.split(",")),
}


def load_data(name: str, split: str = "train", *, n: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels (X, y) of a split: "train", "val" or "test"; with ``n``, its first n examples.

    "digits": X float32 (N, 1, 8, 8) in [0, 1], y int64 (N,); scikit-learn's handwriting, no download.
    Train, val and test are the first 1,157, the next 258 and the last 382 rows of the file, not a shuffle:
    its labels run fourteen times through nearly the same 130 digits, like one form filled in again and
    again, and a shuffle would put rows of the same pass on both sides (nine, two and three passes here).
    That flatters: a support vector machine scores 0.961 on this test block, 0.989 on shuffled splits of the
    same sizes. The file does not say who wrote what.

    "fashion-mnist": X float32 (N, 1, 28, 28) in [0, 1], y int64 (N,). Train is the first 55,000 of the
    official training file, val its last 5,000, test the official test file. The rows come mixed: the
    first 1,500 of train hold 145 to 165 of each class.

    "cifar-10": X float32 (N, 3, 32, 32) in [0, 1], red, green, blue, y int64 (N,). Train is the first 45,000
    of the official training files, val their last 5,000, test the official test file.

    Raises ValueError for an unknown name or split and for an n outside 1 … size; OSError as ``fetch`` does.
    """
    if name not in SPLITS:
        known("data set", name, {**SPLITS, **_manifest()})
        raise ValueError(f"load_data has {', '.join(SPLITS)}; {name!r} comes as files: fetch({name!r})")
    prefix, start, stop = known(f"split of {name}", split, SPLITS[name])
    if n is not None:
        if not isinstance(n, int | np.integer) or not 1 <= n <= stop - start:
            raise ValueError(f"n={n!r}: n must be a whole number from 1 to {stop - start} for {name}/{split}")
        stop = start + int(n)
    if name == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        images, labels, white = digits.images[:, None], digits.target, 16
    elif name == "cifar-10":
        from helpers.chapters.cifar10 import read_cifar

        images, labels = read_cifar(fetch(name)["cifar-10-python.tar.gz"], prefix)
        white = 255
    else:
        files, rows, white = fetch(name), {"train": 60_000, "t10k": 10_000}[prefix], 255
        images = _read_idx(files[f"{prefix}-images-idx3-ubyte.gz"], (rows, 28, 28))[:, None]
        labels = _read_idx(files[f"{prefix}-labels-idx1-ubyte.gz"], (rows,))
    shares = np.divide(images[start:stop], np.float32(white), dtype=np.float32)  # 0 … white -> [0, 1]
    return shares, labels[start:stop].astype(np.int64)


def class_names(name: str) -> tuple[str, ...]:
    """The names of classes 0, 1, … of a set that ``load_data`` knows."""
    return known("data set with class names", name, CLASS_NAMES)


def fetch(name: str) -> dict[str, Path]:
    """{file name: path} of a downloadable set, every file verified; only what is missing is downloaded.

    A zip archive is also unpacked, to ``unpacked/`` beside it; its members follow under their own names.
    Tried in order: the cache, COURSE_MIRROR (<mirror>/<name>/<file>), the URLs of the manifest. What
    arrives cut off or with a wrong checksum is fetched once more, then that address is given up.
    A file enters the cache whole or not at all; several processes may fetch at once. A cache that holds all
    that is asked for may be one that only can be read.

    Raises ValueError for an unknown name; OSError if no address has the right file or the disk refuses it.
    """
    if name == "digits":
        raise ValueError("digits come with scikit-learn, there is nothing to fetch: load_data('digits')")
    described = known("data set to download", name, _manifest())
    files = {}
    for entry in described["files"]:
        path = files[entry["name"]] = _verified(name, entry, described.get("note"))
        if "unpacked_bytes" in entry:
            files |= _unpack(path, entry)
    return files


def _manifest() -> dict[str, Any]:
    import tomllib

    if not MANIFEST.is_file():
        raise FileNotFoundError(
            f"{MANIFEST} is missing. helpers reads data/ beside itself: keep the course's folder whole "
            "and install from inside it: pip install -e ."
        )
    return tomllib.loads(MANIFEST.read_text(encoding="utf-8"))


def known(kind: str, name: str, names: dict[str, Any]) -> Any:
    """names[name], or a ValueError that suggests the nearest name."""
    if name in names:
        return names[name]
    near = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown {kind}: {name!r}.{hint} Known: {', '.join(names)}")


class Damaged(Exception):
    """A file is not the one that the manifest describes; the text says what is wrong with it."""


def _verified(name: str, entry: dict[str, Any], note: str | None) -> Path:
    """The path of one good file in the cache, downloaded if need be."""
    path, tried = data_cache() / name / entry["name"], []
    with _explained("read", path):
        try:
            _verify(path, entry)
            return path
        except Damaged as fault:
            tried.append(f"{path}: {fault}")
        except (FileNotFoundError, NotADirectoryError):
            pass
    base, login = mirror()
    addresses = [(f"{base}/{name}/{entry['name']}", login)] if base else []
    with _explained("write", path):
        for left in path.parent.glob(f".{path.stem}.*{path.suffix}"):  # by a process that was killed
            with contextlib.suppress(OSError):  # it may be another's at work, and whole by now
                if time.time() - left.stat().st_mtime > DAY:
                    left.unlink()
        for url, auth in addresses + [(url, None) for url in entry["urls"]]:
            fault = _download(url, path, entry, auth)
            if fault is None:
                return path
            tried.append(f"{url}: {fault}")
    raise OSError(
        f"cannot get {entry['name']} of {name!r} ({entry['bytes'] / 1e6:.1f} MB). Tried:\n  "
        + "\n  ".join(tried)
        + (f"\nNote: {note}" if note else "")
        + "\nThree ways on (more in data/README.md):"
        + f"\n  1. a mirror: COURSE_MIRROR=<base url>, which must serve <base url>/{name}/{entry['name']}"
        + f"\n  2. copy the file to exactly {path}"
        + "\n  3. COURSE_PROFILE=quick: the quick profile needs no download"
    )


def _download(url: str, path: Path, entry: dict[str, Any], auth: tuple[bytes, bytes] | None) -> str | None:
    """Fetch one file to ``path``: None if it is there and verified, else what went wrong, in words."""
    import pooch
    from requests import exceptions

    options = {"timeout": TIMEOUT, "auth": auth}
    get = pooch.HTTPDownloader(progressbar=not os.environ.get("CI"), chunk_size=1 << 16, **options)
    for _ in range(2):
        try:
            with replacing(path) as part:
                get(url, part, None)
                _verify(part, entry)
            return None
        except Damaged as error:
            fault = str(error)
        except PermissionError:  # Windows: another process was first and is reading the file now
            with contextlib.suppress(Damaged, OSError):
                _verify(path, entry)
                return None
            raise
        except (exceptions.ChunkedEncodingError, exceptions.ContentDecodingError):
            fault = "cut off or garbled on its way"
        except exceptions.HTTPError as error:
            return f"{error.response.status_code} {error.response.reason}"
        except (exceptions.RequestException, ValueError) as error:  # ValueError: of an odd address
            return f"{type(error).__name__}: {reason_of(error)}"
    return f"{fault} (fetched twice)"


@contextlib.contextmanager
def _explained(doing: str, path: Path) -> Iterator[None]:
    """Turn the disk's refusal to "read" or "write" into advice; errors of the network do not come so far."""
    advice = {
        "read": f"Whoever filled the cache can open it to all (chmod -R a+rX {data_cache()}), or set "
        "COURSE_DATA_DIR to a folder of your own.",
        "write": "Make room, or set COURSE_DATA_DIR to a folder that can be written.",
    }
    try:
        yield
    except OSError as error:
        message = f"cannot {doing} {path}: {error.strerror or error}. {advice[doing]}"
        raise OSError(error.errno, message) from error


def _verify(path: Path, entry: dict[str, Any]) -> None:
    """Raise Damaged if a file is not the one that the manifest describes."""
    import pooch

    if "sha256" in entry and (found := pooch.file_hash(str(path))) != entry["sha256"]:
        raise Damaged(f"wrong bytes, sha256 is {found}, should be {entry['sha256']}")
    if "unpacked_bytes" not in entry:
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, entry)
            if "contents_sha256" in entry:  # stays the same when the archive is packed anew
                hashes = [hashlib.sha256(archive.read(m)).hexdigest() + f"  {m.filename}\n" for m in members]
                found = hashlib.sha256("".join(hashes).encode()).hexdigest()
                if found != entry["contents_sha256"]:
                    wanted = entry["contents_sha256"]
                    raise Damaged(f"wrong contents, contents_sha256 is {found}, should be {wanted}")
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise Damaged(f"refused: {error}") from error


def _members(archive: zipfile.ZipFile, entry: dict[str, Any]) -> list[zipfile.ZipInfo]:
    """The wanted files of a zip archive, by name; ValueError if any member could do harm."""
    wanted = []
    for member in archive.infolist():
        name, kind = member.filename, stat.S_IFMT(member.external_attr >> 16)
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise ValueError(f"archive member {name!r} would be written outside its folder")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ValueError(f"archive member {name!r} is neither a file nor a folder")
        if not member.is_dir() and fnmatch.fnmatchcase(name, entry.get("members", "*")):
            wanted.append(member)
    total = sum(member.file_size for member in wanted)  # zipfile reads no more than this, whatever is inside
    if total > entry["unpacked_bytes"]:
        raise ValueError(f"archive expands to {total:,} bytes, {entry['unpacked_bytes']:,} are allowed")
    return sorted(wanted, key=lambda member: member.filename)


def _unpack(path: Path, entry: dict[str, Any]) -> dict[str, Path]:
    """{member name: path}; a file that is already there with the right bytes is left alone."""
    files = {}
    with zipfile.ZipFile(path) as archive:
        for member in _members(archive, entry):
            target = files[member.filename] = path.parent / "unpacked" / member.filename
            with _explained("read", target):
                there = target.is_file() and zlib.crc32(target.read_bytes()) == member.CRC
            if not there:
                with _explained("write", path), replacing(target, sync=False) as part:
                    part.write_bytes(archive.read(member))
    return files


def _read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The uint8 array in a gzipped IDX file; ValueError unless it has exactly this shape."""
    raw = gzip.decompress(path.read_bytes())
    header = np.array([0x0800 + len(shape), *shape], dtype=">u4").tobytes()  # 0x08: unsigned bytes; the axes
    if not raw.startswith(header) or len(raw) != len(header) + np.prod(shape):
        begins = raw[: len(header)].hex(" ", 4)
        raise ValueError(f"{path}: {len(raw)} bytes from {begins} on, not the IDX file of shape {shape}")
    return np.frombuffer(raw, np.uint8, offset=len(header)).reshape(shape)
