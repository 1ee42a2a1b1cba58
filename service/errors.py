"""The ways in which a request fails. What the client is told of each stands in error_answers.py."""


class BadInput(ValueError):
    """What was sent cannot be used: status 400, with this sentence for the client.

    Only what was found in a request may be called that: any other ValueError is the service's own fault.
    """


class Refused(Exception):
    """Another status than 400, with a sentence for the client."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class StillSending(Refused):
    """Refused while the body was still arriving; for so many seconds it is read on (see LastAnswer)."""

    def __init__(self, status: int, message: str, linger_seconds: float):
        super().__init__(status, message)
        self.linger_seconds = linger_seconds


class Overloaded(Exception):
    """More is waiting than may wait, or it waited too long: status 503, try again later."""
