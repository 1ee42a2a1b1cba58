"""CIFAR-10: a miniature archive of the official layout, written here, is downloaded, verified and read.

The official files are pickles written by Python 2; so are these, byte for byte in their form.
"""

import hashlib
import io
import pickle
import tarfile

import numpy as np
import pytest

from helpers import data
from helpers.chapters import cifar10

ROWS = 20  # instead of 10,000


def save_string(pickler, text):
    """Write bytes as Python 2 wrote its strings."""
    short = len(text) < 256
    pickler.write(b"U" + bytes([len(text)]) if short else b"T" + len(text).to_bytes(4, "little"))
    pickler.write(text)
    pickler.memoize(text)


def as_python2(value):
    file = io.BytesIO()
    pickler = pickle._Pickler(file, protocol=2)
    pickler.dispatch = {**pickle._Pickler.dispatch, bytes: save_string}
    pickler.dump(value)
    return file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def batch(number, rows=ROWS):
    dice = np.random.default_rng(number)
    pixels = dice.integers(0, 256, (rows, 3_072), dtype=np.uint8)
    names = [b"thing_%d.png" % row for row in range(rows)]
    labels = dice.integers(0, 10, rows).tolist()
    return {b"batch_label": b"part", b"labels": labels, b"data": pixels, b"filenames": names}


def packed(batches):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in {"batches.meta": b"never read", "readme.html": b"", **batches}.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def whole():
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    return {name: as_python2(batch(number)) for number, name in enumerate(names, 1)}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """put(archive): the course's CIFAR-10 is this archive, and lies in the cache."""
    monkeypatch.delenv("COURSE_MIRROR", raising=False)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cifar10, "ROWS", ROWS)  # how the splits are cut, is tested on files of full size
    manifest = tmp_path / "datasets.toml"
    monkeypatch.setattr(data, "MANIFEST", manifest)

    def put(content, sha256=None):
        manifest.write_text(
            f'[cifar-10]\n[[cifar-10.files]]\nname = "cifar-10-python.tar.gz"\nbytes = {len(content)}\n'
            f'sha256 = "{sha256 or hashlib.sha256(content).hexdigest()}"\nurls = ["http://127.0.0.1:9/x"]\n',
            encoding="utf-8",
        )
        path = data.data_cache() / "cifar-10" / "cifar-10-python.tar.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return put


@pytest.fixture(scope="module")
def full_size(tmp_path_factory):
    """An archive of the official size: row i is a picture of brightness i mod 256, class i mod 10."""
    path = tmp_path_factory.mktemp("cifar") / "cifar-10-python.tar.gz"
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for number, name in enumerate(names):
            rows = np.arange(10_000) + 10_000 * number
            pixels = np.repeat((rows % 256).astype(np.uint8)[:, None], 3_072, axis=1)
            content = as_python2({b"labels": (rows % 10).tolist(), b"data": pixels})
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("split", "first", "rows", "n"),
    [("train", 0, 45_000, 3_000), ("val", 45_000, 5_000, None), ("test", 50_000, 10_000, None)],
)
def test_the_splits_are_cut_and_scaled_as_the_docstring_says(full_size, monkeypatch, split, first, rows, n):
    monkeypatch.setattr(data, "fetch", lambda name: {"cifar-10-python.tar.gz": full_size})
    X, y = data.load_data("cifar-10", split, n=n)
    number = np.arange(first, first + (n or rows))
    assert X.shape == (len(number), 3, 32, 32)
    assert (X.dtype, y.dtype) == (np.float32, np.int64)
    assert (X.min(), X.max()) == (0, 1)
    np.testing.assert_array_equal(X[:, 2, 31, 31], ((number % 256) / 255).astype(np.float32))
    np.testing.assert_array_equal(y, number % 10)
    with pytest.raises(ValueError, match=f"from 1 to {rows} for cifar-10/{split}"):
        data.load_data("cifar-10", split, n=rows + 1)


