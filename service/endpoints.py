"""What each address does, and what the requests share: models, batchers, limits, counters."""

import asyncio
import time
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from service import contract
from service.batching import Batcher
from service.bodies import Bodies, Decoding
from service.errors import Overloaded, Refused
from service.forms import uploaded
from service.limits import Limits, cores
from service.metrics import Metrics
from service.models import Model, load_models
from service.pictures import as_png, for_model, open_picture

Result = TypeVar("Result")
SMALL_BODY = 65_536  # bytes
SMALL_PICTURES = 262_144  # pixels: below both, a request is prepared at once; handing it over would cost more
TOP = 5  # classes in the answer of /classify


async def while_connected(request: Request, work: Awaitable[Result]) -> Result:
    """The result of work. If the client goes away first, work is cancelled; raises ClientDisconnect."""

    async def disconnected():
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(disconnected())
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        gone.cancel()


class Service:
    """One process of the service. Raises what ``load_models`` raises."""

    def __init__(self, folder: str | Path | None, limits: Limits) -> None:
        self.models = load_models(folder, threads=max(1, cores() // limits.runs))
        self.closing = False
        self.bodies, self.decoded = Bodies(limits), Decoding(limits)
        self.metrics = Metrics(
            waiting=lambda: sum(batcher.waiting for batcher in self.batchers.values()),
            held=lambda: self.bodies.held,
        )
        self.batchers = {
            number: Batcher(
                model.run,
                runs=limits.runs,
                max_batch=limits.max_batch,
                max_waiting=limits.waiting_pictures,
                max_seconds=limits.wait_seconds,
                on_batch=self.metrics.batches.observe,
            )
            for number, model in self.models.versions.items()
        }

    def close(self) -> None:
        """Answer what was accepted, take nothing more, end the threads."""
        self.closing = True
        for batcher in self.batchers.values():
            batcher.close()
        self.decoded.close()

    def _model(self, request: Request) -> Model:
        try:
            return contract.find(self.models, **request.path_params)
        except LookupError as error:
            raise Refused(404, error.args[0]) from None

    async def _answers(self, request: Request, model: Model, pictures: np.ndarray) -> np.ndarray:
        """Probabilities (N, classes) of pictures (N, C, H, W), unless the client goes away meanwhile."""
        answers = await while_connected(request, self.batchers[model.version](pictures))
        if not np.isfinite(answers).all():
            raise FloatingPointError(f"version {model.version} answered with nan")
        return answers

    async def predict(self, request: Request) -> Response:
        """POST …:predict, as contract.py describes it."""
        model = self._model(request)
        expected = model.card["input"]
        async with self.bodies.read(request) as body:
            large = len(body) > SMALL_BODY
            question = await self.decoded(partial(contract.read_question, body, expected), large)
            large = question.pixels > SMALL_PICTURES
            pictures = await self.decoded(partial(question.pictures, expected), large)
        answers = await self._answers(request, model, pictures)
        return JSONResponse(contract.answer(answers, question.column))

    async def classify(self, request: Request) -> Response:
        """POST /classify: one uploaded file -> classes by name, what the model saw, times."""
        started = time.perf_counter()
        model = self.models.newest
        async with self.bodies.read(request) as body:
            picture = partial(uploaded, body, request.headers.get("content-type", ""))
            image = open_picture(await self.decoded(picture, len(body) > SMALL_BODY))
            large = image.width * image.height > SMALL_PICTURES
            values = await self.decoded(partial(for_model, image, model.card["input"]), large)
        ready = time.perf_counter()
        (answer,) = await self._answers(request, model, values[None])
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

    async def status(self, request: Request) -> Response:
        """GET a model: the state of all its versions, or of the one that the address names."""
        model = self._model(request)
        one = "version" in request.path_params or "label" in request.path_params
        return JSONResponse(contract.status([model] if one else list(self.models.versions.values())))

    async def metadata(self, request: Request) -> Response:
        """GET …/metadata: the signature, and what metadata.json says."""
        return JSONResponse(contract.metadata(self._model(request)))

    async def healthz(self, request: Request) -> Response:
        """GET /healthz: 200 while the service takes requests, 503 once it is closing."""
        if self.closing:
            raise Overloaded("the service is closing")
        return JSONResponse({"status": "ok", "versions": [str(number) for number in self.models.versions]})

    async def counters(self, request: Request) -> Response:
        """GET /metrics: the counters of this process."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
