"""What the service counts about itself, in the text format of Prometheus."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counters of one process; ``waiting`` and ``held`` are asked for their numbers at every reading."""

    def __init__(self, waiting: Callable[[], int], held: Callable[[], int]) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter("service_requests", "Requests", ["route", "status"], registry=registry)
        self.seconds = Histogram("service_seconds", "From request to answer", ["route"], registry=registry)
        self.batches = Histogram(
            "service_batch_pictures", "Pictures a run", buckets=BATCH_SIZES, registry=registry
        )
        gauge = Gauge("service_waiting_pictures", "Pictures that wait for a run", registry=registry)
        gauge.set_function(waiting)
        gauge = Gauge("service_body_bytes", "Bytes of the bodies held", registry=registry)
        gauge.set_function(held)

    def text(self) -> bytes:
        """All counters as /metrics answers them."""
        return generate_latest(self.registry)


class Counted:
    """An ASGI application around another: every request is counted once, by route and status, and timed."""

    def __init__(self, app: Callable, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Answer one request, and count it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status = time.perf_counter(), 500

        async def noting_the_status(message: dict):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting_the_status)
        finally:
            route = getattr(scope.get("route"), "path_format", "none")
            self.metrics.requests.labels(route, status).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - started)