def test_the_five_files_are_read_in_their_order_and_from_the_cache(cache):
    cache(packed(whole()))
    pixels = np.concatenate([batch(number)[b"data"] for number in range(1, 6)]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([batch(number)[b"labels"] for number in range(1, 6)])
    X, y = data.load_data("cifar-10", "train")
    np.testing.assert_array_equal(X, pixels.astype(np.float32) / 255)
    np.testing.assert_array_equal(y, labels)


def test_the_first_plane_of_a_row_is_red_and_runs_row_by_row(cache):
    files = whole()
    first = batch(1)
    first[b"data"][0] = 0
    first[b"data"][0, 33] = 255  # the red plane, second row, second column
    cache(packed({**files, "data_batch_1": as_python2(first)}))
    picture = data.load_data("cifar-10", n=1)[0][0]
    assert np.argwhere(picture).tolist() == [[0, 1, 1]]


def test_nothing_is_unpacked_to_the_disk(cache):
    path = cache(packed(whole()))
    data.load_data("cifar-10", "test")
    assert [file.name for file in path.parent.parent.rglob("*") if file.is_file()] == [path.name]


def test_an_archive_with_another_checksum_is_refused_before_it_is_read(cache):
    cache(packed(whole()), sha256="0" * 64)
    with pytest.raises(OSError, match="wrong bytes, sha256 is"):
        data.load_data("cifar-10")


class Harm:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_that_would_run_code_is_refused_and_nothing_ran(cache, tmp_path):
    harm = as_python2({b"data": Harm(tmp_path / "ran"), b"labels": []})
    cache(packed({**whole(), "data_batch_2": harm}))
    with pytest.raises(ValueError, match=r"not the archive of CIFAR-10: it asks for .*open"):
        data.load_data("cifar-10")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["numpy\nsave", "numpy.core.multiarray\nfromfile", "os\nsystem", "builtins\neval"]
)
def test_no_other_name_of_numpy_or_python_can_be_asked_for(name):
    with pytest.raises(pickle.UnpicklingError, match="arrays do not need that"):
        cifar10.ArraysOnly(io.BytesIO(b"c" + name.encode() + b"\n.")).load()


def without(name):
    return {key: value for key, value in whole().items() if key != name}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (lambda: without("data_batch_3"), "data_batch_3"),
        (lambda: {**whole(), "data_batch_1": as_python2({b"labels": [0] * ROWS})}, "data"),
        (lambda: {**whole(), "data_batch_1": as_python2([1, 2])}, "laid out"),
        (lambda: {**whole(), "data_batch_1": as_python2(batch(1, rows=19))}, r"pixels are \(19, 3072\)"),
        (lambda: {**whole(), "data_batch_1": as_python2(batch(1) | {b"labels": [10] * ROWS})}, "0 to 9"),
        (lambda: {**whole(), "data_batch_1": as_python2(batch(1))[:1000]}, "not the archive"),
        (lambda: {**whole(), "data_batch_1": b"\0" * (4_000 * ROWS + 1)}, "80,001 bytes"),
    ],
    ids=["a file missing", "no pixels", "a list", "too few rows", "a label 10", "cut off", "too large"],
)
def test_another_layout_is_refused_by_name(cache, files, said):
    cache(packed(files()))
    with pytest.raises(ValueError, match=said):
        data.load_data("cifar-10")


@pytest.mark.parametrize("content", [b"<html>not found</html>", packed({})[:40]], ids=["a page", "cut off"])
def test_what_is_no_archive_is_refused(cache, content):
    cache(content)
    with pytest.raises(ValueError, match="not the archive of CIFAR-10"):
        data.load_data("cifar-10")


def test_the_ten_names_are_those_of_the_labels():
    # in the order of batches.meta and of https://www.cs.toronto.edu/~kriz/cifar.html
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    assert list(data.class_names("cifar-10")) == names


def test_the_checksum_of_the_manifest_is_the_one_that_keras_uses():
    import tomllib
    from importlib.util import find_spec
    from pathlib import Path

    (file,) = tomllib.loads(data.MANIFEST.read_text(encoding="utf-8"))["cifar-10"]["files"]
    keras = Path(find_spec("keras").origin).parent / "src" / "datasets" / "cifar10.py"
    assert file["sha256"] in keras.read_text(encoding="utf-8")
