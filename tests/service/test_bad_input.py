"""Whatever arrives: a clear 4xx or the right answer, and the service lives on."""

import base64
import contextlib
import json
import socket

import numpy as np
import pytest
from PIL import Image

from tests.service.serving import MODEL, b64, bombs, encoded, png_of, seven

PREDICT = f"{MODEL}:predict"
OCTETS = {"content-type": "application/octet-stream"}


@pytest.fixture(autouse=True)
def alive_afterwards(running, client):
    yield
    assert client.get("/healthz").status_code == 200
    assert running.service.bodies.held == running.service.decoded.large == 0


def refused(answer, code, *words):
    assert answer.status_code == code, answer.text
    assert list(answer.json()) == ["error"]
    for word in words:
        assert word in answer.json()["error"]


SEVEN = encoded(seven())
NAMED = b"content-disposition: form-data; name=%s\r\n\r\n"
NOT_PICTURES = {
    "0 bytes": b"",
    "not an image": b"this is no picture",
    "a web page": b"<!doctype html><svg></svg>",
    "cut off": SEVEN[: len(SEVEN) // 2],
    "cut off JPEG": encoded(seven(), "JPEG")[:700],
    "blank": encoded(Image.new("L", (50, 50), 255)),
    "1 × 1": encoded(Image.new("L", (1, 1))),
    **{f"bomb {name}": data for name, data in bombs().items()},
}


@pytest.mark.parametrize("name", NOT_PICTURES)
def test_what_is_no_good_picture_is_refused_on_both_routes(client, name):
    data = NOT_PICTURES[name]
    refused(client.post("/classify", content=data, headers=OCTETS), 400)
    refused(client.post("/classify", files={"file": ("x.png", data)}), 400)
    answer = client.post(PREDICT, json={"instances": [b64(SEVEN), b64(data)]})
    refused(answer, 400, "instance 1: ")


rotated = Image.Exif()
rotated[0x0112] = 6
UNUSUAL = {
    "16 bits": encoded(np.asarray(seven()).astype(np.uint16) * 257),
    "CMYK": encoded(seven().convert("CMYK"), "JPEG"),
    "palette": encoded(seven().convert("P")),
    "alpha": encoded(seven().convert("LA")),
    "animated": encoded(seven(), "GIF", save_all=True, append_images=[Image.new("L", (200, 240))]),
    "rotated by EXIF": encoded(seven().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=rotated),
    "large": encoded(seven((4_000, 4_800)), "JPEG"),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_pictures_get_the_right_answer(client, name):
    expected = client.post("/classify", content=SEVEN, headers=OCTETS).json()
    assert expected["label"] == "7"
    answer = client.post("/classify", content=UNUSUAL[name], headers=OCTETS)
    assert answer.status_code == 200, answer.text
    assert answer.json()["label"] == "7"
    (row,) = client.post(PREDICT, json={"instances": [b64(UNUSUAL[name])]}).json()["predictions"]
    assert np.argmax(row) == 7


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("%%%%", "not base64"),
        ("A", "not base64"),
        ("AAAA=", "not base64"),
        ("AA=", "end in 2 '='"),
        ("=", "not base64"),
        ("AA==AAAA", "not base64"),
        ("AAAA A%AA", "not base64"),
        ("ÄÖÜß", "not base64"),
        ("AAAA\u00a0AAAA", "not base64"),
        ("AAA-", "URL-safe"),
        ("_AA", "URL-safe"),
        ("-_\n-_==", "URL-safe"),
        ("AAA-%", "not base64"),
        ("data:image/png;base64,AAAA", "comma"),
        ("", "0 bytes"),
        (" \n", "0 bytes"),
        ("AAAA", "not a picture: 3 bytes"),
        ("AAA", "not a picture: 2 bytes"),
        ("AA\r\n AA", "not a picture: 3 bytes"),
    ],
)
def test_base64_with_junk_is_refused(client, text, word):
    refused(client.post(PREDICT, json={"instances": [{"b64": text}]}), 400, "instance 0: ", word)


