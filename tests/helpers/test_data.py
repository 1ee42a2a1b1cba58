"""Loading, downloading and verifying data. Every fault is a real one, made by a web server on loopback.

Run the tests on real files with a server on a folder laid out as data/README.md says:
    COURSE_MIRROR=http://127.0.0.1:8000 pytest tests/helpers/test_data.py
"""

import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
import requests

from helpers import data

ROOT = Path(__file__).resolve().parents[2]
MIRROR = os.environ.get("COURSE_MIRROR")  # read before the fixtures hide it from the other tests
SETS = tomllib.loads(data.MANIFEST.read_text(encoding="utf-8"))
BODY = b"the right bytes " * 5_000
BAD = b"the wrong bytes " * 5_000
on_real_files = pytest.mark.skipif(not MIRROR, reason="needs COURSE_MIRROR, a web server with the real files")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, no mirror, no proxy between the tests and loopback, no progress bars."""
    for name in ("COURSE_MIRROR", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Server(ThreadingHTTPServer):
    """Answers each path with a function of the request, and remembers what was asked for."""

    daemon_threads = False  # server_close waits for every answer

    def __init__(self):
        self.answers, self.asked, self.released = {}, [], threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        if not isinstance(
            sys.exception(), ConnectionError
        ):  # a client that gave up is no fault of the server
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.answers.get(self.path, lambda request: request.send_error(404))(self)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def serve(body, length=None):
    """An answer with this body, and with another Content-Length if told so."""

    def answer(request):
        request.send_response(200)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        request.wfile.write(body)

    return answer


def in_turn(*answers):
    """The first answer to the first request, the second to the second …, the last to all that follow."""
    left = list(answers)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


def hang(request):
    """Send nothing and wait until the test is over."""
    request.server.released.wait(60)


def hang_in_the_body(request):
    """Promise an answer, then send nothing and wait until the test is over."""
    request.send_response(200)
    request.send_header("Content-Length", "100")
    request.end_headers()
    request.server.released.wait(60)


@pytest.fixture
def describe(tmp_path, monkeypatch):
    """Write a manifest of one set "toy" with the given files, and make it the one in use."""

    def write(*files, note=""):
        lines = ["[toy]", f"note = {json.dumps(note)}"]
        for file in files:
            lines += ["[[toy.files]]"] + [f"{key} = {json.dumps(value)}" for key, value in file.items()]
        path = tmp_path / "datasets.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        monkeypatch.setattr(data, "MANIFEST", path)
        return path

    return write


def entry(*urls, name="a.txt", body=BODY, **more):
    return {"name": name, "bytes": len(body), "sha256": sha256(body), "urls": list(urls), **more}


def holds(path, content):
    """A plain yes or no: pytest would take minutes to spell out how two long files differ."""
    return path.read_bytes() == content


def listing(folder):
    """Every file and folder below, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


# ---- arrays


@pytest.mark.parametrize(
    ("split", "size", "start"), [("train", 1157, 0), ("val", 258, 1157), ("test", 382, 1415)]
)
def test_digits_are_the_blocks_of_the_file_in_its_order(split, size, start):
    from sklearn.datasets import load_digits

    X, y = data.load_data("digits", split)
    assert X.shape == (size, 1, 8, 8)
    assert (X.dtype, y.dtype) == (np.float32, np.int64)
    assert (X.min(), X.max()) == (0, 1)
    np.testing.assert_array_equal(X[:, 0] * 16, load_digits().images[start : start + size])
    np.testing.assert_array_equal(y, load_digits().target[start : start + size])


def test_a_shuffled_split_of_the_digits_flatters_as_the_docstring_says():
    from sklearn.svm import SVC

    parts = [data.load_data("digits", split) for split in ("train", "val", "test")]
    X = np.concatenate([X.reshape(len(X), 64) for X, _ in parts]) * 16
    y = np.concatenate([y for _, y in parts])

    def score(rows):
        model = SVC(gamma=0.001, C=10).fit(X[rows[:1157]], y[rows[:1157]])
        return model.score(X[rows[1415:]], y[rows[1415:]])

    shuffled = [score(np.random.default_rng(seed).permutation(1797)) for seed in range(20)]
    assert score(np.arange(1797)) == pytest.approx(0.961, abs=0.004)
    assert np.mean(shuffled) == pytest.approx(0.989, abs=0.004)


def test_the_labels_of_the_digits_run_fourteen_times_through_nearly_the_same_sequence():
    from difflib import SequenceMatcher

    y = np.concatenate([data.load_data("digits", split)[1] for split in ("train", "val", "test")])
    text = "".join(map(str, y))
    starts = [0, 130, 256, 386, 516, 646, 776, 905, 1029, 1157, 1287, 1415, 1545, 1667]
    alike = [SequenceMatcher(None, text[:130], text[i : i + 130], autojunk=False).ratio() for i in starts]
    assert min(alike) > 0.93
    mixed = "".join(np.random.default_rng(0).permutation(list(text[:130])))
    assert SequenceMatcher(None, text[:130], mixed, autojunk=False).ratio() < 0.7


def test_n_takes_the_first_examples():
    X, y = data.load_data("digits", "val")
    few, labels = data.load_data("digits", "val", n=np.int64(7))
    np.testing.assert_array_equal(few, X[:7])
    np.testing.assert_array_equal(labels, y[:7])
    assert len(data.load_data("digits", "val", n=258)[1]) == 258


