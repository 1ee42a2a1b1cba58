"""Batching, overload and shutdown: nothing accepted is lost, nothing waits without bound."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from service.batching import Batcher, Overloaded
from service.limits import Limits
from tests.service.serving import (
    MODEL,
    ROOT,
    Gate,
    ask,
    connected,
    run_service,
    start_command,
    until,
)


def rows(*values):
    return np.array(values, dtype=np.float32)[:, None]


async def gathered(model, questions, **options):
    """The answers (or errors) of a batcher to these questions, asked at once while the model is busy."""
    batcher = Batcher(model, **options)
    try:
        first = asyncio.ensure_future(batcher(rows(-1)))
        while not model.entered.is_set():
            await asyncio.sleep(0)
        tasks = [asyncio.ensure_future(batcher(question)) for question in questions]
        for _ in range(5):
            await asyncio.sleep(0)
        model.gate.set()
        return await asyncio.gather(first, *tasks, return_exceptions=True)
    finally:
        model.gate.set()
        await asyncio.to_thread(batcher.close)


# ---- the batcher


def test_what_waits_is_run_together_and_everyone_gets_the_own_answer():
    model = Gate()
    questions = [rows(number, number + 0.5) for number in range(10)]
    first, *answers = asyncio.run(gathered(model, questions))
    assert model.sizes == [1, 20]
    np.testing.assert_array_equal(first, rows(0))
    for question, answer in zip(questions, answers, strict=True):
        np.testing.assert_array_equal(answer, question + 1)


def test_a_batch_is_no_larger_than_allowed_and_a_request_may_lie_in_several():
    model = Gate()
    questions = [rows(1, 2, 3), rows(4, 5, 6), rows(*range(9)), rows(7)]
    _, *answers = asyncio.run(gathered(model, questions, max_batch=4))
    assert model.sizes == [1, 4, 4, 4, 4]
    for question, answer in zip(questions, answers, strict=True):
        np.testing.assert_array_equal(answer, question + 1)


def test_with_a_largest_batch_of_one_nothing_is_batched():
    model = Gate()
    asyncio.run(gathered(model, [rows(1), rows(2), rows(3)], max_batch=1))
    assert model.sizes == [1, 1, 1, 1]


def test_more_than_may_wait_is_refused_at_once_and_the_rest_is_answered():
    model = Gate()
    answers = asyncio.run(gathered(model, [rows(1, 2), rows(3, 4), rows(5), rows(6)], max_waiting=4))
    assert [isinstance(answer, Overloaded) for answer in answers] == [False, False, False, True, True]


def test_one_request_larger_than_all_that_may_wait_is_taken_when_nothing_waits():
    model = Gate(open=True)
    (_, answer) = asyncio.run(gathered(model, [rows(*range(9))], max_waiting=4))
    np.testing.assert_array_equal(answer, rows(*range(9)) + 1)


def test_who_waited_too_long_is_told_so_and_costs_no_run():
    model = Gate()

    async def scenario():
        batcher = Batcher(model, max_seconds=0.05)
        try:
            waiting = [asyncio.ensure_future(batcher(rows(number))) for number in range(3)]
            errors = await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            model.gate.set()
            await asyncio.to_thread(batcher.close)
        return errors, batcher.waiting

    errors, waiting = asyncio.run(scenario())
    assert [type(error) for error in errors] == [Overloaded] * 3
    assert model.sizes in ([1], [2], [3])  # what was taken before the time was up
    assert waiting == 0


def test_an_error_of_the_model_reaches_everyone_of_that_batch_and_the_next_batch_works():
    calls = []

    def moody(batch):
        calls.append(len(batch))
        if len(calls) == 1:
            raise RuntimeError("not today")
        return batch

    async def scenario():
        batcher = Batcher(moody)
        with pytest.raises(RuntimeError, match="not today"):
            await batcher(rows(1))
        answer = await batcher(rows(2))
        await asyncio.to_thread(batcher.close)
        return answer

    np.testing.assert_array_equal(asyncio.run(scenario()), rows(2))


def test_several_runs_go_on_at_once_and_share_one_large_request():
    meeting, sizes = threading.Barrier(3), []

    def model(batch):
        sizes.append(len(batch))
        if len(sizes) <= 3:
            meeting.wait(30)  # passed only if three runs are on at the same time
        return batch + 1

    async def scenario():
        batcher = Batcher(model, runs=3)
        try:
            return await batcher(rows(*range(64)))
        finally:
            await asyncio.to_thread(batcher.close)

    np.testing.assert_array_equal(asyncio.run(scenario()), rows(*range(64)) + 1)
    assert max(sizes) == 22  # a third, rounded up
    assert sum(sizes) == 64


@pytest.mark.parametrize("asked", [1, 7, 8, 40])
def test_few_rows_run_on_all_cores_and_many_are_divided_among_runs_beside_each_other(asked):
    by_all, by_parts = Gate(open=True), Gate(open=True)

    async def scenario():
        batcher = Batcher(by_all, by_parts, runs=2, least=4)
        try:
            return await batcher(rows(*range(asked)))
        finally:
            await asyncio.to_thread(batcher.close)

    np.testing.assert_array_equal(asyncio.run(scenario()), rows(*range(asked)) + 1)
    assert sum(by_all.sizes + by_parts.sizes) == asked
    if asked < 2 * 4:
        assert by_all.sizes == [asked]
    else:  # of two threads each takes half of what it finds; what is left at the very end may be few again
        assert max(by_parts.sizes) == asked / 2
        assert max(by_all.sizes, default=0) < 2 * 4


def test_what_is_not_worth_a_run_beside_another_waits_for_its_end():
    first, second = Gate(), Gate(open=True)

    async def scenario():
        batcher = Batcher(first, second, runs=2, least=4)
        try:
            tasks = [asyncio.ensure_future(batcher(rows(-1)))]
            while not first.entered.is_set():
                await asyncio.sleep(0)
            tasks += [asyncio.ensure_future(batcher(rows(number))) for number in range(3)]
            for _ in range(5):
                await asyncio.sleep(0)
            few = batcher.waiting, list(second.sizes)
            tasks.append(asyncio.ensure_future(batcher(rows(3))))  # the fourth
            while not second.entered.is_set():
                await asyncio.sleep(0)
            first.gate.set()
            return few, await asyncio.gather(*tasks)
        finally:
            first.gate.set()
            await asyncio.to_thread(batcher.close)

    few, answers = asyncio.run(scenario())
    assert few == (3, [])
    assert (first.sizes, second.sizes) == ([1], [4])
    np.testing.assert_array_equal(np.concatenate(answers), rows(0, 1, 2, 3, 4))


def test_an_error_in_one_part_of_a_request_is_its_answer_and_the_rest_of_it_is_not_run():
    model = Gate()

    def second_fails(batch):
        model(batch)
        if len(model.sizes) == 2:
            raise RuntimeError("not this part")
        return batch

    async def scenario():
        batcher = Batcher(second_fails, max_batch=2)
        try:
            first = asyncio.ensure_future(batcher(rows(-1)))
            while not model.entered.is_set():
                await asyncio.sleep(0)
            large = asyncio.ensure_future(batcher(rows(*range(100))))
            small = asyncio.ensure_future(batcher(rows(7)))
            await asyncio.sleep(0)
            model.gate.set()
            return await asyncio.gather(first, large, small, return_exceptions=True), batcher.waiting
        finally:
            await asyncio.to_thread(batcher.close)

    (first, large, small), waiting = asyncio.run(scenario())
    assert (first, small) == (rows(-1), rows(7))
    assert isinstance(large, RuntimeError)
    assert model.sizes == [1, 2, 1]
    assert waiting == 0


def test_closing_answers_what_waits_and_takes_nothing_more():
    model = Gate()

    async def scenario():
        batcher = Batcher(model, max_batch=1)
        waiting = [asyncio.ensure_future(batcher(rows(number))) for number in range(5)]
        while not model.entered.is_set():
            await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(batcher.close))
        while not batcher._closed:
            await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="closing"):
            await batcher(rows(9))
        model.gate.set()
        await closing
        return await asyncio.gather(*waiting)

    answers = asyncio.run(scenario())
    np.testing.assert_array_equal(np.concatenate(answers), rows(1, 2, 3, 4, 5))


# ---- the service


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


def test_a_healthy_answer_does_not_wait_for_the_model(gated, question):
    running, model = gated()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, running.url, question)
        assert model.entered.wait(30)
        assert httpx.get(running.url + "/healthz", trust_env=False).status_code == 200
        assert not waiting.done()
        model.gate.set()
        assert waiting.result().status_code == 200


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


# ---- the command


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_the_command_starts_quickly_and_loses_nothing_when_it_is_told_to_stop(models, question):
    process, url, seconds = start_command("--models", str(models))
    with process:
        lost, answered, stopping = [], [], threading.Event()

        def keep_asking():
            with httpx.Client(trust_env=False, timeout=60) as client:
                while True:
                    try:
                        code = client.post(f"{url}{MODEL}:predict", content=question).status_code
                        (answered if code == 200 else lost).append(code)
                    except httpx.ConnectError:
                        return  # it does not listen any more: this one was not accepted
                    except httpx.RemoteProtocolError as error:
                        # closed between two requests: fine once it is stopping, and never in an answer
                        if not stopping.is_set() or "without sending a response" not in str(error):
                            lost.append(error)
                        return
                    except httpx.TransportError as error:
                        if not stopping.is_set():
                            lost.append(error)
                        return

        threads = [threading.Thread(target=keep_asking) for _ in range(6)]
        for thread in threads:
            thread.start()
        until(lambda: len(answered) > 30)
        stopping.set()
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        process.communicate(timeout=30)
    assert lost == []
    assert seconds <= (2 if not os.environ.get("CI") else 6)  # 2 s on a machine of its own
    assert process.returncode in (0, -signal.SIGTERM)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_two_workers_share_one_port(models, question):
    process, url, _ = start_command("--models", str(models), "--workers", "2")
    with process:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(url, question), range(40)))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text[:40] for answer in answers}) == 1


def test_without_a_model_the_command_says_in_one_line_what_to_do(tmp_path):
    command = [sys.executable, "-m", "service", "--models", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "python -m service.make_model" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_service_needs_no_torch_no_tensorflow_and_nothing_of_the_course(models):
    heavy = {"torch", "tensorflow", "keras", "matplotlib", "sklearn", "scipy", "onnx"}
    build = f"import sys, service.__main__, service.app; service.app.create_app({str(models)!r})"
    ours = "{name for name in sys.modules if name.partition('.')[0] == 'helpers'}"
    code = f"{build}; print({heavy} & set(sys.modules) or {ours})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n", done.stderr
