"""From arrays to what a step of training needs: batches, on the device, each with its weight."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from helpers.explaining import refuse, whole_number

LOOK_EVERY = 50  # batches between looks at the loss on an accelerator


class Batches:
    """What ``batches`` returns: iterate as often as you like; ``len`` is the number of batches."""

    def __init__(self, arrays: list, batch_size: int, shuffle: bool, generator: Any, augment: Any):
        self.arrays, self.batch_size, self.shuffle = arrays, batch_size, shuffle
        self.generator, self.augment = generator, augment

    def __len__(self) -> int:
        return -(-len(self.arrays[0]) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        n = len(self.arrays[0])
        order = torch.randperm(n, generator=self.generator) if self.shuffle else None
        for start in range(0, n, self.batch_size):
            if order is None:
                batch = [array[start : start + self.batch_size].clone() for array in self.arrays]
            else:
                rows = order[start : start + self.batch_size]
                batch = [_picked(array, rows.to(array.device)) for array in self.arrays]
            if self.augment is not None:
                batch[0] = self.augment(batch[0], self.generator)
            yield tuple(batch)

    def __repr__(self) -> str:
        shapes = ", ".join(str(tuple(array.shape)) for array in self.arrays)
        return f"{len(self)} batches of {self.batch_size} from {shapes}"


def _picked(array: Tensor, rows: Tensor) -> Tensor:
    """Rows of an array; pictures that are stored channels-last come so, which index_select alone forgets."""
    if array.ndim == 4 and array.is_contiguous(memory_format=torch.channels_last):
        return array.permute(0, 2, 3, 1).index_select(0, rows).permute(0, 3, 1, 2)
    return array.index_select(0, rows)


def batches(
    *arrays: np.ndarray | Tensor,
    batch_size: int,
    shuffle: bool = False,
    generator: torch.Generator | None = None,
    augment: Callable[[Tensor, torch.Generator | None], Tensor] | None = None,
) -> Batches:
    """Feed arrays of equal length (N, ...) in batches (B, ...), the last one as long as it comes.

    Whole batches are picked by index, which for small rows is many times faster than a ``DataLoader``
    that picks, then stacks, one row at a time.  ``shuffle`` draws a new order each epoch from
    ``generator``.  ``augment(first, generator) -> first`` changes the first array of each batch: give it to
    the training data only.  Raises ValueError for no rows, unequal lengths or a batch size below 1.
    """
    refuse(not arrays, "batches needs at least one array, for example batches(X, y, batch_size=64)")
    tensors = [torch.as_tensor(array) for array in arrays]
    lengths = [len(tensor) if tensor.ndim else 0 for tensor in tensors]
    refuse(len(set(lengths)) > 1, f"arrays of unequal length {lengths}: each needs one row an example")
    refuse(lengths[0] == 0, "the arrays hold no examples: nothing to feed. Look at the split and at n.")
    return Batches(tensors, whole_number("batch_size", batch_size), shuffle, generator, augment)


def all_targets(loader: Iterable) -> Tensor | None:
    """The targets of all batches where the loader is one of ``batches``, else None."""
    return loader.arrays[-1] if isinstance(loader, Batches) else None


def parts_of(*loaders: Any) -> list[Any]:
    """The loaders and what they hold that may draw: samplers, data sets, wrapped loaders; each once."""
    parts = list(loaders)
    for part in parts:  # which grows on the way
        held = [getattr(part, name, None) for name in ("sampler", "batch_sampler", "dataset", "loader")]
        parts += [one for one in held if one is not None and all(one is not other for other in parts)]
    return parts


# ---------------------------------------------------------------- from a loader into the model


class Share(NamedTuple):
    """This process's part of a batch, on its device; ``size`` is the number of examples that count.

    The loss of the step is one mean over all its batches, the sum of ``weight`` times the mean of each.
    """

    inputs: list[Tensor]
    targets: Tensor
    size: int
    weight: float

    def weighed(self, loss: Tensor) -> Tensor:
        """The part of the step's loss that the mean over this share is."""
        return loss if self.weight == 1 else loss * self.weight


