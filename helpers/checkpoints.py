"""Checkpoints: weights with meta, and all that a run needs to continue. Written whole, read as data."""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.files import replacing


def save_checkpoint(path: str | Path, model: nn.Module, **meta: Any) -> Path:
    """Write the weights and ``meta`` (numbers, text, lists, dicts) to ``path`` in one atomic step."""
    return _write(Path(path), {"model": model.state_dict(), "meta": _plain(meta, "meta")})


def load_checkpoint(path: str | Path, model: nn.Module) -> dict:
    """Load the weights at ``path`` into ``model`` and return the meta that was saved with them.

    Reads tensors only, never code.  Raises FileNotFoundError; ValueError for a damaged file or for
    weights of another shape (the model is then as it was).
    """
    content = _read(Path(path))
    _load_weights(model, content["model"], path)
    return content.get("meta", {})


class Keeper:
    """Keeps last.pt and best.pt of a run in ``folder``; without a folder it does nothing."""

    def __init__(self, folder: str | Path | None, run: Any, loader: Iterable, schedule: Any, scaler: Any):
        self.folder = Path(folder) if folder is not None else None
        self.run, self.loader, self.schedule, self.scaler = run, loader, schedule, scaler

    def begin(self, resume: bool, rank: int) -> None:
        """Continue from last.pt, or put what is there aside as last.old.pt and best.old.pt."""
        if self.folder is None:
            return
        if resume:
            self._restore(self.folder / "last.pt", rank)
        elif rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in ("last", "best"):
                if (self.folder / f"{name}.pt").exists():
                    (self.folder / f"{name}.pt").replace(self.folder / f"{name}.old.pt")

    def save(self, better: bool) -> None:
        """Write last.pt, and best.pt if this epoch was ``better`` than all before."""
        if self.folder is None:
            return
        run, schedule = self.run, self.schedule
        if better:
            save_checkpoint(self.folder / "best.pt", run.model, best=run.best)
        content = {
            "model": run.model.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "optimizer_kind": type(run.optimizer).__name__,
            "schedule": schedule.state_dict() if schedule is not None else None,
            "scaler": self.scaler.state_dict(),
            "run": {
                "epoch": run.epoch,
                "step": run.step,
                "best": run.best,
                "history": _plain(run.history, "history"),
            },
            "random": _random_states(self.loader),
        }
        _write(self.folder / "last.pt", content)

    def _restore(self, last: Path, rank: int) -> None:
        run, schedule, saved = self.run, self.schedule, _read(last)
        here, there = type(run.optimizer).__name__, saved["optimizer_kind"]
        if here != there:
            raise ValueError(
                f"{last} was written with {there}, this run uses {here}: "
                "take the same optimiser, or begin again with resume=False"
            )
        if (saved["schedule"] is None) != (schedule is None):
            raise ValueError(
                f"{last} was written {'without' if schedule else 'with'} a schedule: give the same"
            )
        _load_weights(run.model, saved["model"], last)
        run.optimizer.load_state_dict(saved["optimizer"])
        if self.scaler.is_enabled() and saved["scaler"]:
            self.scaler.load_state_dict(saved["scaler"])
        if schedule is not None:
            schedule.load_state_dict(saved["schedule"])
        for name, value in saved["run"].items():
            setattr(run, name, value)
        _restore_random_states(saved["random"], self.loader)
        if rank == 0:
            print(f"resumed after epoch {run.epoch} ({last.name})")


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
    with replacing(path) as neighbour:
        torch.save(content, neighbour)
    return path


def _read(path: Path) -> dict:
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; fit(..., checkpoint=<folder>) writes one an epoch")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path} is not a whole checkpoint ({type(error).__name__}); delete it and begin again"
        ) from error


def _load_weights(model: nn.Module, weights: dict[str, Tensor], path: str | Path) -> None:
    mine = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    theirs = {name: tuple(value.shape) for name, value in weights.items()}
    if mine != theirs:
        name = sorted(n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n))[0]
        raise ValueError(
            f"{path} belongs to another model: {name!r} is {theirs.get(name, 'missing')} there, "
            f"{mine.get(name, 'missing')} here"
        )
    model.load_state_dict(weights)


# ---------------------------------------------------------------- random numbers


def _random_states(loader: Iterable) -> dict:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - what a library may have drawn from
    states = {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), *rest),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    generator = getattr(loader, "generator", None)
    if generator is not None:
        states["loader"] = generator.get_state()
    return states


def _restore_random_states(states: dict, loader: Iterable) -> None:
    random.setstate(states["python"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.device_count() == len(states["cuda"]):
        torch.cuda.set_rng_state_all(states["cuda"])
    generator = getattr(loader, "generator", None)
    if generator is not None and "loader" in states:
        generator.set_state(states["loader"])
