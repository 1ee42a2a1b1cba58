"""TensorFlow Serving's REST contract: what a body of ``:predict`` means, and what the answers look like.

The contract is described in https://www.tensorflow.org/tfx/serving/api_rest.
"""

import binascii
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from service.errors import BadInput
from service.models import NAME, Model, Models
from service.pictures import for_model, open_picture

INPUT, OUTPUT, SIGNATURE = "pictures", "probabilities", "serving_default"
MAX_INSTANCES = 128
MAX_BRACKETS = 50_000  # in a body: 128 pictures of 28 rows open 3,712
MAX_PIXELS_OF_ALL = 50_000_000


@dataclass(frozen=True)
class Question:
    """The instances of one request: pictures (headers read, nothing decoded yet) or arrays (C, H, W)."""

    instances: list[Image.Image | np.ndarray]
    column: bool  # asked in column format, so answered in it

    @property
    def pixels(self) -> int:
        """How much there is to decode."""
        return sum(part.width * part.height for part in self.instances if isinstance(part, Image.Image))

    def pictures(self, expected: dict) -> np.ndarray:
        """All instances as the model wants them, (N, C, H, W) float32 in 0 … 1; BadInput if one is."""
        rows = []
        for number, instance in enumerate(self.instances):
            with _naming(number):
                rows.append(for_model(instance, expected) if isinstance(instance, Image.Image) else instance)
        return np.stack(rows)


def read_question(body: bytes, expected: dict) -> Question:
    """The body of a ``:predict`` request; ``expected`` is "input" of the model's metadata.

    Raises BadInput for anything that is not as README.md says.
    """
    if body.count(b"[") + body.count(b"{") > MAX_BRACKETS:
        raise BadInput(f"more than {MAX_BRACKETS:,} brackets: send pictures as base64, or fewer at a time")
    try:
        asked = json.loads(body)
    except RecursionError:
        raise BadInput("the JSON is nested too deeply") from None
    except ValueError as error:
        raise BadInput(f"the body is not JSON: {error}") from None
    if not isinstance(asked, dict):
        raise BadInput(f'the body must be an object, {{"instances": [...]}}, not {_kind(asked)}')
    if asked.get("signature_name", SIGNATURE) not in ("", SIGNATURE):
        raise BadInput(f"unknown signature_name {_short(asked['signature_name'])}: there is {SIGNATURE!r}")
    given = [key for key in ("instances", "inputs") if key in asked]
    if len(given) != 1:
        raise BadInput('the body must hold one of "instances" (row format) and "inputs" (column format)')
    unknown = set(asked) - {"instances", "inputs", "signature_name"}
    if unknown:
        raise BadInput(f"unknown key {_short(min(unknown))}: there are instances, inputs, signature_name")
    column = given == ["inputs"]
    values = asked[given[0]]
    if column and isinstance(values, dict):
        if list(values) != [INPUT]:
            raise BadInput(f'"inputs" as an object must name the only input: {{"{INPUT}": [...]}}')
        values = values[INPUT]
    if not isinstance(values, list) or not values:
        raise BadInput(f'"{given[0]}" must be a list with at least one picture, not {_kind(values)}')
    if len(values) > MAX_INSTANCES:
        raise BadInput(f"{len(values):,} pictures: at most {MAX_INSTANCES} at a time")
    instances = []
    for number, value in enumerate(values):
        with _naming(number):
            instances.append(_instance(value, expected, named=not column))
    question = Question(instances, column)
    if question.pixels > MAX_PIXELS_OF_ALL:
        raise BadInput(f"{question.pixels:,} pixels in all: at most {MAX_PIXELS_OF_ALL:,} at a time")
    return question


@contextmanager
def _naming(number: int) -> Iterator[None]:
    """Say in a BadInput which instance it is about."""
    try:
        yield
    except BadInput as error:
        raise BadInput(f"instance {number}: {error}") from None


def _instance(value: Any, expected: dict, named: bool) -> Image.Image | np.ndarray:
    """One element of the list: {"b64": …}, {"pictures": either} in row format, or an array of numbers."""
    if named and isinstance(value, dict) and list(value) == [INPUT]:
        value = value[INPUT]
    if isinstance(value, list):
        return _array(value, expected)
    if not isinstance(value, dict) or list(value) != ["b64"]:
        raise BadInput(f'a picture is {{"b64": "…"}} or an array of numbers, not {_kind(value)}')
    text = value["b64"]
    if not isinstance(text, str):
        raise BadInput(f'"b64" must be a string, not {_kind(text)}')
    if text.startswith("data:"):
        raise BadInput("this is a data URL: send only what follows the comma")
    return open_picture(_decoded(text))


