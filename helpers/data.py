"""Data for the notebooks: downloaded once, verified by checksum, given as NumPy arrays.

``data/datasets.toml`` describes every set that can be downloaded, ``data/README.md`` says how each may be
used and how to set up a mirror. No network is needed for "digits", nor for a set that ``data_cache()`` holds.
"""

import contextlib
import csv
import difflib
import fnmatch
import gzip
import hashlib
import os
import pickle
import re
import shutil
import stat
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from helpers.settings import COURSE, data_cache, mirror

MANIFEST = COURSE / "data" / "datasets.toml"
REVIEWS = MANIFEST.with_name("reviews.csv")
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
CIFAR_ROWS = 10_000  # in each of its files: five of them for training, one for testing
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
        _known("data set", name, {**SPLITS, **_manifest()})
        raise ValueError(f"load_data has {', '.join(SPLITS)}; {name!r} comes as files: fetch({name!r})")
    prefix, start, stop = _known(f"split of {name}", split, SPLITS[name])
    if n is not None:
        if not isinstance(n, int | np.integer) or not 1 <= n <= stop - start:
            raise ValueError(f"n={n!r}: n must be a whole number from 1 to {stop - start} for {name}/{split}")
        stop = start + int(n)
    if name == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        images, labels, white = digits.images[:, None], digits.target, 16
    elif name == "cifar-10":
        path, white = fetch(name)["cifar-10-python.tar.gz"], 255
        images, labels = _read_cifar(path, prefix)
    else:
        files, rows, white = fetch(name), {"train": 60_000, "t10k": 10_000}[prefix], 255
        images = _read_idx(files[f"{prefix}-images-idx3-ubyte.gz"], (rows, 28, 28))[:, None]
        labels = _read_idx(files[f"{prefix}-labels-idx1-ubyte.gz"], (rows,))
    shares = np.divide(images[start:stop], np.float32(white), dtype=np.float32)  # 0 … white -> [0, 1]
    return shares, labels[start:stop].astype(np.int64)


def class_names(name: str) -> tuple[str, ...]:
    """The names of classes 0, 1, … of a set that ``load_data`` knows."""
    return _known("data set with class names", name, CLASS_NAMES)


def load_reviews(split: str | None = None) -> list[dict]:
    """The reviews written for the course, in Chinese and English; ``split`` is train, dev, test; None: all.

    A review is {"id", "split", "domain", "label": 1 good or 0 bad, "hard": "" or the kind of difficulty,
    "zh", "en": the text, "zh_names", "en_names": [(start, end, "PER" | "LOC" | "ORG"), …] in that text}.
    How they were made: data/README.md. Raises ValueError for an unknown split.
    """
    if split is not None:
        _known("split of the reviews", split, dict.fromkeys(("train", "dev", "test")))
    with REVIEWS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if split in (None, row["split"])]
    for row in rows:
        row["label"] = int(row["label"])
        for language in ("zh", "en"):
            row[language], row[f"{language}_names"] = _without_marks(row[language])
    return rows


