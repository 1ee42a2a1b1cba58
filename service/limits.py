"""What one client, and all of them together, may ask for."""

import os
from dataclasses import dataclass, field


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Limits:
    """The bounds of one process of the service. README.md lists what is answered beyond each."""

    body_bytes: int = 16_000_000
    held_bytes: int = 128_000_000  # bodies of all requests together
    body_seconds: float = 30  # for a body to arrive
    linger_seconds: float = 5  # to read on, after a refusal, what the client is still sending
    wait_seconds: float = 30  # for an answer, once the body is there
    waiting_pictures: int = 4096
    waiting_large: int = 32  # requests that wait for one of the two threads that decode large pictures
    max_batch: int = 64  # pictures in one run of the model; 1 is no batching
    runs: int = field(default_factory=cores)  # of the model at the same time; they share the cores