def _decoded(text: str) -> bytes:
    """Base64 -> bytes. As TensorFlow Serving does: white space is left out, padding may be missing."""
    try:
        letters = b"".join(text.encode("ascii").split())
    except UnicodeEncodeError:
        raise BadInput("not base64: it holds letters that are not ASCII") from None
    if re.fullmatch(rb"[A-Za-z0-9_-]*[_-][A-Za-z0-9_-]*=*", letters):
        raise BadInput("this is URL-safe base64: send + and / in the place of - and _")
    bare = letters.rstrip(b"=")
    padding = b"=" * (-len(bare) % 4)
    if letters not in (bare, bare + padding):
        raise BadInput(f"not base64: it must end in {len(padding)} '=', or in none")
    try:
        return binascii.a2b_base64(bare + padding, strict_mode=True)
    except ValueError as error:
        raise BadInput(f"not base64: {error}") from None


def _array(value: Any, expected: dict) -> np.ndarray:
    """Nested lists (height, width) or (height, width, channels) of 0 … 1 -> float32 (channels, H, W)."""
    size = (expected["height"], expected["width"])
    try:
        values = np.asarray(value)
    except ValueError:  # ragged, or deeper than NumPy goes
        values = np.empty(0)
    shapes = [(*size, expected["channels"])] + ([size] if expected["channels"] == 1 else [])
    if values.shape not in shapes:
        raise BadInput(f"an array must have the shape {' or '.join(map(str, shapes))}, not {values.shape}")
    if values.dtype.kind not in "iuf" or not np.all((values >= 0) & (values <= 1)):
        raise BadInput("an array must hold numbers from 0 to 1: divide bytes by 255")
    return np.ascontiguousarray(values.reshape(shapes[0]).transpose(2, 0, 1), dtype=np.float32)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return (
        names.get(type(value), "a number") if value or not isinstance(value, dict | list) else "an empty one"
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"


# answers


def answer(probabilities: np.ndarray, column: bool) -> dict:
    """The body of an answer: probabilities (N, classes) in row format, or in column format."""
    return {"outputs" if column else "predictions": probabilities.tolist()}


def find(models: Models, name: str, version: str | None = None, label: str | None = None) -> Model:
    """The version that was asked for, or the newest.

    Raises LookupError, in words for the client, if there is none; BadInput if it is no number.
    """
    if name != NAME:
        raise LookupError(f"no model {_short(name)}: there is {NAME!r}")
    if label is not None:
        if label not in models.labels:
            raise LookupError(f"no version of {NAME} is labelled {_short(label)}: {_listed(models.labels)}")
        return models.versions[models.labels[label]]
    if version is None:
        return models.newest
    if not (version.isascii() and version.isdecimal() and len(version) <= 19):
        raise BadInput(f"version {_short(version)} is not a number")
    if int(version) not in models.versions:
        raise LookupError(f"no version {version} of {NAME}: {_listed(models.versions)}")
    return models.versions[int(version)]


def _listed(known: Iterable) -> str:
    return f"there are {', '.join(map(str, known))}" if known else "there are none"


def status(versions: list[Model]) -> dict:
    """Newest first, as TensorFlow Serving lists them."""
    fine = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    numbers = sorted((model.version for model in versions), reverse=True)
    return {"model_version_status": [{"version": str(number), **fine} for number in numbers]}


def metadata(model: Model) -> dict:
    """The signature as TensorFlow Serving words it; "card" adds what metadata.json says."""
    signature = {
        "inputs": {INPUT: _tensor(INPUT, "DT_STRING", [-1])},
        "outputs": {OUTPUT: _tensor(OUTPUT, "DT_FLOAT", [-1, len(model.card["classes"])])},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": NAME, "signature_name": "", "version": str(model.version)},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: signature}}},
        "card": model.card,
    }


def _tensor(name: str, kind: str, shape: list[int]) -> dict:
    dims = [{"size": str(size), "name": ""} for size in shape]
    return {"dtype": kind, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": f"{name}:0"}
