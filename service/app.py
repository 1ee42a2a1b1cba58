"""The application: routes, limits, errors. ``create_app`` builds it, ``python -m service`` starts it."""

import asyncio
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service import contract
from service.batching import Batcher, Overloaded
from service.forms import file_in_form
from service.models import load_models, seconds_a_picture
from service.openapi import document
from service.pictures import as_png, for_model, open_picture


class _Name(StringConvertor):
    regex = "[^/:]+"  # so that "resnet:predict" is no name


register_url_convertor("model", _Name())
PAGE = Path(__file__).with_name("page")
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SMALL_BODY = 65_536  # bytes
SMALL_PICTURES = 262_144  # pixels: below both, a request is prepared at once; handing it over would cost more
WORTHWHILE = 0.008  # seconds of the model's work: for less, starting a run beside another costs more
TOP = 5
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", PAGE_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Limits:
    """What one client, and all together, may ask for."""

    body_bytes: int = 16_000_000
    held_bytes: int = 128_000_000  # bodies of all requests together
    body_seconds: float = 30  # for a body to arrive
    linger_seconds: float = 5  # to read on, after a refusal, what the client is still sending
    wait_seconds: float = 30  # for an answer, once the body is there
    waiting_pictures: int = 4096
    waiting_large: int = 32  # requests that wait for one of the two threads that decode large pictures
    max_batch: int = 64  # pictures in one run of the model; 1 is no batching
    runs: int = field(default_factory=cores)  # of the model at the same time; they share the cores


class Refused(Exception):
    """An answer with this status, and a sentence for the client."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class Service:
    """What the requests share: models, one batcher for each, a few threads, counters."""

    def __init__(self, folder: str | Path | None, limits: Limits):
        self.models, self.limits = load_models(folder), limits
        beside = load_models(folder, threads=max(1, cores() // limits.runs)).versions
        self.held = self.large = 0  # bytes of bodies, large requests in work
        self.closing = False
        self.threads = ThreadPoolExecutor(2, thread_name_prefix="decode")
        registry = self.registry = CollectorRegistry()
        self.requests = Counter("service_requests", "Requests", ["route", "status"], registry=registry)
        self.seconds = Histogram("service_seconds", "From request to answer", ["route"], registry=registry)
        sizes = (1, 2, 4, 8, 16, 32, 64, 128)
        batches = Histogram("service_batch_pictures", "Pictures a run", buckets=sizes, registry=registry)
        self.batchers = {
            number: Batcher(
                model.run,
                beside[number].run,
                runs=limits.runs,
                least=math.ceil(WORTHWHILE / seconds_a_picture(beside[number])),
                max_batch=limits.max_batch,
                max_waiting=limits.waiting_pictures,
                max_seconds=limits.wait_seconds,
                on_batch=batches.observe,
            )
            for number, model in self.models.versions.items()
        }
        waiting = Gauge("service_waiting_pictures", "Pictures that wait for a run", registry=registry)
        waiting.set_function(lambda: sum(batcher.waiting for batcher in self.batchers.values()))
        held = Gauge("service_body_bytes", "Bytes of the bodies held", registry=registry)
        held.set_function(lambda: self.held)

    def close(self):
        self.closing = True
        for batcher in self.batchers.values():
            batcher.close()
        self.threads.shutdown()

    @asynccontextmanager
    async def body(self, request: Request):
        """The body of a request, counted as held while it is in use. Raises Refused for 408, 413 and 503."""
        limits, parts, size = self.limits, [], 0
        try:
            declared = request.headers.get("content-length", "0")
            if not declared.isdecimal() or int(declared) > limits.body_bytes:
                raise Refused(413, f"the body is larger than {limits.body_bytes:,} bytes")
            async with asyncio.timeout(limits.body_seconds):
                async for part in request.stream():
                    size += len(part)
                    self.held += len(part)
                    parts.append(part)
                    if size > limits.body_bytes:
                        raise Refused(413, f"the body is larger than {limits.body_bytes:,} bytes")
                    if self.held > limits.held_bytes:
                        raise Overloaded("too many large requests at once")
            yield b"".join(parts)
        except TimeoutError:
            raise Refused(408, f"the body did not arrive within {limits.body_seconds:g} s") from None
        finally:
            self.held -= size

    async def prepared(self, work, large: bool):
        """work(), at once if it is small, else in a thread, so that the event loop stays free."""
        if not large:
            return work()
        with self._one_large():
            try:
                async with asyncio.timeout(self.limits.wait_seconds):
                    return await asyncio.get_running_loop().run_in_executor(self.threads, work)
            except TimeoutError:
                raise Overloaded("too many large pictures at once") from None

    @contextmanager
    def _one_large(self):
        if self.large >= self.limits.waiting_large:
            raise Overloaded(f"{self.large} large requests are waiting already")
        self.large += 1
        try:
            yield
        finally:
            self.large -= 1

    # the routes

    def model(self, request: Request):
        try:
            return contract.find(self.models, **request.path_params)
        except LookupError as error:
            raise Refused(404, error.args[0]) from None

    async def predict(self, request: Request):
        model = self.model(request)
        expected = model.card["input"]
        async with self.body(request) as body:
            large = len(body) > SMALL_BODY
            question = await self.prepared(partial(contract.read_question, body, expected), large)
            large = question.pixels > SMALL_PICTURES
            pictures = await self.prepared(partial(question.pictures, expected), large)
        answers = await self.batchers[model.version](pictures)
        return JSONResponse(contract.answer(answers, question.column))

    async def classify(self, request: Request):
        started = time.perf_counter()
        model = self.models.newest
        async with self.body(request) as body:
            picture = partial(uploaded, body, request.headers.get("content-type", ""))
            image = open_picture(await self.prepared(picture, len(body) > SMALL_BODY))
            large = image.width * image.height > SMALL_PICTURES
            values = await self.prepared(partial(for_model, image, model.card["input"]), large)
        ready = time.perf_counter()
        (answer,) = await self.batchers[model.version](values[None])
        done = time.perf_counter()
        order = answer.argsort()[::-1][:TOP]
        names = model.card["classes"]
        return JSONResponse(
            {
                "model": {"name": contract.NAME, "version": str(model.version)},
                "label": names[order[0]],
                "classes": [{"name": names[place], "probability": float(answer[place])} for place in order],
                "saw": as_png(values),
                "milliseconds": {
                    "prepare": round((ready - started) * 1000, 3),
                    "model": round((done - ready) * 1000, 3),
                },
            }
        )

    async def status(self, request: Request):
        model = self.model(request)
        one = "version" in request.path_params or "label" in request.path_params
        return JSONResponse(contract.status([model] if one else list(self.models.versions.values())))

    async def metadata(self, request: Request):
        return JSONResponse(contract.metadata(self.model(request)))

    async def healthz(self, request: Request):
        if self.closing:
            raise Overloaded("the service is closing")
        return JSONResponse({"status": "ok", "versions": [str(number) for number in self.models.versions]})

    async def metrics(self, request: Request):
        return Response(generate_latest(self.registry), media_type="text/plain; version=0.0.4; charset=utf-8")


def uploaded(body: bytes, content_type: str) -> bytes:
    """The picture of a request to /classify: the field "file" of a form, or the body itself."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return file_in_form(body, content_type)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return body
    kind = f"{kind[:40]!r}" if kind else "missing"
    raise Refused(415, f"content type {kind}: send multipart/form-data with a field file, or image/*")