@pytest.mark.parametrize("n", [259, 0, -1, 2.5, "10"])
def test_an_n_outside_the_split_is_refused_with_the_size(n):
    with pytest.raises(ValueError, match=rf"n={n!r}.*from 1 to 258 for digits/val"):
        data.load_data("digits", "val", n=n)


def test_a_wrong_n_is_found_before_anything_is_downloaded(server, monkeypatch):
    monkeypatch.setenv("COURSE_MIRROR", server.base)
    with pytest.raises(ValueError, match="from 1 to 55000 for fashion-mnist/train"):
        data.load_data("fashion-mnist", n=60_000)
    assert server.asked == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("digit", "digits"), ("Fashion_MNIST", "fashion-mnist"), ("tiny-shakespear", "tinyshakespeare")],
)
def test_a_mistyped_name_suggests_the_nearest(typed, meant):
    for function in (data.load_data, data.fetch):
        if function is data.load_data or meant != "digits":
            with pytest.raises(ValueError, match=rf"{typed!r}\. Did you mean {meant!r}\?"):
                function(typed)


def test_a_name_that_is_near_nothing_lists_what_there_is():
    with pytest.raises(ValueError, match=r"unknown data set: 'xyzzy'\. Known: digits, fashion-mnist, "):
        data.load_data("xyzzy")


def test_an_unknown_split_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"unknown split of digits: 'tests'\. Did you mean 'test'\?"):
        data.load_data("digits", "tests")


def test_digits_and_files_point_to_the_function_that_has_them():
    with pytest.raises(ValueError, match=r"load_data\('digits'\)"):
        data.fetch("digits")
    with pytest.raises(ValueError, match=r"fetch\('tinyshakespeare'\)"):
        data.load_data("tinyshakespeare")


def test_class_names_are_ten_and_in_the_order_of_the_labels():
    assert data.class_names("digits") == tuple("0123456789")
    names = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag"]
    assert data.class_names("fashion-mnist") == (*names, "Ankle boot")  # the table in the set's README
    with pytest.raises(ValueError, match=r"Did you mean 'digits'\?"):
        data.class_names("digit")


def test_every_row_of_the_official_files_is_in_one_split():
    sizes = {
        "digits": {"": 1_797},
        "fashion-mnist": {"train": 60_000, "t10k": 10_000},
        "cifar-10": {"data_batch": 50_000, "test_batch": 10_000},
    }
    assert set(sizes) == set(data.SPLITS) == set(data.CLASS_NAMES)
    for name, files in sizes.items():
        rows = {prefix: np.zeros(size, dtype=int) for prefix, size in files.items()}
        for prefix, start, stop in data.SPLITS[name].values():
            rows[prefix][start:stop] += 1
            assert stop <= len(rows[prefix])
        assert all((counts == 1).all() for counts in rows.values()), name
        assert list(data.SPLITS[name]) == ["train", "val", "test"]


@pytest.fixture(scope="module")
def official_fashion(tmp_path_factory):
    """Files of the official layout and size: row i is a picture of brightness i mod 256, class i mod 10."""
    folder, files = tmp_path_factory.mktemp("fashion"), {}
    for prefix, rows, shift in (("train", 60_000, 0), ("t10k", 10_000, 3)):
        number = np.arange(rows) + shift
        pixels = np.repeat((number % 256).astype(np.uint8), 28 * 28)
        for kind, shape, body in (("images", (rows, 28, 28), pixels), ("labels", (rows,), number % 10)):
            path = folder / f"{prefix}-{kind}-idx{len(shape)}-ubyte.gz"
            header = np.array([0x0800 + len(shape), *shape], dtype=">u4").tobytes()
            path.write_bytes(gzip.compress(header + body.astype(np.uint8).tobytes(), compresslevel=1))
            files[path.name] = path
    return files


@pytest.mark.parametrize(
    ("split", "first", "rows"), [("train", 0, 55_000), ("val", 55_000, 5_000), ("test", 3, 10_000)]
)
def test_fashion_mnist_is_cut_and_scaled_as_the_docstring_says(
    official_fashion, monkeypatch, split, first, rows
):
    monkeypatch.setattr(data, "fetch", lambda name: official_fashion)
    number = np.arange(first, first + rows)
    X, y = data.load_data("fashion-mnist", split)
    assert X.shape == (rows, 1, 28, 28)
    assert (X.dtype, y.dtype) == (np.float32, np.int64)
    assert (X.min(), X.max()) == (0, 1)
    np.testing.assert_array_equal(X[:, 0, 0, 0], ((number % 256) / 255).astype(np.float32))
    np.testing.assert_array_equal(X[:, 0, 27, 27], X[:, 0, 0, 0])
    np.testing.assert_array_equal(y, number % 10)


def idx(shape, body, magic=None):
    header = np.array([magic or 0x0800 + len(shape), *shape], dtype=">u4").tobytes()
    return gzip.compress(header + body)


