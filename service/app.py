"""The application put together: which address leads where. ``python -m service`` starts it."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.endpoints import Service
from service.error_answers import ANSWERED, error_answer
from service.headers import SecurityHeaders
from service.limits import Limits
from service.metrics import Counted
from service.static_files import static_files


class _Name(StringConvertor):
    regex = "[^/:]+"  # so that "resnet:predict" is no name


register_url_convertor("model", _Name())


def create_app(folder: str | Path | None = None, limits: Limits | None = None) -> Callable:
    """The ASGI application for the models in ``folder``; raises what ``load_models`` raises."""
    limits = limits or Limits()
    service = Service(folder, limits)
    routes = []
    for place in ("", "/versions/{version:model}", "/labels/{label:model}"):
        model = "/v1/models/{name:model}" + place
        routes.append(Route(model + ":predict", service.predict, methods=["POST"]))
        routes.append(Route(model + "/metadata", service.metadata))
        routes.append(Route(model, service.status))
    routes += [
        Route("/classify", service.classify, methods=["POST"]),
        Route("/healthz", service.healthz),
        Route("/metrics", service.counters),
    ]
    routes += [Route(path, _always(answer)) for path, answer in static_files(limits.body_bytes).items()]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.close)

    app = Starlette(
        routes=routes, lifespan=lifespan, exception_handlers=dict.fromkeys(ANSWERED, error_answer)
    )
    app.state.service = service
    # Around all of Starlette, so that its own answers (404, 405, 500) are counted and have the headers too.
    whole = Counted(SecurityHeaders(app), service.metrics)
    whole.state = app.state
    return whole


def _always(answer: Response) -> Callable:
    async def endpoint(request: Request) -> Response:
        return answer

    return endpoint


def from_environment() -> Callable:
    """The application as ``python -m service`` has set it up; each of its workers builds its own."""
    parent = multiprocessing.parent_process()
    if parent is not None:  # this is a worker
        threading.Thread(target=_end_with, args=(parent,), name="watches the parent", daemon=True).start()
    given = {"max_batch": os.environ.get("COURSE_MAX_BATCH"), "runs": os.environ.get("COURSE_RUNS")}
    return create_app(limits=Limits(**{name: int(value) for name, value in given.items() if value}))


def _end_with(parent: BaseProcess) -> None:
    """Stop this worker in good order when its parent has gone, however that ended; else it held the port."""
    parent.join()
    signal.raise_signal(signal.SIGTERM)