@pytest.mark.parametrize("cut", [SEVEN, SEVEN + b"\0", SEVEN + b"\0\0"], ids=["no", "one", "two"])
@pytest.mark.parametrize("kind", ["lines of 76", "carriage returns", "indented", "no padding"])
def test_base64_as_tensorflow_serving_accepts_it_is_accepted(client, cut, kind):
    """In lines, as the command base64 writes it, and without the "=" at the end."""
    text = base64.b64encode(cut).decode()
    lines = [text[place : place + 76] for place in range(0, len(text), 76)]
    sent = {
        "lines of 76": "\n".join(lines) + "\n",
        "carriage returns": "\r\n".join(lines),
        "indented": "\t" + "\n\t ".join(lines),
        "no padding": text.rstrip("="),
    }[kind]
    plain, found = (client.post(PREDICT, json={"instances": [{"b64": each}]}) for each in (text, sent))
    assert found.status_code == 200, found.text
    assert found.json() == plain.json()
    assert np.argmax(found.json()["predictions"]) == 7


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 1.5, "text", {}, {"b64": None}, {"b64": 3}, {"b64": ["AAAA"]}, {"B64": "AAAA"},
        {"b64": "AAAA", "more": 1}, {"pictures": None}, {"pictures": {"pictures": {"b64": "AAAA"}}}, [], [[]],
        [[1, 2], [3]], ["a"] * 28, [["0.5"] * 28] * 28, [[None] * 28] * 28, [[True] * 28] * 28,
        [[0.5] * 27] * 28,
        [[255] * 28] * 28, [[-0.1] * 28] * 28, [[10**400] * 28] * 28, [[float("nan")] * 28] * 28,
        [[float("inf")] * 28] * 28, [[[0.5, 0.5]] * 28] * 28, [[{"b64": "AAAA"}]],
    ],
    ids=lambda value: json.dumps(value)[:30],
)  # fmt: skip
def test_wrong_types_and_shapes_are_refused(client, value):
    body = json.dumps({"instances": [value]})
    refused(client.post(PREDICT, content=body), 400, "instance 0: ")


@pytest.mark.parametrize("values", [None, 1, "x", {}, {"b64": "AAAA"}, []], ids=str)
@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_what_is_no_list_of_instances_is_refused(client, key, values):
    refused(client.post(PREDICT, json={key: values}), 400, key)


def test_more_instances_than_allowed_are_refused(client):
    refused(client.post(PREDICT, json={"instances": [b64(SEVEN)] * 129}), 400, "129", "128")


def test_pictures_that_are_too_large_together_are_refused(client):
    flat = b64(png_of(5_000, 5_000))
    refused(client.post(PREDICT, json={"instances": [flat] * 3}), 400, "75,000,000", "50,000,000")


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances":' + b"[" * 40_000 + b"]" * 40_000 + b"}",
        b'{"instances":' + b'[{"a":' * 20_000 + b"1" + b"}]" * 20_000 + b"}",
        b"[" * 1_000_000,
        b'{"instances": [' + b"[]," * 1_000_000 + b"[]]}",
        b'{"instances": [{"b64": "AAAA"}',
        b'{"instances": [1e999999]}',
        b'{"instances": [' + b"9" * 5_000 + b"]}",
        b'\xff\xfe{"instances": []}',
        b"\x00",
        b"\xff" * 100,
        '{"instances": ["\ud800"]}'.encode("utf-8", "surrogatepass"),
        b'{"instances": [{"b64": "\\ud800"}]}',
        b"null",
        b"3",
        b'"text"',
        b"NaN",
        b'{"instances": [{"b64": "AAAA"}]} {}',
    ],
    ids=lambda body: str(body[:30]),
)
def test_deep_broken_and_strange_json_is_refused(client, body):
    refused(client.post(PREDICT, content=body), 400)


@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_more_brackets_than_pictures_need_are_refused_before_they_are_read(client, pair):
    body = '{"instances": [' + ",".join([pair] * 60_000) + "]}"
    refused(client.post(PREDICT, content=body), 400, "more than 50,000 brackets")


def test_fifty_megabytes_are_refused_with_413_whether_announced_or_not(client):
    body = b"x" * 50_000_000
    for path in ("/classify", PREDICT):
        refused(client.post(path, content=body, headers=OCTETS), 413, "16,000,000")
    pieces = (body[:1_000_000] for _ in range(50))
    refused(client.post("/classify", content=pieces, headers=OCTETS), 413, "16,000,000")


@pytest.mark.parametrize("path", ["/classify", PREDICT])
def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent(running, path):
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as raw:
        raw.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 16000001\r\n\r\n".encode())
        assert raw.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_a_refused_client_may_send_on_and_still_reads_its_answer(running):
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as raw:
        raw.sendall(b"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-length: 40000000\r\n\r\n")
        for _ in range(40):
            raw.sendall(b"x" * 1_000_000)
        answer = b""
        while part := raw.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b'"the body is larger than 16,000,000 bytes"}')


