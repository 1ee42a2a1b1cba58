"""The models of a folder: ``<folder>/resnet/<version>/model.onnx`` with ``metadata.json`` beside it."""

import json
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

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

    def run(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (N, C, H, W) float32 in 0 … 1 -> probabilities of the classes, float32 (N, classes)."""
        expected = self.card["input"]
        shape = (1, -1, 1, 1)
        mean, std = (np.array(expected[key], dtype=np.float32).reshape(shape) for key in ("mean", "std"))
        (logits,) = self.session.run(["logits"], {"pictures": (pictures - mean) / std})
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Models:
    """All versions of the model, by number, and the labels given to some of them."""

    versions: dict[int, Model]
    labels: dict[str, int]

    @property
    def newest(self) -> Model:
        return self.versions[max(self.versions)]


def load_models(folder: str | Path | None = None, threads: int = 0) -> Models:
    """All versions in ``folder`` (default: COURSE_MODELS, else build/models); see ``load_model`` for threads.

    ``labels.json`` beside the versions may name some of them: {"stable": 1, "canary": 2}.
    Raises FileNotFoundError if there is no model, ValueError if one is not as README.md says.
    """
    home = Path(folder or os.environ.get("COURSE_MODELS") or FOLDER) / NAME
    numbered = sorted(home.glob("[0-9]*/model.onnx"))
    versions = {
        int(path.parent.name): load_model(path, threads) for path in numbered if path.parent.name.isdecimal()
    }
    if not versions:
        raise FileNotFoundError(
            f"no model in {home}/<version>/model.onnx: `python -m service.make_model` trains a small one "
            "in a minute, section 8.1 exports yours; or name another folder by --models or COURSE_MODELS"
        )
    labels = home / "labels.json"
    labels = _read(labels) if labels.is_file() else {}
    if not isinstance(labels, dict):
        raise ValueError('labels.json must be an object, {"stable": 1}')
    unknown = {label: version for label, version in labels.items() if version not in versions}
    if unknown:
        raise ValueError(
            f"labels.json names versions that are not there: {unknown}; there are {list(versions)}"
        )
    return Models(versions, labels)


def load_model(path: Path, threads: int = 0) -> Model:
    """One model.onnx with its metadata.json, run by so many threads (0: one a core).

    Raises ValueError if they do not fit together.
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
    try:
        expected = card["input"]
        wanted = [expected["channels"], expected["height"], expected["width"]]
        if (
            len(expected["mean"]) != wanted[0]
            or len(expected["std"]) != wanted[0]
            or min(expected["std"]) <= 0
        ):
            raise ValueError(f"mean and std need {wanted[0]} numbers each, std above 0")
        inks = ("any", DRAWN, FILLING) if wanted[0] == 1 else ("any",)
        if wanted[0] not in (1, 3) or expected["ink"] not in inks:
            raise ValueError(f"channels must be 1 or 3, ink one of {inks}")
        inputs, outputs = session.get_inputs(), session.get_outputs()
        found = [(entry.name, entry.shape[1:]) for entry in (*inputs, *outputs)]
        if found != [("pictures", wanted), ("logits", [len(card["classes"])])]:
            raise ValueError(f"its inputs and outputs are {found}")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} and its metadata.json do not fit together: {error!r}") from None
    return Model(int(path.parent.name), card, session)


def seconds_a_picture(model: Model) -> float:
    """What a run takes for each of a few pictures; the median of three, after one to warm up."""
    expected = model.card["input"]
    few = np.zeros((4, expected["channels"], expected["height"], expected["width"]), dtype=np.float32)
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        model.run(few)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:]) / len(few)


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