def steps(
    loader: Iterable, accumulate: int, model: nn.Module, device: torch.device, count: Callable, processes: Any
) -> Iterator[list[Share]]:
    """One pass through the loader: the shares of ``accumulate`` batches for each step.

    Raises ValueError for a batch that is empty or not (inputs..., targets), and for a loader without any.
    """
    layout, stream, number = layout_of(model), iter(loader), 0
    while group := list(islice(stream, accumulate)):
        for batch in group:
            number += 1
            if not isinstance(batch, (tuple, list)) or len(batch) < 2:
                kind = type(batch).__name__
                raise ValueError(f"batch {number}: a batch must be (inputs..., targets); got {kind}")
            if len(batch[-1]) == 0:
                raise ValueError(f"batch {number}: the batch is empty, its mean would not be a number")
        total, shares = max(1, sum(int(count(batch[-1])) for batch in group)), []
        for batch in group:
            mine, rows = processes.share(batch)
            *inputs, targets = (moved(part, device, layout) for part in mine)
            size = int(count(targets)) if rows else 0
            shares.append(Share(inputs, targets, size, size * processes.world / total))
        yield shares
    refuse(number == 0, "the loader gave no batches. A generator is used up by one pass: use batches(...).")


def steps_in(epochs: int, loader: Iterable, accumulate: int) -> int | None:
    """Optimiser steps in so many epochs, None where the loader does not tell its length."""
    try:
        return -(-len(loader) // accumulate) * epochs
    except TypeError:
        return None


class Losses:
    """The losses of an epoch, looked at on the way and averaged at its end."""

    def __init__(self, run: Any, folder: Path | None):
        self.run, self.folder, self.losses, self.sizes, self.looked_at = run, folder, [], [], 0

    def add(self, loss: Tensor, size: int) -> None:
        """Note the loss of a batch, a mean over ``size`` examples."""
        self.losses.append(loss.detach())
        self.sizes.append(size)

    def check(self, end: bool = False) -> None:
        """Stop before what is not finite reaches the weights or a checkpoint.

        On an accelerator, where each look waits for the device, it looks at every 50th batch.
        """
        new = self.losses[self.looked_at :]
        if not end and self.looked_at and len(new) < LOOK_EVERY and new[-1].device.type != "cpu":
            return
        self.looked_at = len(self.losses)
        finite = math.isfinite(new[0].item()) if len(new) == 1 else torch.stack(new).isfinite().all()
        if not finite:
            last = self.folder / "last.pt" if self.folder is not None else None
            kept = f"The last good state is in {self.folder.name}/last.pt. " if last and last.exists() else ""
            place = f"epoch {self.run.epoch + 1}, by step {self.run.step}" if end else self.run.place()
            raise FloatingPointError(
                f"the loss is not finite ({place}). {kept}Usual causes: learning rate too high (try a tenth, "
                "or clip_norm=1.0), a log or division by zero in the loss, nan in the data."
            )

    def mean(self, processes: Any) -> float:
        """Mean over all examples of the epoch, from batch means: the last batch may be smaller."""
        if self.looked_at < len(self.losses):
            self.check(end=True)
        weights = torch.tensor(self.sizes, dtype=torch.float64)
        values = torch.stack(self.losses).float().cpu().double()
        total, examples = processes.total(torch.stack([(values * weights).sum(), weights.sum()])).tolist()
        refuse(examples == 0, "no target of the whole epoch is counted: look at the labels, and at count=")
        return total / examples


def layout_of(model: nn.Module) -> torch.memory_format:
    """The memory layout of the model's convolutions, which is the best one for its inputs too."""
    layers = (module for module in model.modules() if isinstance(module, nn.Conv2d))
    last = any(not layer.weight.is_contiguous() for layer in layers)
    return torch.channels_last if last else torch.preserve_format


def moved(part: Tensor, device: torch.device, layout: torch.memory_format) -> Tensor:
    """A batch's tensor on the device, pictures (N, C, H, W) in the layout."""
    layout = layout if part.ndim == 4 else torch.preserve_format
    return part.to(device, non_blocking=True, memory_format=layout)
