"""Concurrent requests share one run of the model.

While the model works on one batch, requests gather for the next: nobody waits for a clock, and the batches
grow with the load. What waits is bounded; what does not fit is refused at once.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import numpy as np


class Overloaded(Exception):
    """More is waiting than may wait, or it waited too long: try again later."""


class Batcher:
    """Calls ``run`` (N, …) -> (N, …) in a thread of its own, on the rows of several requests at once.

    max_batch    rows in one call; a single request with more is run alone
    max_waiting  rows that may wait
    max_seconds  that a request may wait
    on_batch     is told the size of every batch
    """

    def __init__(
        self,
        run: Callable[[np.ndarray], np.ndarray],
        *,
        max_batch: int = 64,
        max_waiting: int = 4096,
        max_seconds: float = 30,
        on_batch: Callable[[int], None] = lambda size: None,
    ):
        self.run, self.max_batch, self.on_batch = run, max_batch, on_batch
        self.max_waiting, self.max_seconds = max_waiting, max_seconds
        self.waiting = 0  # rows
        self._jobs: deque = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    async def __call__(self, rows: np.ndarray) -> np.ndarray:
        """The answers for these rows, (n, …). Raises Overloaded, or what ``run`` raises."""
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        with self._changed:
            if self._closed:
                raise Overloaded("the service is closing")
            if self.waiting and self.waiting + len(rows) > self.max_waiting:
                raise Overloaded(f"{self.waiting} pictures are waiting already")
            self.waiting += len(rows)
            self._jobs.append((rows, answer, loop))
            self._changed.notify()
        try:
            async with asyncio.timeout(self.max_seconds):
                return await answer
        except TimeoutError:
            raise Overloaded(f"no turn within {self.max_seconds:g} s") from None

    def close(self) -> None:
        """Take nothing more, answer what is waiting, end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self):
        while jobs := self._next_batch():
            try:
                answers = self.run(np.concatenate([rows for rows, _, _ in jobs]))
            except Exception as error:
                answers = error
            self.on_batch(sum(len(rows) for rows, _, _ in jobs))
            for loop in {loop for _, _, loop in jobs}:
                with suppress(RuntimeError):  # that loop was closed: nobody waits there any more
                    loop.call_soon_threadsafe(_deliver, jobs, answers, loop)

    def _next_batch(self):
        """What is waiting, as whole requests up to max_batch rows; waits for the first; [] when closed."""
        with self._changed:
            while True:
                while not self._jobs and not self._closed:
                    self._changed.wait()
                jobs, size = [], 0
                while self._jobs and (not jobs or size + len(self._jobs[0][0]) <= self.max_batch):
                    rows, answer, loop = self._jobs.popleft()
                    self.waiting -= len(rows)
                    if not answer.done():  # else it has been given up
                        jobs.append((rows, answer, loop))
                        size += len(rows)
                if jobs or (not self._jobs and self._closed):
                    return jobs


def _deliver(jobs, answers, loop):
    start = 0
    for rows, answer, home in jobs:
        part = answers if isinstance(answers, Exception) else answers[start : start + len(rows)]
        start += len(rows)
        if home is loop and not answer.done():
            answer.set_exception(part) if isinstance(part, Exception) else answer.set_result(part)