def test_an_idx_file_is_read_in_c_order(tmp_path):
    (tmp_path / "a.gz").write_bytes(idx((2, 3), bytes(range(6))))
    np.testing.assert_array_equal(data._read_idx(tmp_path / "a.gz", (2, 3)), [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    "content",
    [
        idx((2, 3), bytes(6), magic=0x0802 + 0x0500),  # floats, not bytes
        idx((3, 2), bytes(6)),
        idx((2, 3), bytes(5)),
        idx((2, 3), bytes(7)),
        idx((6,), bytes(6)),
        gzip.compress(b"\0\0\x08"),
        gzip.compress(b""),
    ],
    ids=["floats", "shape", "short", "long", "axes", "header", "empty"],
)
def test_an_idx_file_of_another_kind_shape_or_length_is_refused(tmp_path, content):
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"not the IDX file of shape \(2, 3\)"):
        data._read_idx(tmp_path / "a.gz", (2, 3))


def test_importing_the_module_costs_only_numpy():
    code = "import sys, helpers.data; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"sklearn", "scipy", "pooch", "requests", "urllib3", "tqdm", "tomllib", "safetensors", "torch"}
    assert "numpy" in loaded.stdout.split()
    assert not heavy & set(loaded.stdout.split())


# ---- the way of a file: cache, mirror, URLs


def test_a_file_is_downloaded_once_and_then_needs_no_network(server, describe, cache):
    describe(entry(f"{server.base}/数据/a.txt"))
    server.answers["/%E6%95%B0%E6%8D%AE/a.txt"] = serve(BODY)
    for _ in range(2):
        files = data.fetch("toy")
        assert files == {"a.txt": cache / "toy" / "a.txt"}
        assert holds(files["a.txt"], BODY)
    assert len(server.asked) == 1
    assert listing(cache) == ["toy", "toy/a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits of this kind")
def test_a_downloaded_file_has_the_permissions_of_any_new_file(server, describe, tmp_path):
    describe(entry(f"{server.base}/a.txt"))
    server.answers["/a.txt"] = serve(BODY)
    (tmp_path / "new").touch()
    assert data.fetch("toy")["a.txt"].stat().st_mode == (tmp_path / "new").stat().st_mode


def test_the_mirror_is_asked_first_under_name_and_file(server, describe, monkeypatch):
    describe(entry(f"{server.base}/official"))
    server.answers = {"/room/toy/a.txt": serve(BODY), "/official": serve(BODY)}
    monkeypatch.setenv("COURSE_MIRROR", f"{server.base}/room/")
    data.fetch("toy")
    assert server.asked == ["/room/toy/a.txt"]


@pytest.mark.parametrize("written", ["ann:s%2Fcret", "ann:%E5%AF%86"])
def test_a_mirror_may_want_a_user_and_a_password(server, describe, monkeypatch, written):
    sent = []

    def closed(request):
        sent.append(request.headers["Authorization"])
        serve(BODY)(request)

    server.answers["/toy/a.txt"] = closed
    describe(entry(closed_port()))
    monkeypatch.setenv("COURSE_MIRROR", server.base.replace("//", f"//{written}@") + " ")
    assert holds(data.fetch("toy")["a.txt"], BODY)
    assert sent == ["Basic " + base64.b64encode(unquote_to_bytes(written)).decode()]


def test_the_official_url_is_not_told_the_password_of_the_mirror(server, describe, monkeypatch):
    sent = []

    def official(request):
        sent.append(request.headers["Authorization"])
        serve(BODY)(request)

    server.answers["/official"] = official
    describe(entry(f"{server.base}/official"))
    monkeypatch.setenv("COURSE_MIRROR", server.base.replace("//", "//ann:secret@"))
    data.fetch("toy")
    assert sent == [None]


@pytest.mark.parametrize(
    "mirror",
    [
        "http://ann:secret@127.0.0.1:1",
        "http://ann:sec/secret@host",
        "http://ann:secret@[::1",
        "http://ann:secret@host:port",
        "ann:secret@host",
        "ann:one@secret@host",
        "ftp://ann:secret@host",
        "http://ann:one@secret@127.0.0.1:1",
        "http://ann:secret@",
    ],
)
def test_the_password_of_a_mirror_stands_in_no_message(describe, monkeypatch, mirror):
    monkeypatch.setattr(data, "TIMEOUT", (1, 1))
    describe(entry(f"{closed_port()}/a.txt"))
    monkeypatch.setenv("COURSE_MIRROR", mirror)
    with pytest.raises(OSError, match=r"cannot get a\.txt") as error:
        data.fetch("toy")
    assert "secret" not in str(error.value)
    assert len(str(error.value).splitlines()) == 7  # the mirror is named, on a line of its own


def test_a_mirror_with_an_at_in_its_path_is_asked_there(server, describe, monkeypatch):
    server.answers["/~ann@home/toy/a.txt"] = serve(BODY)
    describe(entry(closed_port()))
    monkeypatch.setenv("COURSE_MIRROR", f"{server.base}/~ann@home/")
    assert holds(data.fetch("toy")["a.txt"], BODY)


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_mirror_is_none(server, describe, monkeypatch, blank):
    server.answers["/a.txt"] = serve(BODY)
    describe(entry(f"{server.base}/a.txt"))
    monkeypatch.setenv("COURSE_MIRROR", blank)
    data.fetch("toy")
    assert server.asked == ["/a.txt"]


