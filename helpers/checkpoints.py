"""Checkpoints: weights with meta, and all that a run needs to continue. Written whole, read as data."""

import random
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.explaining import first_line, refuse
from helpers.feeding import parts_of
from helpers.files import replacing

# what a schedule moves on its way; all else in it was said by the caller
PLACES = {
    "last_epoch",
    "_step_count",
    "_last_lr",
    "_is_initial",
    "_get_lr_called_within_step",
    "T_cur",
    "T_i",
}


def save_checkpoint(path: str | Path, model: nn.Module, **meta: Any) -> Path:
    """Write the weights and ``meta`` (numbers, text, lists, dicts) to ``path`` in one atomic step.

    Raises OSError where there is no room; what was there before stays.
    """
    return _write(Path(path), {"model": _weights(model), "meta": _plain(meta, "meta")})


def load_checkpoint(path: str | Path, model: nn.Module) -> dict:
    """Load the weights at ``path`` into ``model`` and return the meta that was saved with them.

    A plain state_dict will do too, and a compiled model's.  Reads tensors only, never code.  Raises
    FileNotFoundError; ValueError for a damaged file or other weights (the model is then as it was).
    """
    content = _read(Path(path))
    ours = isinstance(content, dict) and isinstance(content.get("model"), dict)
    _load_weights(model, content["model"] if ours else content, path)
    return content.get("meta", {}) if ours else {}


class Keeper:
    """Keeps last.pt and best.pt of a run in a folder; without a folder it does nothing."""

    def __init__(
        self, folder: str | Path | None, run: Any, loaders: tuple, schedule: Any, scaler: Any, rank: int
    ):
        self.folder = Path(folder) if folder is not None else None
        self.run, self.schedule, self.scaler, self.rank = run, schedule, scaler, rank
        self.parts = parts_of(*loaders)
        self.said = _said(run.optimizer, schedule, self.parts)

    def begin(self, resume: bool) -> None:
        """Continue from last.pt, or put what is there aside as last.old.pt and best.old.pt."""
        if self.folder is not None and resume:
            self._restore(self.folder / "last.pt")
        if self.folder is not None and self.rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.folder).close()  # a folder that cannot be written fails now
            for name in () if resume else ("last", "best"):
                if (self.folder / f"{name}.pt").exists():
                    (self.folder / f"{name}.pt").replace(self.folder / f"{name}.old.pt")

    def save(self, better: bool) -> None:
        """Write last.pt, and best.pt if this epoch was ``better`` than all before."""
        if self.folder is None or self.rank != 0:
            return
        run = self.run
        if better:
            save_checkpoint(self.folder / "best.pt", run.model, best=run.best)
        content = {
            "model": _weights(run.model),
            "optimizer": run.optimizer.state_dict(),
            "optimizer_kind": type(run.optimizer).__name__,
            "schedule": self.schedule.state_dict() if self.schedule is not None else None,
            "said": self.said,
            "scaler": self.scaler.state_dict(),
            "run": {"epoch": run.epoch, "step": run.step, "best": run.best},
            "random": _random_states(self.parts),
        }
        content["run"]["history"] = _plain(run.history, "history")
        _write(self.folder / "last.pt", content)

    def _restore(self, last: Path) -> None:
        """All is as it was left, except where the caller says other things now than then: those hold."""
        run, saved, optimizer, schedule = self.run, _read(last), self.run.optimizer, self.schedule
        fits = isinstance(saved, dict) and "optimizer_kind" in saved
        refuse(not fits, f"{last} holds no run to continue; weights alone are read by load_checkpoint")
        here, there = type(optimizer).__name__, saved["optimizer_kind"]
        advice = "take the same optimiser, or begin again with resume=False"
        refuse(here != there, f"{last} was written with {there}, this run uses {here}: {advice}")
        told, then = optimizer.param_groups, saved["optimizer"]["param_groups"]
        sizes, were = ([len(group["params"]) for group in groups] for groups in (told, then))
        refuse(sizes != were, f"{last}: groups of {were} parameters, in this run of {sizes}: {advice}")
        _load_weights(run.model, saved["model"], last)
        optimizer.load_state_dict(saved["optimizer"])
        if self.scaler.is_enabled() and saved["scaler"]:
            self.scaler.load_state_dict(saved["scaler"])
        for name, value in saved["run"].items():
            setattr(run, name, value)
        now, then = self.said, saved["said"]
        changed = [name for name in {**now, **then} if now.get(name) != then.get(name)]
        anew = any(name.endswith("lr") or name.startswith("schedule") for name in changed)
        for group, mine in zip(optimizer.param_groups, told, strict=True):
            group |= {key: mine[key] for key in mine.keys() - {"params"} if anew or key in changed}
        if schedule is not None and not anew:
            schedule.load_state_dict(saved["schedule"])
        elif schedule is not None:  # take it to where the run is
            with warnings.catch_warnings(action="ignore"):  # torch misses the optimiser's steps in between
                for _ in range(getattr(schedule, "last_epoch", 0), run.step):
                    schedule.step()
        _restore_random_states(saved["random"], self.parts)
        if self.rank == 0:
            differs = [f"{name} {now.get(name)} (was {then.get(name)})" for name in changed]
            print(", ".join([f"resumed after epoch {run.epoch} ({last.name})", *differs]))


