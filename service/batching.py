"""Concurrent requests share the runs of the model, and what waits in numbers is spread over the cores.

While the model works, pictures gather for the next run: nobody waits for a clock, and the batches grow with
the load. Few of them run on all cores at once. Many are divided among runs beside each other, each on a
core of its own: threads that share one run wait for each other after every layer. What waits is bounded;
what does not fit is refused at once.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np


class Overloaded(Exception):
    """More is waiting than may wait, or it waited too long: try again later."""


@dataclass(eq=False)
class _Request:
    rows: np.ndarray
    answer: asyncio.Future
    loop: asyncio.AbstractEventLoop
    taken: int = 0  # rows that runs have been given
    failed: bool = False  # one of these runs did; the rest need not be done
    parts: dict[int, np.ndarray] = field(default_factory=dict)  # answers, by the place of their first row

    def deliver(self, start, part):
        """In the request's loop: the answers for the rows from start on, or the error of their run."""
        if self.answer.done():
            return
        if isinstance(part, Exception):
            self.answer.set_exception(part)
            return
        self.parts[start] = part
        if sum(map(len, self.parts.values())) == len(self.rows):
            self.answer.set_result(np.concatenate([self.parts[place] for place in sorted(self.parts)]))


class Batcher:
    """Calls ``run`` (N, …) -> (N, …) in threads of its own, on rows of several requests at once.

    beside       the same as ``run``, for several runs at once: each on its part of the cores
    runs         of ``beside`` that may go on at once
    least        rows that are worth a run of their own beside another
    max_batch    rows in one run; 1 is no batching
    max_waiting  rows that may wait
    max_seconds  that a request may wait
    on_batch     is told the size of every batch
    """

    def __init__(
        self,
        run: Callable[[np.ndarray], np.ndarray],
        beside: Callable[[np.ndarray], np.ndarray] | None = None,
        *,
        runs: int = 1,
        least: int = 1,
        max_batch: int = 64,
        max_waiting: int = 4096,
        max_seconds: float = 30,
        on_batch: Callable[[int], None] = lambda size: None,
    ):
        self.run, self.beside, self.least = run, beside or run, least
        self.max_batch, self.on_batch = max_batch, on_batch
        self.max_waiting, self.max_seconds = max_waiting, max_seconds
        self.waiting = 0  # rows
        self._requests: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._running = 0  # runs that go on now
        self._threads = [
            threading.Thread(target=self._work, name=f"model {number}", daemon=True) for number in range(runs)
        ]
        for thread in self._threads:
            thread.start()

    async def __call__(self, rows: np.ndarray) -> np.ndarray:
        """The answers for these rows, (n, …). Raises Overloaded, or what ``run`` raises."""
        loop = asyncio.get_running_loop()
        request = _Request(rows, loop.create_future(), loop)
        with self._changed:
            if self._closed:
                raise Overloaded("the service is closing")
            if self.waiting and self.waiting + len(rows) > self.max_waiting:
                raise Overloaded(f"{self.waiting} pictures are waiting already")
            self.waiting += len(rows)
            self._requests.append(request)
            if self._due():
                self._changed.notify(max(1, self.waiting // self.least))
        try:
            async with asyncio.timeout(self.max_seconds):
                return await request.answer
        except TimeoutError:
            raise Overloaded(f"no turn within {self.max_seconds:g} s") from None

    def close(self) -> None:
        """Take nothing more, answer what is waiting, end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self):
        ended = 0  # runs of this thread that it has not reported yet
        while batch := self._next_batch(ended):
            run, parts = batch
            ended = 1
            try:
                answers = run(np.concatenate([request.rows[start:stop] for request, start, stop in parts]))
            except Exception as error:
                answers = error
            self.on_batch(sum(stop - start for _, start, stop in parts))
            failed, done = isinstance(answers, Exception), 0
            for request, start, stop in parts:
                request.failed |= failed
                part = answers if failed else answers[done : done + stop - start]
                done += stop - start
                with suppress(RuntimeError):  # its loop was closed: nobody waits there any more
                    request.loop.call_soon_threadsafe(request.deliver, start, part)

    def _next_batch(self, ended):
        """(run or beside, [(request, first row, row after the last), …]); None when closed."""
        with self._changed:
            self._running -= ended
            while True:
                while not self._due() and not self._closed:
                    self._changed.wait()
                alone = not self._running and self.waiting < 2 * self.least
                share = -(-self.waiting // (1 if alone else len(self._threads)))
                parts = self._take(min(self.max_batch, max(share, self.least)))
                if parts:
                    self._running += 1
                    return (self.run if alone or len(self._threads) == 1 else self.beside), parts
                if self._closed and not self._requests:
                    return None

    def _due(self):
        """Whether what waits is worth another run."""
        return self.waiting >= (self.least if self._running else 1)

    def _take(self, room):
        """Up to so many of the rows that wait, oldest first: [(request, first row, row after the last)]."""
        parts = []
        while room and self._requests:
            request = self._requests[0]
            start, whole = request.taken, len(request.rows)
            stop = min(start + room, whole)
            if request.failed or request.answer.done():  # failed, or given up
                stop = whole
            else:
                parts.append((request, start, stop))
                room -= stop - start
            self.waiting -= stop - start
            request.taken = stop
            if stop == whole:
                self._requests.popleft()
        return parts