def test_when_the_mirror_is_down_the_official_url_serves(server, describe, monkeypatch):
    describe(entry(f"{server.base}/official"))
    server.answers["/official"] = serve(BODY)
    monkeypatch.setenv("COURSE_MIRROR", closed_port())
    assert holds(data.fetch("toy")["a.txt"], BODY)


def test_when_the_mirror_has_wrong_bytes_the_official_url_serves(server, describe, monkeypatch, cache):
    describe(entry(f"{server.base}/official"))
    server.answers = {"/toy/a.txt": serve(BAD), "/official": serve(BODY)}
    monkeypatch.setenv("COURSE_MIRROR", server.base)
    assert holds(data.fetch("toy")["a.txt"], BODY)
    assert server.asked == ["/toy/a.txt", "/toy/a.txt", "/official"]
    assert listing(cache) == ["toy", "toy/a.txt"]


@pytest.mark.parametrize("mirror", ["classroom:8000", "http://", "http://[::1", "//classroom"])
def test_a_mistyped_mirror_is_named_in_the_error_and_the_official_url_serves(
    server, describe, monkeypatch, mirror
):
    monkeypatch.setenv("COURSE_MIRROR", mirror)
    describe(entry(f"{server.base}/missing"))
    with pytest.raises(OSError, match=r"cannot get a\.txt") as error:
        data.fetch("toy")
    assert f"{mirror.rstrip('/')}/toy/a.txt: " in str(error.value)
    server.answers["/missing"] = serve(BODY)
    assert holds(data.fetch("toy")["a.txt"], BODY)


def test_a_404_is_asked_for_once_and_the_error_shows_the_three_ways_on(server, describe, cache):
    describe(entry(f"{server.base}/a.txt"), note="the file moves now and then")
    with pytest.raises(OSError, match=r"cannot get a\.txt of 'toy'") as error:
        data.fetch("toy")
    message = str(error.value)
    assert f"{server.base}/a.txt: 404 Not Found" in message
    assert "Note: the file moves now and then" in message
    assert "COURSE_MIRROR=<base url>" in message
    assert f"copy the file to exactly {cache / 'toy' / 'a.txt'}" in message
    assert "COURSE_PROFILE=quick" in message
    assert len(message.splitlines()) <= 8
    assert server.asked == ["/a.txt"]
    assert listing(cache) == ["toy"]


def test_a_copy_at_the_place_that_the_error_names_is_accepted(describe):
    describe(entry(f"{closed_port()}/a.txt"))
    with pytest.raises(OSError, match="copy the file to exactly") as error:
        data.fetch("toy")
    named = Path(str(error.value).partition("copy the file to exactly ")[2].splitlines()[0])
    named.write_bytes(BODY)
    assert data.fetch("toy") == {"a.txt": named}


def test_a_cut_off_body_is_fetched_again_and_leaves_no_file(server, describe, cache):
    describe(entry(f"{server.base}/a.txt"))
    server.answers["/a.txt"] = serve(BODY[:1000], length=len(BODY))
    with pytest.raises(OSError, match=r"a.txt: cut off or garbled on its way \(fetched twice\)"):
        data.fetch("toy")
    assert server.asked == ["/a.txt", "/a.txt"]
    assert listing(cache) == ["toy"]


def test_a_body_cut_off_once_is_whole_the_second_time(server, describe, cache):
    describe(entry(f"{server.base}/a.txt"))
    server.answers["/a.txt"] = in_turn(serve(BODY[:1000], length=len(BODY)), serve(BODY))
    assert holds(data.fetch("toy")["a.txt"], BODY)
    assert listing(cache) == ["toy", "toy/a.txt"]


def test_a_body_that_ends_early_without_a_stated_length_is_no_file_either(server, describe, cache):
    describe(entry(f"{server.base}/a.txt"))

    def short(request):
        request.send_response(200)
        request.end_headers()
        request.wfile.write(BODY[:1000])

    server.answers["/a.txt"] = short
    with pytest.raises(OSError, match="wrong bytes"):
        data.fetch("toy")
    assert listing(cache) == ["toy"]


def test_wrong_bytes_are_fetched_again_once_then_refused_with_both_hashes(server, describe, cache):
    describe(entry(f"{server.base}/a.txt"))
    server.answers["/a.txt"] = serve(BAD)
    with pytest.raises(OSError, match="wrong bytes") as error:
        data.fetch("toy")
    assert sha256(BAD) in str(error.value)
    assert sha256(BODY) in str(error.value)
    assert server.asked == ["/a.txt", "/a.txt"]
    assert listing(cache) == ["toy"]


def test_bytes_wrong_once_are_right_the_second_time(server, describe):
    describe(entry(f"{server.base}/a.txt"))
    server.answers["/a.txt"] = in_turn(serve(BAD), serve(BODY))
    assert holds(data.fetch("toy")["a.txt"], BODY)


@pytest.mark.parametrize("hangs", [hang, hang_in_the_body])
def test_a_server_that_hangs_is_left_for_the_next_url(server, describe, monkeypatch, cache, hangs):
    monkeypatch.setattr(data, "TIMEOUT", (5, 0.1))
    describe(entry(f"{server.base}/hangs", f"{server.base}/a.txt"))
    server.answers = {"/hangs": hangs, "/a.txt": serve(BODY)}
    start = time.monotonic()
    assert holds(data.fetch("toy")["a.txt"], BODY)
    assert time.monotonic() - start < 15  # so it is TIMEOUT that ended it, not another limit
    assert server.asked == ["/hangs", "/a.txt"]
    assert listing(cache) == ["toy", "toy/a.txt"]


