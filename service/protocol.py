"""A time limit for the headers of a request, and no waiting with what is small."""

import asyncio
import socket

from uvicorn.protocols.http.h11_impl import H11Protocol


class TimelyProtocol(H11Protocol):
    """uvicorn's protocol, which closes a connection whose request line and headers take too long.

    uvicorn limits the time between two requests, but not that of an unfinished one. Of its two parsers this
    is the one that refuses headers of more than 64 kB; the other, taken where httptools is installed, is
    faster and has no bound.
    """

    header_seconds = 10
    late = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Send what is small at once, and watch the clock."""
        # asyncio does this for sockets that it made itself, not for those that workers inherit: there each
        # small answer would wait 40 ms for the client's acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Hand on what came; watch the clock while a request is unfinished."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, error: Exception | None) -> None:
        """Stop the clock."""
        super().connection_lost(error)
        if self.late:
            self.late.cancel()

    def _watch(self):
        in_work = self.cycle is not None and not self.cycle.response_complete
        if in_work and self.late:
            self.late.cancel()
            self.late = None
        elif not in_work and not self.late:
            self.late = self.loop.call_later(self.header_seconds, self.transport.close)
