"""The answer to everything that goes wrong, in TensorFlow Serving's format: ``{"error": "…"}``."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from service.errors import BadInput, Overloaded, Refused, StillSending

CLIENT_HAS_GONE = 499  # nobody reads it; it is nginx's number for this, and only counted


async def error_answer(request: Request, error: Exception) -> Response:
    """The answer to any exception; of one that nobody foresaw it tells nothing."""
    if isinstance(error, HTTPException):
        return _answer(error.status_code, error.detail, error.headers)
    if isinstance(error, StillSending):
        return LastAnswer(error)
    if isinstance(error, Refused):
        return _answer(error.status, str(error))
    if isinstance(error, Overloaded):
        return _answer(503, f"{error}: try again later", {"retry-after": "1"})
    if isinstance(error, BadInput):
        return _answer(400, str(error))
    if isinstance(error, ClientDisconnect):
        return _answer(CLIENT_HAS_GONE, "the client went away")
    return _answer(500, "an error of the service; its log says more")


ANSWERED = (HTTPException, Refused, Overloaded, BadInput, ClientDisconnect, Exception)


def _answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status, headers)


class LastAnswer(JSONResponse):
    """The last answer on a connection, to a client that may still be sending.

    Closed at once, the connection would be reset, and the reset can destroy the answer before it is read
    (RFC 9112, 9.6). So the answer goes out, then what still comes is read and thrown away for a while.
    """

    def __init__(self, error: StillSending) -> None:
        headers = {"connection": "close"} | ({"retry-after": "1"} if error.status == 503 else {})
        super().__init__({"error": str(error)}, error.status, headers)
        self.linger_seconds = error.linger_seconds

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Answer, then read on for a while."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(self.linger_seconds):
                while (await receive()).get("more_body"):
                    pass
        await send({"type": "http.response.body", "body": b""})