@pytest.mark.parametrize("hangs", [hang, hang_in_the_body])
def test_a_server_that_hangs_is_named_when_it_is_the_only_one(server, describe, monkeypatch, cache, hangs):
    monkeypatch.setattr(data, "TIMEOUT", (5, 0.1))
    describe(entry(f"{server.base}/hangs"))
    server.answers["/hangs"] = hangs
    with pytest.raises(OSError, match=r"/hangs: .*timed out"):
        data.fetch("toy")
    assert listing(cache) == ["toy"]


def test_a_corrupt_file_in_the_cache_is_replaced(server, describe, cache):
    describe(entry(f"{server.base}/a.txt"))
    server.answers["/a.txt"] = serve(BODY)
    (cache / "toy").mkdir(parents=True)
    (cache / "toy" / "a.txt").write_bytes(BAD)
    assert holds(data.fetch("toy")["a.txt"], BODY)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not replace a file that is being read")
def test_who_is_reading_a_file_that_is_replaced_reads_the_old_one_to_its_end(server, describe, cache):
    describe(entry(f"{server.base}/a.txt"))
    server.answers["/a.txt"] = serve(BODY)
    (cache / "toy").mkdir(parents=True)
    (cache / "toy" / "a.txt").write_bytes(BAD)
    with (cache / "toy" / "a.txt").open("rb") as reader:
        path = data.fetch("toy")["a.txt"]
        whole = reader.read() == BAD
    assert whole
    assert holds(path, BODY)


def test_a_corrupt_file_in_the_cache_is_named_when_no_better_one_is_to_be_had(describe, cache):
    describe(entry(f"{closed_port()}/a.txt"))
    (cache / "toy").mkdir(parents=True)
    (cache / "toy" / "a.txt").write_bytes(BAD)
    with pytest.raises(OSError, match="cannot get") as error:
        data.fetch("toy")
    assert f"{cache / 'toy' / 'a.txt'}: wrong bytes, sha256 is {sha256(BAD)}" in str(error.value)
    assert holds((cache / "toy" / "a.txt"), BAD)  # never handed out, but it is the reader's to delete


def test_a_closed_port_is_said_in_few_words(describe):
    describe(entry(f"{closed_port()}/a.txt"))
    with pytest.raises(OSError, match=r"a\.txt: ConnectionError: .*(refused|actively)") as error:
        data.fetch("toy")
    assert "HTTPConnectionPool" not in str(error.value)


def fetch_in_a_process(manifest, before="", prefix=(), **options):
    """Start a process that fetches "toy" and prints either the path or the error."""
    code = (
        "import json, pathlib, helpers.data as data\n"
        f"data.MANIFEST = pathlib.Path({str(manifest)!r})\n{before}\n"
        "try: print(json.dumps(sorted(map(str, data.fetch('toy').values()))))\n"
        "except OSError as error: print('OSError', error)"
    )
    return subprocess.Popen(
        [*prefix, sys.executable, "-B", "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, **options
    )


@pytest.mark.parametrize("kind", ["file", "archive"])
def test_two_processes_at_once_both_get_the_file_and_leave_one(server, describe, cache, kind):
    body = BODY if kind == "file" else packed({f"{i}.txt": b"%d" % i * 999 for i in range(100)})
    more = {} if kind == "file" else {"unpacked_bytes": 1_000_000}
    manifest = describe(entry(f"{server.base}/a", name="a", body=body, **more))
    both_are_here = threading.Barrier(2)

    def together(request):
        both_are_here.wait(60)
        serve(body)(request)

    server.answers["/a"] = together
    processes = [fetch_in_a_process(manifest) for _ in range(2)]
    printed = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert server.asked == ["/a", "/a"]
    assert holds(cache / "toy" / "a", body)
    files = sorted(str(path) for path in cache.rglob("*") if path.is_file())
    assert printed == [files, files]
    assert len(files) == (1 if kind == "file" else 101)
    assert [name for name in listing(cache) if Path(name).name.startswith(".")] == []


def test_what_a_killed_process_left_is_cleared_after_a_day(server, describe, cache):
    manifest = describe(entry(f"{server.base}/a.txt"))
    asked = threading.Event()

    def begin_and_hang(request):
        asked.set()
        hang_in_the_body(request)

    server.answers["/a.txt"] = in_turn(begin_and_hang, serve(BODY))
    process = fetch_in_a_process(manifest)
    assert asked.wait(60)
    process.kill()
    process.communicate()
    [left] = (cache / "toy").glob(".a.*.txt")
    data.fetch("toy")
    assert left.exists()  # it is young: its process might still be at work
    (cache / "toy" / "a.txt").unlink()
    os.utime(left, (0, 0))
    data.fetch("toy")
    assert listing(cache) == ["toy", "toy/a.txt"]


def test_a_full_disk_is_reported_as_such_and_leaves_no_file(server, describe, cache):
    if not hasattr(signal, "SIGXFSZ"):
        pytest.skip("this system has no limit on file sizes to stand for a quota")
    manifest = describe(entry(f"{server.base}/a.txt", f"{server.base}/second"))
    server.answers = {"/a.txt": serve(BODY), "/second": serve(BODY)}
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))"
    )
    out, _ = fetch_in_a_process(manifest, limit).communicate(timeout=60)
    assert "OSError" in out
    assert f"cannot write {cache / 'toy' / 'a.txt'}: File too large." in out
    assert "COURSE_DATA_DIR" in out
    assert server.asked == ["/a.txt"]  # no second download for a disk that is full
    assert listing(cache) == ["toy"]