def _said(optimizer: torch.optim.Optimizer, schedule: Any, parts: list) -> dict[str, str]:
    """What the caller says of optimiser and schedule, as text by name, without what moves during a run."""
    moving = {"params", "lr"} if schedule is not None else {"params"}
    moving |= {"momentum", "betas"} if getattr(schedule, "cycle_momentum", False) else set()
    groups = optimizer.param_groups
    said = {key: ", ".join(repr(group.get(key)) for group in groups) for key in groups[0].keys() - moving}
    said["generators of the loaders"] = str(len(_generators(parts)))
    if schedule is not None:
        state = _settled(schedule.state_dict())
        said |= {"schedule": type(schedule).__name__}
        said |= {f"schedule's {key}": repr(value) for key, value in state.items()}
    # the text of a function names its place in memory, which is another each time
    return {name: said[name] for name in sorted(said) if " at 0x" not in said[name]}


def _settled(state: Any) -> Any:
    """The state of a schedule without the places that it has reached."""
    if isinstance(state, dict):
        return {key: _settled(value) for key, value in state.items() if key not in PLACES}
    return [_settled(value) for value in state] if isinstance(state, (list, tuple)) else state


# ---------------------------------------------------------------- files


def _plain(value: Any, name: str) -> Any:
    """``value`` as a checkpoint can hold it: what is read back must be data, never code."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _plain(item, f"{name}[{key!r}]") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item, name) for item in value)
    if value is None or isinstance(value, (bool, int, float, str, Tensor)):
        return value
    raise TypeError(
        f"{name} is a {type(value).__name__}: a checkpoint holds numbers, text, lists, dicts and tensors"
    )


def _write(path: Path, content: dict) -> Path:
    try:
        with replacing(path) as neighbour:
            torch.save(content, neighbour)
        return path
    except (OSError, RuntimeError) as error:
        advice = "What was there before is as it was: make room, then go on from it with resume=True"
        raise OSError(f"{path} could not be written: {first_line(error)}. {advice}") from error


def _read(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; fit(..., checkpoint=<folder>) writes one an epoch")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        kind = type(error).__name__
        raise ValueError(f"{path} is not a whole checkpoint ({kind}); delete it and begin again") from error


def _weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights under the names that they have without torch.compile."""
    return {name.replace("_orig_mod.", ""): value for name, value in model.state_dict().items()}


def _load_weights(model: nn.Module, weights: Any, path: str | Path) -> None:
    tensors = isinstance(weights, dict) and all(isinstance(value, Tensor) for value in weights.values())
    refuse(not tensors, f"{path} holds no weights; save_checkpoint writes them, and torch.save(state_dict)")
    weights = {name.replace("_orig_mod.", ""): value for name, value in weights.items()}
    mine, theirs = (
        {name: tuple(value.shape) for name, value in part.items()} for part in (_weights(model), weights)
    )
    wrong = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
    if wrong:
        there, here = (shapes.get(wrong[0], "missing") for shapes in (theirs, mine))
        raise ValueError(f"{path} belongs to another model: {wrong[0]!r} is {there} there, {here} here")
    model.load_state_dict({name: weights[name.replace("_orig_mod.", "")] for name in model.state_dict()})


# ---------------------------------------------------------------- random numbers


def _generators(parts: list) -> list[torch.Generator]:
    held = [value for part in parts for value in getattr(part, "__dict__", {}).values()]
    return list({id(one): one for one in held if isinstance(one, torch.Generator)}.values())


def _random_states(parts: list) -> dict:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - what a library may have drawn from
    states = {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), *rest),
        "torch": torch.get_rng_state(),
        "loaders": [generator.get_state() for generator in _generators(parts)],
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def _restore_random_states(states: dict, parts: list) -> None:
    random.setstate(states["python"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.device_count() == len(states["cuda"]):
        torch.cuda.set_rng_state_all(states["cuda"])
    for generator, state in zip(_generators(parts), states["loaders"], strict=False):
        generator.set_state(state)