@pytest.mark.parametrize("length", [b"-1", b"x", b"1e3", b"9" * 30, b"5, 6"])
def test_a_length_that_is_none_is_refused(running, length):
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as raw:
        raw.sendall(b"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-length: " + length + b"\r\n\r\n")
        assert raw.recv(65_536)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "request_bytes",
    [b"\0\0\0\0", b"GET", b"GET / HTTP/x", b"\x16\x03\x01\x02\0\x01\0\x01", b"G" * 100_000],
    ids=lambda data: str(data[:12]),
)
def test_what_is_no_http_is_answered_400(running, request_bytes):
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as raw:
        raw.sendall(request_bytes + b"\r\n\r\n")
        try:
            answer = raw.recv(65_536)
        except ConnectionError:  # it was closed before all was read
            return
        assert answer[:12] in (b"HTTP/1.1 400", b"")


def test_headers_without_an_end_are_cut_off_long_before_they_fill_the_memory(running):
    sent, more = 0, b"".join(b"x-%d: %s\r\n" % (number, b"y" * 1000) for number in range(100))
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as raw:
        raw.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
        with contextlib.suppress(ConnectionError):
            while sent < 100_000_000:
                raw.sendall(more)
                sent += len(more)
    assert sent < 50_000_000


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json", "application/x-www-form-urlencoded", "", "x" * 500]
)
def test_a_wrong_content_type_for_an_upload_is_refused_with_what_is_right(client, kind):
    refused(
        client.post("/classify", content=SEVEN, headers={"content-type": kind}), 415, "multipart/form-data"
    )


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", b"x"),
        ("; boundary=a", b"no such boundary"),
        ("; boundary=a", b"--a\r\n" + NAMED % b'"file"' + b"text\r\n--a--\r\n"),
        ("; boundary=a", b"--a\r\n" + NAMED % b'"other"; filename="x"' + b"x\r\n--a--\r\n"),
        ("; boundary=a", b"--a\r\n" + NAMED % b'"file"; filename="x"' + b"x"),
        ("; boundary=a", b"--a\r\nno disposition\r\n\r\nx\r\n--a--\r\n"),
        ("; boundary=a", (b"--a\r\n" + NAMED % b'"n"' + b"x\r\n") * 1_000 + b"--a--\r\n"),
        ("; boundary=" + "a" * 300, b"x"),
    ],
    ids=range(8),
)
def test_a_form_that_is_none_or_has_no_file_is_refused(client, kind, body):
    answer = client.post("/classify", content=body, headers={"content-type": "multipart/form-data" + kind})
    refused(answer, 400, "form")


def test_a_form_of_more_fields_than_are_read_is_refused_although_its_file_is_good(client):
    data = {f"field {number}": "x" for number in range(8)}
    answer = client.post("/classify", data=data, files={"file": ("x.png", SEVEN)})
    refused(answer, 400, "more than 8 fields")


@pytest.mark.parametrize("kind", ["Image/PNG", "image/png ; charset=x", "APPLICATION/OCTET-STREAM"])
def test_a_content_type_may_be_written_in_any_case(client, kind):
    assert client.post("/classify", content=SEVEN, headers={"content-type": kind}).json()["label"] == "7"


def test_a_form_with_two_files_is_refused(client):
    files = [("file", ("a.png", SEVEN)), ("file", ("b.png", SEVEN))]
    refused(client.post("/classify", files=files), 400)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/models/nosuch", 404), ("/v1/models/%00", 404), ("/v1/models/" + "x" * 3_000, 404),
        (f"{MODEL}/versions/99", 404), (f"{MODEL}/versions/-1", 400), (f"{MODEL}/versions/1.0", 400),
        (f"{MODEL}/versions/%D9%A1", 400), (f"{MODEL}/versions/{'9' * 5_000}", 400),
        (f"{MODEL}/labels/nosuch", 404),
        ("/v1/models", 404), ("/v1/models/", 404), ("/nosuch", 404),
        ("/..%2f..%2fetc%2fpasswd", 404), ("/app.py", 404),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_unknown_paths_models_and_versions_are_refused(client, path, code):
    refused(client.get(path), code)


def test_an_error_never_repeats_much_of_what_was_sent(client):
    for body in ({"signature_name": "x" * 5_000, "instances": [1]}, {"y" * 5_000: 1, "instances": [1]}):
        assert len(client.post(PREDICT, json=body).text) < 300
    assert len(client.get("/v1/models/" + "z" * 5_000).text) < 300


@pytest.mark.parametrize("path", ["/", "/healthz", "/nosuch", MODEL])
def test_every_answer_carries_the_policies(client, path):
    headers = client.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy == {
        **dict.fromkeys(["default-src", "base-uri", "form-action", "frame-ancestors"], "'none'"),
        **dict.fromkeys(["script-src", "style-src", "img-src", "connect-src"], "'self'"),
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
