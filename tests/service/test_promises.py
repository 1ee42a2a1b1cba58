"""What the service says of itself is true: its counters, its health, its errors; and no work for nobody."""

import asyncio
import json
import socket
import threading
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from service.app import create_app
from tests.service.serving import HAND, MODEL, ask, connected, hand_made, run_service, until

QUESTION = json.dumps({"instances": [HAND]}).encode()
TWO = json.dumps({"instances": [HAND, HAND]}).encode()
PREDICT = f"{MODEL}:predict"


def counted(running, name, **labels):
    return running.service.metrics.registry.get_sample_value(name, labels) or 0


def test_every_request_is_counted_once_by_route_and_status_and_timed(by_hand):
    """Exactly, and read when the service has ended: what is counted late, or twice, is in it."""
    asked = {
        ("POST", PREDICT, QUESTION): 1,
        ("POST", PREDICT, TWO): 2,
        ("POST", PREDICT, b"no json"): 2,
        ("GET", MODEL, b""): 1,
        ("GET", "/v1/models/nosuch", b""): 1,
        ("GET", "/healthz", b""): 2,
        ("GET", "/nowhere", b""): 1,
        ("GET", "/", b""): 1,
    }
    with httpx.Client(base_url=by_hand.url, trust_env=False) as client:
        for (method, path, body), times in asked.items():
            for _ in range(times):
                client.request(method, path, content=body)
    by_hand.stop()
    routes = {
        "/v1/models/{name}:predict": {200: 3, 400: 2},
        "/v1/models/{name}": {200: 1, 404: 1},
        "/healthz": {200: 2},
        "none": {404: 1},
        "/": {200: 1},
    }
    found = {}
    for metric in by_hand.service.metrics.registry.collect():
        for sample in metric.samples:
            if sample.name == "service_requests_total":
                statuses = found.setdefault(sample.labels["route"], {})
                statuses[int(sample.labels["status"])] = sample.value
    assert found == routes
    for route, statuses in routes.items():
        assert counted(by_hand, "service_seconds_count", route=route) == sum(statuses.values())
        assert 0 < counted(by_hand, "service_seconds_sum", route=route) < 30
    assert counted(by_hand, "service_batch_pictures_sum") == 5
    assert 3 <= counted(by_hand, "service_batch_pictures_count") <= 5  # two may be divided between two cores


def test_the_time_that_is_counted_goes_from_request_to_answer(gated, question, monkeypatch):
    running, model = gated()
    clock = [100.0]
    monkeypatch.setattr("service.metrics.time", SimpleNamespace(perf_counter=lambda: clock[0]))
    asking = threading.Thread(target=ask, args=(running.url, question))
    asking.start()
    assert model.entered.wait(30)
    clock[0] += 7  # seconds that the model takes
    model.gate.set()
    asking.join()
    running.stop()
    assert counted(running, "service_seconds_sum", route="/v1/models/{name}:predict") == 7


def test_the_metrics_have_the_content_type_that_prometheus_asks_for(by_hand):
    answer = httpx.get(by_hand.url + "/metrics", trust_env=False)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_what_waits_and_what_is_held_can_be_read_in_the_metrics(gated, question):
    running, model = gated()
    threads = [threading.Thread(target=ask, args=(running.url, question)) for _ in range(4)]
    threads[0].start()
    assert model.entered.wait(30)
    for thread in threads[1:]:
        thread.start()
    (batcher,) = running.service.batchers.values()
    until(lambda: batcher.waiting == 3)
    with connected(running) as slow:
        slow.sendall(b"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n" + b"x" * 60)
        until(lambda: running.service.bodies.held == 60)
        text = httpx.get(running.url + "/metrics", trust_env=False).text.splitlines()
    model.gate.set()
    for thread in threads:
        thread.join()
    assert "service_waiting_pictures 3.0" in text
    assert "service_body_bytes 60.0" in text


@pytest.mark.parametrize("error", [RuntimeError, ValueError, LookupError, TimeoutError])
def test_an_error_of_the_service_is_a_500_that_tells_nothing_and_is_in_the_log(by_hand, error, caplog):
    (batcher,) = by_hand.service.batchers.values()

    def fails(rows):
        raise error("the secret of the house")

    batcher.run = fails
    for path, body in ((PREDICT, QUESTION), ("/classify", None)):
        files = {"file": ("x.png", _png())} if body is None else None
        answer = httpx.post(by_hand.url + path, content=body, files=files, trust_env=False)
        assert answer.status_code == 500
        assert answer.json() == {"error": "an error of the service; its log says more"}
        assert answer.headers["x-content-type-options"] == "nosniff"
    by_hand.stop()
    assert caplog.text.count("the secret of the house") >= 2
    assert counted(by_hand, "service_requests_total", route="/v1/models/{name}:predict", status="500") == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_model_that_answers_with_nan_is_not_the_clients_fault_and_is_named_in_the_log(by_hand, bad, caplog):
    (batcher,) = by_hand.service.batchers.values()
    batcher.run = lambda rows: np.full((len(rows), 4), bad, dtype=np.float32)
    assert ask(by_hand.url, QUESTION).status_code == 500
    by_hand.stop()
    assert "version 1 answered with nan" in caplog.text


def _png():
    from tests.service.serving import encoded

    return encoded(np.round(np.array(HAND) * 255).astype(np.uint8))


def test_closing_it_is_healthy_no_longer_and_takes_nothing_more(tmp_path):
    hand_made(tmp_path)
    app = create_app(tmp_path)

    async def scenario():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            before = (await client.get("/healthz")).status_code
            app.state.service.close()
            answers = [await client.get("/healthz"), await client.post(PREDICT, content=QUESTION)]
            return before, [(answer.status_code, answer.headers["retry-after"]) for answer in answers]

    assert asyncio.run(scenario()) == (200, [(503, "1"), (503, "1")])


def test_a_service_that_has_ended_leaves_no_threads(tmp_path):
    hand_made(tmp_path)
    before = set(threading.enumerate())
    with run_service(tmp_path) as running:
        assert ask(running.url, QUESTION).status_code == 200
        large = json.dumps({"instances": [HAND], "signature_name": " " * 70_000})  # decoded in a thread
        assert ask(running.url, large).status_code == 400
    assert running.service.closing
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("path", [PREDICT, "/classify"])
def test_for_a_client_that_has_gone_the_model_does_no_work(gated, question, digits, path):
    from tests.service.serving import encoded

    running, model = gated()
    (batcher,) = running.service.batchers.values()
    first = threading.Thread(target=ask, args=(running.url, question))
    first.start()
    assert model.entered.wait(30)
    body = question if path == PREDICT else encoded(digits[0][0])
    head = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with connected(running) as gone:
        gone.sendall(head.encode() + body)
        until(lambda: batcher.waiting == 1)
    route = "/v1/models/{name}:predict" if path == PREDICT else path
    until(lambda: counted(running, "service_requests_total", route=route, status="499") == 1)
    model.gate.set()
    first.join()
    assert ask(running.url, question).status_code == 200
    assert model.sizes == [1, 1]  # the first, and the one after


def test_a_client_that_only_stopped_sending_on_another_connection_is_answered(gated, question):
    running, model = gated()
    with ask_raw(running, question) as asked, connected(running):
        assert model.entered.wait(30)
        model.gate.set()
        assert asked.recv(65_536).startswith(b"HTTP/1.1 200")


def ask_raw(running, body) -> socket.socket:
    raw = connected(running)
    raw.sendall(f"POST {PREDICT} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    return raw
