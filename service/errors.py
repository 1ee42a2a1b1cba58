"""What can go wrong in a request, and the answer to it in TensorFlow Serving's format."""

import asyncio
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from service.batching import Overloaded


class Refused(Exception):
    """An answer with this status, and a sentence for the client."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


async def error_answer(request: Request, error: Exception) -> Response:
    """The answer to any exception: ``{"error": "…"}`` with a fitting status."""
    headers = dict(getattr(error, "headers", None) or {})
    if isinstance(error, HTTPException):
        code, message = error.status_code, error.detail
    elif isinstance(error, Refused):
        code, message = error.status, str(error)
        if code in (408, 413):
            return LastAnswer(message, code, request.app.state.service.limits.linger_seconds)
    elif isinstance(error, Overloaded):
        code, message, headers = 503, f"{error}: try again later", {"retry-after": "1"}
    elif isinstance(error, ValueError):
        code, message = 400, str(error)
    elif isinstance(error, ClientDisconnect):
        code, message = 400, "the client went away"
    else:
        code, message = 500, "an error of the service; its log says more"
    return JSONResponse({"error": message}, code, headers)


ANSWERED = (HTTPException, Refused, Overloaded, ValueError, ClientDisconnect, Exception)


class LastAnswer(JSONResponse):
    """The last answer on a connection, to a client that may still be sending.

    Closed at once, the connection would be reset, and the reset can destroy the answer before it is read
    (RFC 9112, 9.6). So the answer goes out, then what still comes is read and thrown away for a while.
    """

    def __init__(self, message: str, code: int, linger_seconds: float):
        super().__init__({"error": message}, code, {"connection": "close"})
        self.linger_seconds = linger_seconds

    async def __call__(self, scope, receive, send):
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(self.linger_seconds):
                while (await receive()).get("more_body"):
                    pass
        await send({"type": "http.response.body", "body": b""})