def page_files() -> dict[str, Response]:
    """{path: answer} of the page."""
    files = {"/" + path.name: path for path in PAGE.iterdir() if path.suffix in KINDS}
    files["/"] = files.pop("/index.html")
    same = {"cache-control": "no-cache"}
    return {
        path: Response(file.read_bytes(), media_type=KINDS[file.suffix], headers=same)
        for path, file in files.items()
    }


async def refused(request: Request, error: Exception) -> Response:
    """Every error, in TensorFlow Serving's format."""
    headers = dict(getattr(error, "headers", None) or {})
    if isinstance(error, HTTPException):
        code, message = error.status_code, error.detail
    elif isinstance(error, Refused):
        code, message = error.status, str(error)
        if code in (408, 413):
            return Parting(message, code, request.app.state.service.limits.linger_seconds)
    elif isinstance(error, Overloaded):
        code, message, headers = 503, f"{error}: try again later", {"retry-after": "1"}
    elif isinstance(error, ValueError):
        code, message = 400, str(error)
    elif isinstance(error, ClientDisconnect):
        code, message = 400, "the client went away"
    else:
        code, message = 500, "an error of the service; its log says more"
    return JSONResponse({"error": message}, code, headers)


class Parting(JSONResponse):
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


class Guarded:
    """Around the application: headers on every answer, and its count and time in the metrics."""

    def __init__(self, app, service: Service):
        self.app, self.service = app, service

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, code = time.perf_counter(), 500

        async def guarded(message):
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                message = {**message, "headers": [*message["headers"], *HEADERS]}
            await send(message)

        try:
            await self.app(scope, receive, guarded)
        finally:
            route = getattr(scope.get("route"), "path_format", "none")
            self.service.requests.labels(route, code).inc()
            self.service.seconds.labels(route).observe(time.perf_counter() - started)


def create_app(folder: str | Path | None = None, limits: Limits = Limits()):
    """The ASGI application for the models in ``folder``; raises what ``load_models`` raises."""
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
        Route("/metrics", service.metrics),
    ]
    described = JSONResponse(document(limits.body_bytes))
    for path, file in {**page_files(), "/openapi.json": described}.items():
        routes.append(Route(path, _always(file)))

    @asynccontextmanager
    async def lifespan(app):
        yield
        await asyncio.to_thread(service.close)

    kinds = (HTTPException, Refused, Overloaded, ValueError, ClientDisconnect, Exception)
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=dict.fromkeys(kinds, refused))
    app.state.service = service
    guarded = Guarded(app, service)
    guarded.state = app.state
    return guarded


def _always(response):
    async def endpoint(request):
        return response

    return endpoint


def from_environment():
    """The application as ``python -m service`` has set it up; each of its workers builds its own."""
    given = {"max_batch": os.environ.get("COURSE_MAX_BATCH"), "runs": os.environ.get("COURSE_RUNS")}
    return create_app(limits=Limits(**{name: int(value) for name, value in given.items() if value}))
