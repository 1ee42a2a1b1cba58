"""Overload, slow clients and shutdown: nothing accepted is lost, nothing waits without bound."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image

from service import contract, endpoints
from service.limits import Limits
from tests.service.serving import MODEL, ask, b64, connected, encoded, run_service, seven, until


def test_concurrent_requests_are_answered_by_few_runs_of_the_model(gated, question):
    running, model = gated()
    (batcher,) = running.service.batchers.values()
    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(ask, running.url, question)
        assert model.entered.wait(30)
        answers = [first, *(pool.submit(ask, running.url, question) for _ in range(11))]
        until(lambda: batcher.waiting == 11)
        model.gate.set()
        answers = [answer.result() for answer in answers]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text[:60] for answer in answers}) == 1
    assert model.sizes == [1, 11]
    assert running.service.metrics.registry.get_sample_value("service_batch_pictures_count") == 2


def test_overload_answers_503_with_retry_after_and_what_was_accepted_is_answered(gated, question):
    running, model = gated(waiting_pictures=3)
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(ask, running.url, question)
        assert model.entered.wait(30)
        answers = [pool.submit(ask, running.url, question) for _ in range(9)]
        until(lambda: sum(answer.done() for answer in answers) == 6)
        model.gate.set()
        answers = [answer.result() for answer in [first, *answers]]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 6
    assert {answer.status_code for answer in answers if answer not in refused} == {200}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert "try again later" in refused[0].json()["error"]


def test_who_gets_no_turn_in_time_gets_503_instead_of_waiting_for_ever(gated, question):
    running, _ = gated(wait_seconds=0.1)
    answer = ask(running.url, question)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "no turn within 0.1 s" in answer.json()["error"]


def test_a_healthy_answer_does_not_wait_for_the_model(gated, question):
    running, model = gated()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, running.url, question)
        assert model.entered.wait(30)
        assert httpx.get(running.url + "/healthz", trust_env=False).status_code == 200
        assert not waiting.done()
        model.gate.set()
        assert waiting.result().status_code == 200


LARGE = encoded(seven((600, 600)))  # more pixels than are prepared on the event loop
UPLOAD = {"content-type": "image/png"}


class Held:
    """In the place of a function: notes the thread that calls it, then waits for a gate."""

    def __init__(self, function, open=False):
        self.function, self.threads, self.gate = function, [], threading.Event()
        if open:
            self.gate.set()

    def __call__(self, *arguments):
        self.threads.append(threading.current_thread().name)
        assert self.gate.wait(30)
        return self.function(*arguments)


@pytest.fixture
def held_decoding(monkeypatch):
    held = Held(endpoints.for_model)
    monkeypatch.setattr(endpoints, "for_model", held)
    yield held
    held.gate.set()


def classify(running, picture, seconds=60):
    return httpx.post(
        running.url + "/classify", content=picture, headers=UPLOAD, timeout=seconds, trust_env=False
    )


def test_while_a_large_picture_is_decoded_others_are_answered(models, held_decoding):
    with run_service(models) as running, ThreadPoolExecutor(1) as pool:
        large = pool.submit(classify, running, LARGE)
        until(lambda: held_decoding.threads)
        assert httpx.get(running.url + "/healthz", timeout=20, trust_env=False).status_code == 200
        assert not large.done()
        held_decoding.gate.set()
        assert large.result().json()["label"] == "7"
        assert running.service.decoded.large == 0


def test_more_large_pictures_than_may_wait_are_refused_and_the_others_answered(models, held_decoding):
    with run_service(models, Limits(waiting_large=3)) as running, ThreadPoolExecutor(3) as pool:
        large = [pool.submit(classify, running, LARGE) for _ in range(3)]
        until(lambda: running.service.decoded.large == 3)
        refused = classify(running, LARGE)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "3 large requests are waiting already" in refused.json()["error"]
        held_decoding.gate.set()
        assert [answer.result().status_code for answer in large] == [200] * 3
        assert running.service.decoded.large == 0
        assert classify(running, LARGE).status_code == 200


def test_a_large_picture_that_gets_no_turn_in_time_is_refused(models, held_decoding):
    with run_service(models, Limits(wait_seconds=0.1)) as running:
        answer = classify(running, LARGE)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "too many large pictures at once" in answer.json()["error"]
        held_decoding.gate.set()


def test_only_what_is_large_goes_to_the_threads(models, monkeypatch):
    watched = {}
    for module, name in [(endpoints, "for_model"), (endpoints, "uploaded"), (contract, "read_question")]:
        watched[name] = Held(getattr(module, name), open=True)
        monkeypatch.setattr(module, name, watched[name])
    small = encoded(seven())
    padded = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300), dtype=np.uint8)))
    assert len(padded) > 65_536 > len(small)
    with run_service(models) as running:
        for picture in (small, LARGE, padded):
            classify(running, picture)
            ask(running.url, json.dumps({"instances": [b64(picture)]}))
    found = {name: [thread.startswith("decode") for thread in held.threads] for name, held in watched.items()}
    assert found == {
        "uploaded": [False, False, True],
        "for_model": [False, True, False],
        "read_question": [False, False, True],
    }


def test_too_many_large_bodies_at_once_are_refused(gated, question):
    running, _ = gated(held_bytes=100_000, body_bytes=80_000)
    with connected(running) as slow:
        slow.sendall(b"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-length: 70000\r\n\r\n" + b"x" * 60_000)
        until(lambda: running.service.bodies.held >= 60_000)
        answer = httpx.post(running.url + "/classify", content=b"x" * 70_000, trust_env=False)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    until(lambda: running.service.bodies.held == 0)


def test_a_body_that_does_not_arrive_in_time_is_answered_408_and_the_connection_closed(models):
    with run_service(models, Limits(body_seconds=0.1, linger_seconds=0.1)) as running:
        with connected(running) as slow:
            slow.sendall(b"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
            answer = b""
            while part := slow.recv(65_536):
                answer += part
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"\r\nconnection: close\r\n" in answer
        assert b'"error"' in answer
        assert running.service.bodies.held == 0


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"], ids=repr)
def test_headers_that_do_not_arrive_in_time_end_the_connection(models, sent):
    with run_service(models, header_seconds=0.1) as running, connected(running) as slow:
        slow.sendall(sent)
        assert slow.recv(65_536) == b""


def test_a_second_request_on_the_connection_has_the_same_time(models):
    with run_service(models, header_seconds=0.1) as running, connected(running) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert slow.recv(65_536).startswith(b"HTTP/1.1 200")
        slow.sendall(b"GET /heal")
        left = b""
        while part := slow.recv(65_536):
            left += part
        assert left in (b"", b'{"status":"ok","versions":["1"]}')


def test_the_time_for_headers_does_not_run_while_a_request_is_in_work(gated, question):
    running, model = gated()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask, running.url, question)
        assert model.entered.wait(30)
        (protocol,) = running.server.server_state.connections
        assert protocol.late is None
        model.gate.set()
        assert asking.result().status_code == 200


def test_small_answers_do_not_wait_for_an_acknowledgement(models):
    with run_service(models) as running, connected(running):  # on a socket made elsewhere, as workers have it
        until(lambda: running.server.server_state.connections)
        (protocol,) = running.server.server_state.connections
        connection = protocol.transport.get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_client_that_goes_away_costs_nothing_afterwards(gated, question):
    running, model = gated()
    request = b"POST %s:predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    for _ in range(5):
        with connected(running) as gone:
            gone.sendall(request % (MODEL.encode(), len(question)) + question[:20])
    model.gate.set()
    until(lambda: running.service.bodies.held == 0)
    assert ask(running.url, question).status_code == 200


def test_a_stopped_service_answers_every_request_that_it_accepted(gated, question):
    running, model = gated()
    (batcher,) = running.service.batchers.values()
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(ask, running.url, question) for _ in range(20)]
        until(lambda: batcher.waiting + sum(model.sizes) == 20)
        running.server.should_exit = True
        until(lambda: not any(server.is_serving() for server in running.server.servers))
        model.gate.set()
        codes = [answer.result().status_code for answer in answers]
    assert codes == [200] * 20