def _without_marks(text: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Take the marks out: "By [PER Ann]." -> "By Ann.", [(3, 6, "PER")]."""
    plain, names, end = "", [], 0
    for mark in re.finditer(r"\[(PER|LOC|ORG) ([^\[\]]+)\]", text):
        plain += text[end : mark.start()]
        names.append((len(plain), len(plain) + len(mark[2]), mark[1]))
        plain, end = plain + mark[2], mark.end()
    return plain + text[end:], names


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
    described = _known("data set to download", name, _manifest())
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


def _known(kind: str, name: str, known: dict[str, Any]) -> Any:
    """known[name], or a ValueError that suggests the nearest name."""
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown {kind}: {name!r}.{hint} Known: {', '.join(known)}")


def _verified(name: str, entry: dict[str, Any], note: str | None) -> Path:
    """The path of one good file in the cache, downloaded if need be."""
    path, tried = data_cache() / name / entry["name"], []
    with _explained("read", path):
        there = path.is_file()
        fault = _fault(path, entry) if there else "not there"
    if fault is None:
        return path
    if there:
        tried.append(f"{path}: {fault}")
    base, login = mirror()
    addresses = [(f"{base}/{name}/{entry['name']}", login)] if base else []
    with _explained("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(".part-*"):  # by a process that was killed
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > DAY:
                    shutil.rmtree(left)
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


def _download(
    url: str, path: Path, entry: dict[str, Any], auth: tuple[bytes, bytes] | None = None
) -> str | None:
    """Fetch one file to ``path``: None if it is there and verified, else what went wrong, in words."""
    import pooch
    from requests import exceptions

    options = {"timeout": TIMEOUT, "auth": auth}
    get = pooch.HTTPDownloader(progressbar=not os.environ.get("CI"), chunk_size=1 << 16, **options)
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as folder:
            part = Path(folder) / path.name
            try:
                get(url, part, None)
                fault = _fault(part, entry)
            except (exceptions.ChunkedEncodingError, exceptions.ContentDecodingError):
                fault = "cut off or garbled on its way"
            except exceptions.HTTPError as error:
                return f"{error.response.status_code} {error.response.reason}"
            except (exceptions.RequestException, ValueError) as error:  # ValueError: of an odd address
                # the reason is the innermost of nested messages
                reason = str(error).rpartition(": ")[2].removesuffix("))").strip("'\"")
                return f"{type(error).__name__}: {reason}"
            if fault is None:
                try:
                    os.replace(part, path)
                except PermissionError:  # Windows: another process was first and is reading the file now
                    if _fault(path, entry):
                        raise
                return None
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


def _fault(path: Path, entry: dict[str, Any]) -> str | None:
    """What is wrong with a file, in words; None if it is the one that the manifest describes."""
    import pooch

    if "sha256" in entry and (found := pooch.file_hash(str(path))) != entry["sha256"]:
        return f"wrong bytes, sha256 is {found}, should be {entry['sha256']}"
    if "unpacked_bytes" not in entry:
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, entry)
            if "contents_sha256" in entry:  # stays the same when the archive is packed anew
                hashes = [hashlib.sha256(archive.read(m)).hexdigest() + f"  {m.filename}\n" for m in members]
                found = hashlib.sha256("".join(hashes).encode()).hexdigest()
                if found != entry["contents_sha256"]:
                    return f"wrong contents, contents_sha256 is {found}, should be {entry['contents_sha256']}"
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        return f"refused: {error}"
    return None


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
    files, missing = {}, []
    with zipfile.ZipFile(path) as archive:
        for member in _members(archive, entry):
            target = files[member.filename] = path.parent / "unpacked" / member.filename
            with _explained("read", target):
                if not target.is_file() or zlib.crc32(target.read_bytes()) != member.CRC:
                    missing.append(member)
        if missing:
            with (
                _explained("write", path),
                tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as folder,
            ):
                for member in missing:
                    target = files[member.filename]
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(archive.extract(member, folder), target)
    return files


def _read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The uint8 array in a gzipped IDX file; ValueError unless it has exactly this shape."""
    raw = gzip.decompress(path.read_bytes())
    wanted = [0x0800 + len(shape), *shape]  # 0x08: unsigned bytes; then how many axes, and their sizes
    size = min(4 * len(wanted), len(raw) // 4 * 4)
    header, body = np.frombuffer(raw[:size], dtype=">u4").tolist(), np.frombuffer(raw, np.uint8, offset=size)
    if header != wanted or body.size != np.prod(shape):
        raise ValueError(f"{path}: header {header} and {body.size} bytes, not the IDX file of shape {shape}")
    return body.reshape(shape)


class _ArraysOnly(pickle.Unpickler):
    """Reads a pickle of plain values and NumPy arrays; any other name is refused, so that no code runs."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {"_reconstruct": np.empty(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}
        if name not in allowed:  # whatever module it is said to be of, NumPy's own is what comes
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, and arrays do not need that")
        return allowed[name]


def _read_cifar(path: Path, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 (N, 3, 32, 32) and labels (N,) of "data_batch" or "test_batch", unpacked in memory.

    ValueError unless the archive has the official layout: files of CIFAR_ROWS rows each.
    """
    numbered = [f"_{number}" for number in range(1, 6)] if prefix == "data_batch" else [""]
    images, labels = [], []
    try:
        with tarfile.open(path, "r:gz") as archive:
            for end in numbered:
                member = archive.getmember(f"cifar-10-batches-py/{prefix}{end}")
                if not member.isfile() or member.size > 4_000 * CIFAR_ROWS:
                    raise ValueError(f"{member.name} is no file, or one of {member.size:,} bytes")
                batch = _ArraysOnly(archive.extractfile(member), encoding="bytes").load()
                pixels, answers = batch[b"data"], np.asarray(batch[b"labels"])
                if pixels.shape != (CIFAR_ROWS, 3_072) or pixels.dtype != np.uint8:
                    raise ValueError(f"{member.name}: pixels are {pixels.shape} {pixels.dtype}")
                if answers.shape != (CIFAR_ROWS,) or not np.isin(answers, np.arange(10)).all():
                    raise ValueError(f"{member.name}: not {CIFAR_ROWS} labels from 0 to 9")
                images.append(pixels.reshape(-1, 3, 32, 32))
                labels.append(answers)
    except (tarfile.TarError, pickle.UnpicklingError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is not the archive of CIFAR-10: {error}") from error
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} is not laid out as CIFAR-10 for Python: {error}") from error
    return np.concatenate(images), np.concatenate(labels)