def test_a_disk_that_fills_up_while_unpacking_keeps_whole_files_only(server, describe, cache):
    if not hasattr(signal, "SIGXFSZ"):
        pytest.skip("this system has no limit on file sizes to stand for a quota")
    body = packed({"small.txt": b"small", "zeros.txt": bytes(100_000)})
    manifest = describe(archive(server, body))
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))"
    )
    out, _ = fetch_in_a_process(manifest, limit).communicate(timeout=60)
    assert "OSError" in out
    assert "File too large. Make room" in out
    assert listing(cache) == ["toy", "toy/a.zip", "toy/unpacked", "toy/unpacked/small.txt"]
    assert holds(data.fetch("toy")["zeros.txt"], bytes(100_000))


@pytest.fixture
def shared(monkeypatch, describe, server):
    """A filled cache, and a function that fetches from it as another user (or as ours, if not root)."""
    if os.name == "nt":
        pytest.skip("Windows has no permission bits of this kind")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # pytest's own folders are closed to others
        cache = Path(folder) / "cache"
        monkeypatch.setenv("COURSE_DATA_DIR", str(cache))
        body = packed({"b.txt": b"b"})
        manifest = describe(archive(server, body))
        data.fetch("toy")
        manifest = shutil.copy(manifest, folder)
        for path in (Path(folder), *Path(folder).rglob("*")):
            path.chmod(0o755)

        def fetch():
            before = (
                "import os\nif os.geteuid() == 0:\n"
                "    data.fetch('toy')  # loads what the other user may not read of root's Python\n"
                "    os.setgid(65534); os.setuid(65534)"
            )
            return fetch_in_a_process(manifest, before).communicate(timeout=60)[0]

        yield cache, fetch
        for path in (cache, *cache.rglob("*")):
            path.chmod(0o755)


def test_a_complete_cache_that_can_only_be_read_serves_and_no_network_is_asked(shared, server):
    cache, fetch = shared
    for path in (cache, *cache.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    printed = fetch()
    assert json.loads(printed) == sorted(map(str, (cache / "toy" / "a.zip", cache / "toy/unpacked/b.txt")))
    assert server.asked == ["/a.zip"]


@pytest.mark.parametrize("closed", [".", "toy", "toy/a.zip", "toy/unpacked", "toy/unpacked/b.txt"])
def test_a_cache_filled_under_a_closed_umask_is_named_with_what_opens_it(shared, server, closed):
    cache, fetch = shared
    (cache / closed).chmod(0o000)
    printed = fetch()
    (cache / closed).chmod(0o755)
    assert "OSError" in printed
    assert "cannot read " in printed
    assert (
        f"Permission denied. Whoever filled the cache can open it to all (chmod -R a+rX {cache})" in printed
    )
    assert "set COURSE_DATA_DIR to a folder of your own" in printed
    assert server.asked == ["/a.zip"]
    assert listing(cache) == ["toy", "toy/a.zip", "toy/unpacked", "toy/unpacked/b.txt"]


def test_a_cache_that_cannot_be_written_is_named(server, describe, monkeypatch, tmp_path):
    describe(entry(f"{server.base}/a.txt"))
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match=r"cannot write .*COURSE_DATA_DIR") as error:
        data.fetch("toy")
    assert str(tmp_path / "file" / "cache" / "toy" / "a.txt") in str(error.value)
    assert server.asked == []


