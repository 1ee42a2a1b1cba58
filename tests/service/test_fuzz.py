"""Thousands of requests that nobody would send on purpose: no 5xx, and no growth of memory."""

import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.service.serving import MODEL, b64, bombs, encoded, seven, start_command

REQUESTS = 5_000


def test_the_service_is_as_its_openapi_says_whatever_is_sent(running, tmp_path):
    command = [shutil.which("schemathesis", path=Path(sys.executable).parent), "run"]
    command += [running.url + "/openapi.json", "--seed", "0", "--max-examples", "30", "--no-color"]
    command += ["--generation-database", "none", "--warnings", "off"]
    # A schema cannot say which strings of base64 hold a picture: what fits it may be refused all the same.
    command += ["--exclude-checks", "positive_data_acceptance"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-2_000:]
    assert int(re.search(r"(\d+) generated, \1 passed", done.stdout)[1]) >= 300


# ---- a fuzz of our own, which knows pictures


def mutated(rng, data):
    """Bytes with some of them changed, dropped, doubled or cut off."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8, 40])):
        place = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            del data[place:]
        elif kind == 1:
            data[place : place + rng.randrange(9)] = rng.randbytes(rng.randrange(9))
        elif kind == 2 and data:
            data[place % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 3:
            data[place:place] = data[place : place + rng.randrange(200)]
        elif data:
            data[place % len(data)] = rng.choice([0, 255, 127, 128])
        if not data:
            break
    return bytes(data)


def value(rng, depth=0):
    """Any JSON value."""
    kind = rng.randrange(9 if depth < 4 else 7)
    if kind == 7:
        return [value(rng, depth + 1) for _ in range(rng.randrange(5))]
    if kind == 8:
        keys = ["b64", "pictures", "instances", "inputs", "", "\x00", "ключ"]
        return {rng.choice(keys): value(rng, depth + 1) for _ in range(rng.randrange(4))}
    return [
        None,
        True,
        rng.randrange(-9, 9),
        rng.random() * 10.0 ** rng.randrange(-9, 300),
        "text",
        "AAAA",
        "é\ud83d\ude00",
    ][kind]


class Fuzz:
    """Requests from a seed: (method, path, headers, body)."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        images = [(seven((60, 60)), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")]
        images += [(seven((60, 60)).convert(mode), "PNG") for mode in ("P", "LA", "RGBA", "1", "I;16")]
        images += [(seven((60, 60)).convert("CMYK"), "JPEG"), (seven((60, 60)).convert("CMYK"), "TIFF")]
        self.pictures = [encoded(image, kind) for image, kind in images] + list(bombs().values())

    def picture(self):
        data = self.rng.choice(self.pictures)
        return mutated(self.rng, data) if self.rng.random() < 0.8 else data

    def question(self):
        rng = self.rng
        kind = rng.randrange(5)
        if kind == 0:
            return {"instances": [b64(self.picture()) for _ in range(rng.randrange(4))]}
        if kind == 1:
            return {"inputs": {"pictures": [b64(self.picture())]}}
        if kind == 2:
            return {rng.choice(["instances", "inputs"]): value(rng)}
        if kind == 3:
            size = rng.choice([27, 28, 28, 28])
            return {
                "instances": [
                    [[rng.choice([0, 0.5, 1, 1.1, -1, "1", None] if rng.random() < 0.01 else [0, 0.5])] * 28]
                    * size
                ]
            }
        return value(rng)

    def __next__(self):
        rng = self.rng
        if rng.random() < 0.1:
            path = rng.choice(
                ["/", MODEL, "/v1/models/x", "/healthz", "/metrics", "/openapi.json", "/%00", "/classify"]
            )
            return rng.choice(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"]), path, {}, b""
        if rng.random() < 0.5:
            data = self.picture()
            if rng.random() < 0.5:
                return "POST", "/classify", {"content-type": "image/png"}, data
            part = b'--aaa\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
            form = part + data + b"\r\n--aaa--\r\n"
            form = mutated(rng, form) if rng.random() < 0.5 else form
            return "POST", "/classify", {"content-type": "multipart/form-data; boundary=aaa"}, form
        body = json.dumps(self.question()).encode()
        body = mutated(rng, body) if rng.random() < 0.3 else body
        place = rng.choice(["", "", "", "/versions/1", "/versions/2", "/labels/x"])
        return "POST", f"{MODEL}{place}:predict", {"content-type": "application/json"}, body


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_thousands_of_mutated_requests_get_no_5xx_and_leave_no_memory_behind(models):
    fuzz, codes = Fuzz(seed=0), {}
    process, url = start_command("--models", str(models))
    with process:
        watched = psutil.Process(process.pid)
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            for number in range(REQUESTS):
                if number == REQUESTS // 2:
                    halfway = watched.memory_info().rss
                method, path, headers, body = next(fuzz)
                answer = client.request(method, path, headers=headers, content=body)
                codes[answer.status_code] = codes.get(answer.status_code, 0) + 1
                assert answer.status_code < 500, (number, method, path, body[:200], answer.text)
                if answer.status_code >= 400 and method != "HEAD":
                    assert list(answer.json()) == ["error"]
            grown = watched.memory_info().rss - halfway
            handles = watched.num_fds()
            assert client.get("/healthz").status_code == 200
        process.terminate()
        log, _ = process.communicate(timeout=30)
    assert "Traceback" not in log
    assert sum(codes.values()) == REQUESTS
    assert codes[200] > REQUESTS / 10  # it is no fuzz of closed doors only
    assert codes[400] > REQUESTS / 10
    assert grown < 20_000_000, f"{grown:,} bytes in the second half"
    assert handles < 60
