"""Concurrent requests share the runs of the model, and what waits is divided among the cores.

While the model works, pictures gather for the next run: nobody waits for a clock, and the batches grow with
the load. Several runs go on at once, each on its part of the cores: threads that share one run would wait
for each other after every layer. What waits is bounded; what does not fit is refused at once.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from service.errors import Overloaded


@dataclass(eq=False)
class _Request:
    rows: np.ndarray
    answer: asyncio.Future
    loop: asyncio.AbstractEventLoop
    taken: int = 0  # rows that runs have been given
    failed: bool = False  # one of these runs did; the rest need not be done
    parts: dict[int, np.ndarray] = field(default_factory=dict)  # answers, by the place of their first row

    def deliver(self, start: int, part: np.ndarray | Exception) -> None:
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

    runs         how many may go on at once; each takes its share of what waits
    max_batch    rows in one run; 1 is no batching
    max_waiting  rows that may wait
    max_seconds  that a request may wait
    on_batch     is told the size of every batch
    """

    def __init__(
        self,
        run: Callable[[np.ndarray], np.ndarray],
        *,
        runs: int = 1,
        max_batch: int = 64,
        max_waiting: int = 4096,
        max_seconds: float = 30,
        on_batch: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.run, self.max_batch, self.on_batch = run, max_batch, on_batch
        self.max_waiting, self.max_seconds = max_waiting, max_seconds
        self.waiting = 0  # rows
        self._requests: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._idle = runs  # threads without a batch
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
            self._changed.notify(len(rows))  # more threads than rows would find nothing
        try:
            async with asyncio.timeout(self.max_seconds) as limit:
                return await request.answer
        except TimeoutError:
            if not limit.expired():  # an error of the model itself
                raise
            raise Overloaded(f"no turn within {self.max_seconds:g} s") from None

    def close(self) -> None:
        """Take nothing more, answer what is waiting, end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self):
        while parts := self._next_batch():
            try:
                rows = [request.rows[start:stop] for request, start, stop in parts]
                answers = self.run(np.concatenate(rows))
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
            with self._changed:
                self._idle += 1

    def _next_batch(self):
        """[(request, first row, row after the last), …], as soon as anything waits; [] when closed."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._requests or self._closed)
                share = -(-self.waiting // self._idle)  # rounded up
                parts = self._take(min(self.max_batch, share))
                if parts:
                    self._idle -= 1
                if parts or self._closed:  # closed, and nothing is left
                    return parts

    def _take(self, room: int) -> list[tuple[_Request, int, int]]:
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