def test_without_any_network_the_real_manifest_explains_itself(cache):
    unshare = shutil.which("unshare")
    cut_off = [unshare, "--net", "--map-root-user"]
    if not unshare or subprocess.run([*cut_off, "true"], capture_output=True).returncode:
        pytest.skip("this system cannot start a process without a network (unshare --net)")
    code = "import helpers.data as data\ntry: data.fetch('cmn-eng')\nexcept OSError as error: print(error)"
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    run = subprocess.run(
        [*cut_off, sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "http://www.manythings.org/anki/cmn-eng.zip: ConnectionError: " in run.stdout
    assert "the official file grows over time" in run.stdout
    assert f"copy the file to exactly {cache / 'cmn-eng' / 'cmn-eng.zip'}" in run.stdout
    assert listing(cache) == ["cmn-eng"]


def test_progress_is_shown_unless_ci_is_set(server, describe, monkeypatch, capfd, cache):
    describe(entry(f"{server.base}/a.txt"))
    server.answers["/a.txt"] = serve(BODY)
    data.fetch("toy")
    assert capfd.readouterr().err == ""
    (cache / "toy" / "a.txt").unlink()
    monkeypatch.delenv("CI")
    data.fetch("toy")
    assert "100%" in capfd.readouterr().err


def test_the_cache_is_the_platforms_unless_told_otherwise(monkeypatch, tmp_path):
    assert data.data_cache() == tmp_path / "cache"
    monkeypatch.setenv("COURSE_DATA_DIR", "~/my data")
    assert data.data_cache() == Path.home() / "my data"
    for unset in ("", "  "):
        monkeypatch.setenv("COURSE_DATA_DIR", unset)
        assert "from-zero-to-large-models" in data.data_cache().parts
    monkeypatch.delenv("COURSE_DATA_DIR")
    assert "from-zero-to-large-models" in data.data_cache().parts


def test_a_relative_cache_is_one_folder_wherever_a_program_is_started(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA_DIR", "my data ")
    for folder in (tmp_path, ROOT, ROOT / "helpers"):
        monkeypatch.chdir(folder)
        assert data.data_cache() == ROOT / "my data"


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no ~name, and the home folder without HOME")
def test_a_home_folder_that_is_not_known_is_an_error_that_says_what_to_set(monkeypatch):
    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setenv("COURSE_DATA_DIR", "~nosuchuser/data")
    with pytest.raises(
        ValueError, match="for COURSE_DATA_DIR=~nosuchuser/data: set COURSE_DATA_DIR to a path"
    ):
        data.fetch("tinyshakespeare")
    for name in ("HOME", "XDG_CACHE_HOME", "COURSE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(ValueError, match="for the data cache: set COURSE_DATA_DIR to a path"):
        data.fetch("tinyshakespeare")


def test_a_missing_data_folder_is_explained(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "MANIFEST", tmp_path / "data" / "datasets.toml")
    with pytest.raises(FileNotFoundError, match=r"pip install -e \."):
        data.fetch("fashion-mnist")


# ---- archives


def packed(members, compression=zipfile.ZIP_DEFLATED):
    """A zip archive of {name or ZipInfo: bytes}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def archive(server, body, unpacked_bytes=1_000_000, **more):
    """Serve a zip archive and describe it."""
    server.answers["/a.zip"] = serve(body)
    return entry(f"{server.base}/a.zip", name="a.zip", body=body, unpacked_bytes=unpacked_bytes, **more)


def test_an_archive_is_unpacked_beside_itself(server, describe, cache):
    describe(archive(server, packed({"in/": b"", "in/b.txt": b"b", "c.txt": b"c"})))
    files = data.fetch("toy")
    assert sorted(files) == ["a.zip", "c.txt", "in/b.txt"]
    assert files["in/b.txt"] == cache / "toy" / "unpacked" / "in" / "b.txt"
    assert files["in/b.txt"].read_bytes() == b"b"
    assert [name for name in listing(cache) if Path(name).name.startswith(".")] == []


def test_only_the_members_that_match_are_unpacked(server, describe):
    describe(
        archive(
            server, packed({"in/b.wav": b"b", "in/c.txt": b"c", "__MACOSX/b.wav": b""}), members="in/*.wav"
        )
    )
    assert sorted(data.fetch("toy")) == ["a.zip", "in/b.wav"]


def test_an_unpacked_file_that_was_damaged_or_lost_is_restored(server, describe):
    describe(archive(server, packed({"b.txt": b"bbbb", "c.txt": b"cccc", "d.txt": b"dddd"})))
    files = data.fetch("toy")
    untouched = files["d.txt"].stat().st_mtime_ns
    files["b.txt"].write_bytes(b"bbXb")
    files["c.txt"].unlink()
    data.fetch("toy")
    assert files["b.txt"].read_bytes() == b"bbbb"
    assert files["c.txt"].read_bytes() == b"cccc"
    assert files["d.txt"].stat().st_mtime_ns == untouched
    assert server.asked == ["/a.zip"]


def link(name):
    member = zipfile.ZipInfo(name)
    member.create_system = 3
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    "member",
    ["../evil.txt", "in/../../evil.txt", "/tmp/evil.txt", "..\\evil.txt", "C:/evil.txt", link("evil.txt")],
    ids=["up", "down and up", "absolute", "backslash", "drive", "link"],
)
def test_an_archive_that_reaches_outside_is_refused_and_writes_nothing(
    server, describe, member, cache, tmp_path
):
    describe(archive(server, packed({"good.txt": b"good", member: b"/etc/passwd"})))
    before = listing(tmp_path)
    with pytest.raises(OSError, match=r"refused: archive member '.*evil\.txt'"):
        data.fetch("toy")
    assert listing(cache) == ["toy"]
    assert [name for name in listing(tmp_path) if name not in before] == ["cache", "cache/toy"]


def test_an_archive_may_expand_to_the_bytes_that_are_allowed(server, describe):
    describe(archive(server, packed({"zeros": bytes(1_000_000)})))
    assert holds(data.fetch("toy")["zeros"], bytes(1_000_000))


def test_an_archive_that_expands_too_far_is_refused(server, describe, cache):
    describe(archive(server, packed({"zeros": bytes(1_000_001)})))
    with pytest.raises(OSError, match="archive expands to 1,000,001 bytes, 1,000,000 are allowed"):
        data.fetch("toy")
    assert listing(cache) == ["toy"]


def test_an_archive_that_lies_about_its_size_is_refused(server, describe, cache):
    body = packed({"zeros": bytes(1_000_001)})
    lie = body.replace((1_000_001).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lie != body
    described = archive(server, lie, contents_sha256="0" * 64)
    del described["sha256"]
    describe(described)
    with pytest.raises(OSError, match="refused: Bad CRC-32"):
        data.fetch("toy")
    assert listing(cache) == ["toy"]


def test_an_archive_packed_anew_passes_by_its_contents_and_a_changed_one_does_not(server, describe):
    files = {"x/b.txt": b"b" * 999, "x/a.txt": b"a"}
    wanted = sha256(f"{sha256(b'a')}  x/a.txt\n{sha256(b'b' * 999)}  x/b.txt\n".encode())
    described = archive(server, packed(files), members="x/*", contents_sha256=wanted)
    del described["sha256"]
    describe(described)
    anew = packed({**dict(reversed(files.items())), "README": b"new"}, zipfile.ZIP_STORED)
    changed = packed({**files, "x/a.txt": b"A"})
    assert sha256(anew) != sha256(packed(files))
    for good in (packed(files), anew):
        server.answers["/a.zip"] = serve(good)
        path = data.fetch("toy")["a.zip"]
        assert holds(path, good)
        path.unlink()
    for bad in (changed, anew[:-30], b"<html>not found</html>"):
        server.answers["/a.zip"] = serve(bad)
        with pytest.raises(OSError, match=rf"wrong contents, .*should be {wanted}|refused: "):
            data.fetch("toy")


# ---- the manifest, and the real files


@pytest.mark.parametrize("name", SETS)
def test_every_set_of_the_manifest_is_described_in_full(name):
    described = SETS[name]
    assert all(described[key] for key in ("title", "licence", "citation", "homepage", "files"))
    assert f"| `{name}` |" in (data.MANIFEST.parent / "README.md").read_text(encoding="utf-8")
    for file in described["files"]:
        assert set(file) >= {"name", "bytes", "urls"}
        assert len(file.get("sha256") or file["contents_sha256"]) == 64
        assert Path(file["name"]).name == file["name"] != "unpacked"
        assert all(url.startswith(("http://", "https://")) for url in file["urls"])
        assert file["name"].endswith(".zip") == ("unpacked_bytes" in file)
        can_run_code = (".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt", ".joblib", ".h5", ".keras")
        assert not file["name"].lower().endswith(can_run_code), "a pickle runs code: take .safetensors"
        tar = file["name"].endswith((".tar", ".tgz", ".tar.gz"))
        assert not tar or name == "cifar-10", "only zip archives are unpacked; CIFAR-10 is read in memory"


@pytest.fixture(scope="module")
def real_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("real")


@pytest.fixture
def real(real_cache, monkeypatch):
    """The real mirror, and one cache for all tests that use it."""
    monkeypatch.setenv("COURSE_MIRROR", MIRROR or "")
    monkeypatch.setenv("COURSE_DATA_DIR", str(real_cache))
    return real_cache


MAY_BE_MISSING = {
    "cifar-10": "test_cifar10.py",
    "gpt2": "test_5_2e_writing.py",
    "resnet18-imagenet": "test_4_2c_published_weights.py",
}


@on_real_files
@pytest.mark.parametrize("name", SETS)
def test_the_mirror_has_every_set_and_it_verifies(name, real):
    first = SETS[name]["files"][0]["name"]
    if name in MAY_BE_MISSING and requests.head(f"{MIRROR}/{name}/{first}").status_code == 404:
        pytest.skip(f"the mirror does not have {name}; {MAY_BE_MISSING[name]} reads a small file of its kind")
    files = data.fetch(name)
    for file in SETS[name]["files"]:
        path = files[file["name"]]
        assert path.parent == real / name
        assert path.stat().st_size == file["bytes"]
        unpacked = [path for path in files.values() if "unpacked" in path.parts]
        assert sum(path.stat().st_size for path in unpacked) == file.get("unpacked_bytes", 0)


IN_VAL = np.array([521, 497, 490, 508, 527, 503, 467, 450, 515, 522])  # of 6,000 in the training file


@on_real_files
@pytest.mark.parametrize(
    ("split", "counts"), [("train", 6_000 - IN_VAL), ("val", IN_VAL), ("test", [1_000] * 10)]
)
def test_fashion_mnist_has_its_shapes_and_classes(split, counts, real):
    X, y = data.load_data("fashion-mnist", split)
    assert X.shape == (sum(counts), 1, 28, 28)
    assert (X.dtype, y.dtype) == (np.float32, np.int64)
    assert (X.min(), X.max()) == (0, 1)
    np.testing.assert_array_equal(np.bincount(y), counts)


@on_real_files
def test_fashion_mnist_is_what_is_in_the_files(real):
    with gzip.open(data.fetch("fashion-mnist")["train-images-idx3-ubyte.gz"]) as file:
        pixels = file.read()[16:]
    train, val = (np.rint(data.load_data("fashion-mnist", split)[0] * 255) for split in ("train", "val"))
    assert sha256(np.concatenate([train, val]).astype(np.uint8).tobytes()) == sha256(pixels)


@on_real_files
def test_the_first_1500_of_fashion_mnist_hold_every_class_as_the_docstring_says(real):
    counts = np.bincount(data.load_data("fashion-mnist", n=1_500)[1])
    assert (counts.min(), counts.max()) == (145, 165)
