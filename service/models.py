"""The models of a folder: ``<folder>/resnet/<version>/model.onnx`` with ``metadata.json`` beside it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from service.pictures import DRAWN, FILLING

NAME = "resnet"
FOLDER = "build/models"


@dataclass(frozen=True)
class Model:
    """One version. ``card`` is its metadata.json; ``run`` is safe to call from several threads."""

    version: int
    card: dict
    session: onnxruntime.InferenceSession

    def logits(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (N, C, H, W) float32 in 0 … 1, normalised and run -> logits, float32 (N, classes)."""
        expected = self.card["input"]
        shape = (1, -1, 1, 1)
        mean, std = (np.array(expected[key], dtype=np.float32).reshape(shape) for key in ("mean", "std"))
        return self.session.run(["logits"], {"pictures": (pictures - mean) / std})[0]

    def run(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (N, C, H, W) float32 in 0 … 1 -> probabilities of the classes, float32 (N, classes)."""
        logits = self.logits(pictures)
        with np.errstate(invalid="ignore"):  # logits that are not finite give nan, which the caller refuses
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Models:
    """All versions of the model, by number, and the labels given to some of them."""

    versions: dict[int, Model]
    labels: dict[str, int]

    @property
    def newest(self) -> Model:
        """The version with the highest number."""
        return self.versions[max(self.versions)]


def load_models(folder: str | Path | None = None, threads: int = 0) -> Models:
    """All versions in ``folder`` (default: COURSE_MODELS, else build/models); see ``load_model`` for threads.

    ``labels.json`` beside the versions may name some of them: {"stable": 1, "canary": 2}.
    Raises FileNotFoundError if there is no model, ValueError if one is not as README.md says.
    """
    home = Path(folder or os.environ.get("COURSE_MODELS") or FOLDER) / NAME
    files = [file for file in sorted(home.glob("[0-9]*/model.onnx")) if file.parent.name.isdecimal()]
    versions = {int(file.parent.name): load_model(file, threads) for file in files}
    if not versions:
        raise FileNotFoundError(
            f"no model in {home}/<version>/model.onnx: `python -m service.make_model` trains a small one "
            "in a minute, section 8.1 exports yours; or name another folder by --models or COURSE_MODELS"
        )
    return Models(versions, _labels(home / "labels.json", list(versions)))


def _labels(path: Path, versions: list[int]) -> dict[str, int]:
    """{label: version} of labels.json, {} if there is none; ValueError if it is not of that kind."""
    if not path.exists():
        return {}
    labels = _read(path)
    if not isinstance(labels, dict):
        raise ValueError(f'{path} must hold an object, {{"stable": {versions[0]}}}')
    for label, version in labels.items():
        if type(version) is not int or version not in versions:  # True is an int as well, and equal to 1
            raise ValueError(
                f"{path}: {label!r} must be the number of a version, one of {versions}, not {version!r}"
            )
    return labels


def load_model(path: Path, threads: int = 0) -> Model:
    """One model.onnx with its metadata.json, run by so many threads (0: one a core).

    Raises ValueError, which names the file, if it cannot be read or run, or the two do not fit together.
    """
    card = _read(path.with_name("metadata.json"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that wait for the next batch must leave the cores to the event loop.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class of its own for each kind of fault
        raise ValueError(f"{path} cannot be read: {error}") from None
    if fault := _fault(card, session):
        raise ValueError(f"{path} and its metadata.json do not fit together: {fault}")
    model = Model(int(path.parent.name), card, session)
    expected = card["input"]
    noise = np.random.default_rng(0).random((2, *(expected[key] for key in ("channels", "height", "width"))))
    try:
        finite = np.isfinite(model.logits(noise.astype(np.float32))).all()
    except Exception as error:
        raise ValueError(f"{path} cannot be run: {error}") from None
    if not finite:
        raise ValueError(f"{path} answers with nan: not all of its weights are finite numbers")
    return model


def _fault(card: Any, session: onnxruntime.InferenceSession) -> str | None:
    """What is wrong with a card, or with a model for it, in words; None if nothing is."""
    if not isinstance(card, dict) or not isinstance(card.get("input"), dict):
        return 'metadata.json must be an object with "input"'
    expected, classes = card["input"], card.get("classes")
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        return '"classes" must be a list of names'
    shape = [expected.get(key) for key in ("channels", "height", "width")]
    if not all(type(length) is int and length > 0 for length in shape):
        return f"channels, height and width must be whole numbers above 0, not {shape}"
    inks = ("any", DRAWN, FILLING) if shape[0] == 1 else ("any",)
    if shape[0] not in (1, 3) or expected.get("ink") not in inks:
        return f"channels must be 1 or 3, ink one of {inks}"
    for key in ("mean", "std"):
        numbers = expected.get(key)
        if not isinstance(numbers, list) or len(numbers) != shape[0]:
            return f"{key} must be a list of {shape[0]} numbers"
        if not all(type(number) in (int, float) and (key == "mean" or number > 0) for number in numbers):
            return f"{key} must hold numbers{', all above 0' if key == 'std' else ''}, not {numbers}"
    found = [(end.name, end.shape[1:]) for end in (*session.get_inputs(), *session.get_outputs())]
    if found != [("pictures", shape), ("logits", [len(classes)])]:
        return f"the model's inputs and outputs are {found}"
    return None


def _read(path: Path) -> Any:
    """A JSON file; ValueError, which names it, if it cannot be read or holds nan or an infinite number."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    try:
        json.dumps(content, allow_nan=False)
    except ValueError:
        raise ValueError(f"{path} holds nan or an infinite number, which JSON does not have") from None
    return content
