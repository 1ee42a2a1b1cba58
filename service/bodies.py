"""The bodies of requests: how much is held of them together, and where large ones are decoded."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from starlette.requests import Request

from service.errors import Overloaded, StillSending
from service.limits import Limits

Result = TypeVar("Result")


class Bodies:
    """Reads bodies within the limits, and counts the bytes that all requests hold together."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held = 0  # bytes

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request, counted as held while it is in use. Raises StillSending (408, 413, 503)."""
        limits, parts, size = self.limits, [], 0

        def refused(status: int, message: str) -> StillSending:
            return StillSending(status, message, limits.linger_seconds)

        too_large = f"the body is larger than {limits.body_bytes:,} bytes"
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > limits.body_bytes:
            raise refused(413, too_large)
        try:
            try:
                async with asyncio.timeout(limits.body_seconds):
                    async for part in request.stream():
                        size += len(part)
                        self.held += len(part)
                        parts.append(part)
                        if size > limits.body_bytes:
                            raise refused(413, too_large)
                        if self.held > limits.held_bytes:
                            raise refused(503, "too many large requests at once: try again later")
            except TimeoutError:
                raise refused(408, f"the body did not arrive within {limits.body_seconds:g} s") from None
            yield b"".join(parts)
        finally:
            self.held -= size


class Decoding:
    """Does small work at once and large work in one of two threads, so that the event loop stays free."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.large = 0  # requests whose large work is waiting or going on
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="decode")

    async def __call__(self, work: Callable[[], Result], large: bool) -> Result:
        """The result of work(). Raises what it raises, or Overloaded."""
        if not large:
            return work()
        if self.large >= self.limits.waiting_large:
            raise Overloaded(f"{self.large} large requests are waiting already")
        self.large += 1
        try:
            async with asyncio.timeout(self.limits.wait_seconds) as limit:
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError:
            if not limit.expired():  # an error of work itself
                raise
            raise Overloaded("too many large pictures at once") from None
        finally:
            self.large -= 1

    def close(self) -> None:
        """Finish what is going on, end the threads."""
        self._threads.shutdown()
