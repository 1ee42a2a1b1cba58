"""The batcher: everyone gets the own answer, nothing waits without bound, nothing is done for nobody."""

import asyncio
import threading

import numpy as np
import pytest

from service.batching import Batcher
from service.errors import Overloaded
from tests.service.serving import Gate


def rows(*values):
    return np.array(values, dtype=np.float32)[:, None]


async def gathered(model, questions, **options):
    """The answers (or errors) of a batcher to these questions, all asked while its one run is held."""
    batcher = Batcher(model, **options)
    try:
        tasks = [asyncio.ensure_future(batcher(rows(-1)))]
        await asyncio.to_thread(model.entered.wait, 30)
        tasks += [asyncio.ensure_future(batcher(question)) for question in questions]
        await turn()
        model.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        model.gate.set()
        await asyncio.to_thread(batcher.close)


async def turn():
    """Let every task that was started do its first step."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_waits_is_run_together_and_everyone_gets_the_own_answer():
    model, told = Gate(), []
    questions = [rows(number, number + 0.5) for number in range(10)]
    first, *answers = asyncio.run(gathered(model, questions, on_batch=told.append))
    assert model.sizes == told == [1, 20]
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
            tasks = [asyncio.ensure_future(batcher(rows(0)))]
            await asyncio.to_thread(model.entered.wait, 30)  # the others find the model at work
            tasks += [asyncio.ensure_future(batcher(rows(number))) for number in (1, 2)]
            errors = await asyncio.gather(*tasks, return_exceptions=True)
            model.gate.set()
            batcher.max_seconds = 30
            return errors, await batcher(rows(7)), batcher.waiting
        finally:
            model.gate.set()
            await asyncio.to_thread(batcher.close)

    errors, answer, waiting = asyncio.run(scenario())
    assert [type(error) for error in errors] == [Overloaded] * 3
    assert "no turn within 0.05 s" in str(errors[1])
    assert model.sizes == [1, 1]  # the one that the model was working on, and the one that came afterwards
    np.testing.assert_array_equal(answer, rows(8))
    assert waiting == 0


def test_who_is_cancelled_costs_no_run_and_no_place_among_those_who_wait():
    model = Gate()

    async def scenario():
        batcher = Batcher(model, max_waiting=4)
        try:
            first = asyncio.ensure_future(batcher(rows(0)))
            await asyncio.to_thread(model.entered.wait, 30)
            gone = asyncio.ensure_future(batcher(rows(1, 2)))
            stays = asyncio.ensure_future(batcher(rows(3)))
            await turn()
            gone.cancel()
            await turn()
            model.gate.set()
            return await asyncio.gather(first, stays), batcher.waiting
        finally:
            model.gate.set()
            await asyncio.to_thread(batcher.close)

    answers, waiting = asyncio.run(scenario())
    np.testing.assert_array_equal(np.concatenate(answers), rows(1, 4))
    assert model.sizes == [1, 1]
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
        meeting.wait(30)  # passed only if three runs are on at the same time
        return batch + 1

    async def scenario():
        batcher = Batcher(model, runs=3)
        try:
            return await batcher(rows(*range(64)))
        finally:
            await asyncio.to_thread(batcher.close)

    np.testing.assert_array_equal(asyncio.run(scenario()), rows(*range(64)) + 1)
    assert sorted(sizes) == [21, 21, 22]


class Gates:
    """A model in which a batch that begins with -1, -2 … waits for the gate of that number."""

    def __init__(self):
        self.gates = {-1: threading.Event(), -2: threading.Event()}
        self.entered = {-1: threading.Event(), -2: threading.Event()}
        self.sizes = []

    def __call__(self, batch):
        self.sizes.append(len(batch))
        first = int(batch[0, 0])
        if first in self.gates:
            self.entered[first].set()
            assert self.gates[first].wait(30)
        return batch + 1

    def open(self):
        for gate in self.gates.values():
            gate.set()


def test_a_request_does_not_wait_for_a_run_while_another_may_begin():
    model = Gates()

    async def scenario():
        batcher = Batcher(model, runs=2)
        try:
            held = asyncio.ensure_future(batcher(rows(-1)))
            await asyncio.to_thread(model.entered[-1].wait, 30)
            answers = [await batcher(rows(5)), await batcher(rows(6, 7, 8))]
            assert not held.done()
            return answers
        finally:
            model.open()
            await asyncio.to_thread(batcher.close)

    five, more = asyncio.run(scenario())
    np.testing.assert_array_equal(five, rows(6))
    np.testing.assert_array_equal(more, rows(7, 8, 9))
    assert model.sizes == [1, 1, 3]  # the only thread that was free took all three


def test_what_gathered_while_all_runs_went_on_is_taken_by_the_first_that_is_free():
    model = Gates()

    async def scenario():
        batcher = Batcher(model, runs=2)
        try:
            held = asyncio.ensure_future(batcher(rows(-1)))
            await asyncio.to_thread(model.entered[-1].wait, 30)
            other = asyncio.ensure_future(batcher(rows(-2)))
            await asyncio.to_thread(model.entered[-2].wait, 30)
            waiting = [asyncio.ensure_future(batcher(rows(number))) for number in range(5)]
            await turn()
            assert batcher.waiting == 5
            model.gates[-2].set()
            answers = await asyncio.gather(other, *waiting)
            assert not held.done()
            return answers
        finally:
            model.open()
            await asyncio.to_thread(batcher.close)

    np.testing.assert_array_equal(np.concatenate(asyncio.run(scenario())), rows(-1, 1, 2, 3, 4, 5))
    assert model.sizes == [1, 1, 5]


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
            await asyncio.to_thread(model.entered.wait, 30)
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
        done, _ = await asyncio.wait([closing], timeout=0.05)
        assert not done  # it is closed when all is answered, not before
        model.gate.set()
        await closing
        assert not any(thread.is_alive() for thread in batcher._threads)
        return await asyncio.gather(*waiting)

    answers = asyncio.run(scenario())
    np.testing.assert_array_equal(np.concatenate(answers), rows(1, 2, 3, 4, 5))
