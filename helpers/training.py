"""The training loop, once, in the open. What a run does not use is an object that does nothing."""

import ctypes
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.checkpoints import Keeper
from helpers.explaining import (
    IGNORED,
    check_arguments,
    check_finite,
    check_optimizer,
    explained_loss,
    explained_model,
    nothing,
)
from helpers.feeding import (
    Batches,
    Share,
    batches,
    layout_of,
    mean_loss,
    moved,
    steps,
    steps_an_epoch,
    whole_number,
)
from helpers.processes import device_for, join, joined

CHECK_EVERY = 50  # steps between looks at the loss on an accelerator, where each look waits for the device


# ---------------------------------------------------------------- the loop


@dataclass
class Run:
    """What a hook may read, and ``stop = True`` is how it stops the run after the current step or epoch.

    A run stopped within an epoch keeps no row and no checkpoint of that epoch.

    ``history`` holds one dict an epoch: epoch (from 1), loss (mean over all examples), lr, seconds, and
    val_<metric> for each metric.  ``loss`` is that of the last step and stays on the device.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    device: torch.device
    epoch: int = 0
    step: int = 0
    loss: Tensor | None = None
    stop: bool = False
    best: dict = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)

    def place(self) -> str:
        """Where the run is, for messages."""
        return f"epoch {self.epoch + 1}, step {self.step + 1}"

    def add(self, row: dict) -> bool:
        """Note the row of an epoch; True if its val_loss is lower than all before."""
        self.history.append(row)
        better = row.get("val_loss", math.inf) < self.best.get("val_loss", math.inf)
        if better:
            self.best = {"epoch": self.epoch, "val_loss": row["val_loss"]}
        return better

    def waited(self) -> int:
        """Measured epochs since the best one; all of them where none has been good."""
        return sum("val_loss" in row for row in self.history[self.best.get("epoch", 0) :])

    def __repr__(self) -> str:
        last = {
            k: round(v, 4) for k, v in (self.history or [{}])[-1].items() if k not in ("epoch", "seconds")
        }
        return f"Run({self.epoch} epochs, {self.step} steps, {last})"


def fit(
    model: nn.Module,
    loader: Iterable,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int = 1,
    validation: Iterable | None = None,
    metrics: dict[str, Callable] | None = None,
    schedule: Any = None,
    precision: torch.dtype = torch.float32,
    accumulate: int = 1,
    clip_norm: float | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    count: Callable[[Tensor], int] = len,
    channels_last: bool = True,
    on_step: tuple[Callable[[Run], None], ...] = (),
    on_epoch: tuple[Callable[[Run], None], ...] = (),
    device: str | torch.device | None = None,
) -> Run:
    """Train ``model`` in place and return the Run with its history.

    loader      gives (inputs..., targets), afresh each epoch: ``batches(...)`` or a DataLoader
    loss_fn     (outputs, targets) -> mean loss over the batch
    validation  a loader measured after each epoch: val_loss, and val_<name> for each of ``metrics``
    schedule    a torch learning-rate scheduler, stepped after each optimiser step
    precision   torch.bfloat16 or torch.float16 switch mixed precision on (see ``pick_precision``)
    accumulate  batches that share one optimiser step; their gradient is that of one large batch
    clip_norm   largest norm of the whole gradient
    patience    stop after so many epochs without a lower val_loss
    checkpoint  folder for last.pt (all that is needed to continue) and best.pt (lowest val_loss)
    resume      continue after the last whole epoch in ``checkpoint``: on the CPU, bit for bit what an
                uninterrupted run gives.  Without it, what is there is kept as last.old.pt, best.old.pt
    count       over how many the loss of a batch is a mean, ``count(targets)``: its rows, unless some are
                ignored, ``lambda y: int((y != -100).sum())``
    channels_last  nets with 2-D convolutions keep the channel last in memory: often faster, not always
                (benchmarks/training.md); False for a forward that uses ``view``, or where it is slower
    on_step, on_epoch  tuples of functions of the Run, called after each step, each epoch

    Parts of a model in training mode that the caller has put in eval mode stay there; a model in eval mode as
    a whole is put in training mode.  Started by ``torchrun``, the same call trains on all processes; each
    takes its share of every batch, so ``batch_size`` is the global one; batch statistics are those of each
    process, and the running ones of rank 0 are kept.  A loss that is not finite stops the run with
    FloatingPointError (epoch and step named) and leaves the checkpoints as they were.
    Raises ValueError for data that does not fit the model or the loss.  Built in chapter 6, section 1.
    """
    check_arguments(clip_norm, patience, validation, resume, checkpoint, precision, metrics)
    check_optimizer(model, optimizer)
    epochs, accumulate = whole_number("epochs", epochs), whole_number("accumulate", accumulate)
    patience = whole_number("patience", patience) if patience is not None else math.inf
    device = device_for(device)
    keep_freed_memory()
    processes = join(device, loader)
    convolves = channels_last and any(isinstance(module, nn.Conv2d) for module in model.modules())
    model.to(device, memory_format=torch.channels_last if convolves else None)
    if not model.training:
        model.train()
    run = Run(model, optimizer, device)
    autocast = nullcontext if precision == torch.float32 else lambda: torch.autocast(device.type, precision)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
    keeper = Keeper(checkpoint, run, loader, schedule, scaler)
    keeper.begin(resume, processes.rank)
    net = processes.wrap(model)
    labels = loader.arrays[-1] if isinstance(loader, Batches) else None
    forward = explained_model(net, run.place)
    measure = explained_loss(loss_fn, run.place, labels, ignored=None if count is len else IGNORED)
    advance = schedule.step if schedule is not None else lambda: None
    check_every = 1 if device.type == "cpu" else CHECK_EVERY
    bar = progress_bar(steps_an_epoch(loader, accumulate), epochs - run.epoch, processes.rank)
    optimizer.zero_grad()

    def loss_of(share: Share) -> Tensor:
        with autocast():
            outputs = forward(*share.inputs)
            return measure(outputs, share.targets) if share.size else nothing(outputs)

    while run.epoch < epochs and not run.stop and run.waited() < patience:
        started, losses, sizes = time.perf_counter(), [], []
        for shares in steps(loader, accumulate, model, device, count, processes):
            # ---- one optimiser step: forward and backward for each of its batches, then update
            for share in shares:
                with processes.exchanging(net, now=share is shares[-1]):
                    loss = loss_of(share)
                    scaler.scale(loss * share.weight).backward()
                losses.append(loss.detach())
                sizes.append(share.size)
            run.loss = losses[-1]
            if run.step % check_every == 0:
                check_finite(losses[-check_every * accumulate :], run.place(), keeper.folder)
            if clip_norm is not None:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            rate, scale = optimizer.param_groups[0]["lr"], scaler.get_scale()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            if scaler.get_scale() >= scale:  # float16 skips a step that overflows
                advance()
            # ---- bookkeeping
            run.step += 1
            bar.update()
            for hook in on_step:
                hook(run)
            run.stop = processes.agree_to_stop(run.stop)
            if run.stop:
                break
        if run.stop:
            break
        check_finite(losses, f"epoch {run.epoch + 1}, by step {run.step}", keeper.folder)
        # ---- once an epoch: average, validate, save
        run.epoch += 1
        row = {"epoch": run.epoch, "loss": mean_loss(losses, sizes, processes), "lr": rate}
        processes.take_buffers_of_rank_0(model)
        if validation is not None:
            values = evaluate(
                model, validation, {"loss": loss_fn, **(metrics or {})}, count=count, device=device
            )
            row |= {f"val_{name}": value for name, value in values.items()}
        row["seconds"] = time.perf_counter() - started
        better = run.add(row)
        for hook in on_epoch:
            hook(run)
        if processes.rank == 0:
            keeper.save(better)
        bar.set_postfix({k: f"{v:.4f}" for k, v in row.items() if k.endswith(("loss", "accuracy"))})
    bar.close()
    processes.meet()
    return run


def progress_bar(steps: int | None, epochs: int, rank: int) -> Any:
    """A bar over all steps, where somebody looks: not under CI, not in a log, not in every process."""
    from tqdm.auto import tqdm

    seen = rank == 0 and not os.environ.get("CI") and (sys.stderr.isatty() or "ipykernel" in sys.modules)
    total = steps * epochs if steps is not None else None
    return tqdm(total=total, unit="step", mininterval=0.5, leave=False, disable=not seen)


def keep_freed_memory() -> None:
    """Tell glibc to keep what a step on the CPU frees, up to 1 GB, for the next step (``man mallopt``).

    Left alone it may give the memory of the activations back after each step, and to get it again costs up to
    a third of the step.  Where the C library is another, this does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(-1, 2**30)  # M_TRIM_THRESHOLD
        mallopt(-3, 2**25)  # M_MMAP_THRESHOLD, as high as it goes


# ---------------------------------------------------------------- measuring


def accuracy(logits: Tensor, targets: Tensor) -> Tensor:
    """Share of right answers, a scalar tensor.

    Either logits (N, C, ...) with whole-number labels (N, ...), or one logit an example, (N,) or (N, 1), with
    targets 0 and 1 of (N,) or (N, 1).  Raises ValueError for other shapes.
    """
    if logits.ndim == targets.ndim + 1 and logits.shape[1] > 1:
        return (logits.argmax(1) == targets).float().mean()
    if logits.numel() == len(logits) == targets.numel():
        return ((logits.flatten() > 0) == (targets.flatten() > 0.5)).float().mean()
    raise ValueError(
        f"accuracy takes logits (N, C) with labels (N,), or one logit an example with targets 0 and 1; "
        f"got {tuple(logits.shape)} and {tuple(targets.shape)}"
    )


def evaluate(
    model: nn.Module,
    loader: Iterable,
    metrics: dict[str, Callable],
    *,
    count: Callable[[Tensor], int] = len,
    device: str | torch.device | None = None,
) -> dict[str, float]:
    """Mean of each metric over all examples, an uneven last batch weighed by its size.

    ``loader`` gives (inputs..., targets); a metric takes (outputs, targets) and returns the mean over the
    batch; ``count(targets)`` says over how many (see ``fit``).  The model's weights, and the mode of each of
    its parts, are left as they were.  Under ``torchrun`` each process measures its share, and all get the
    same result.
    Returns {name: float}.  Raises ValueError for a loader without batches.
    """
    device = torch.device(device) if device is not None else home_of(model)
    processes, number = joined(device), 0
    sums = torch.zeros(len(metrics) + 1, dtype=torch.float64)  # of each metric, and of the examples
    forward = explained_model(model, lambda: f"batch {number}")
    measures = [explained_loss(metric, lambda: f"batch {number}") for metric in metrics.values()]
    with evaluating(model):
        for (share,) in steps(loader, 1, model, device, count, processes):
            number += 1
            if share.size:
                outputs = forward(*share.inputs)
                values = [float(measure(outputs, share.targets)) for measure in measures]
                sums += share.size * torch.tensor([*values, 1.0], dtype=torch.float64)
    *sums, examples = processes.total(sums).tolist()
    if examples == 0:
        raise ValueError("no target is counted: nothing to evaluate. Look at the labels, and at count=")
    return {name: value / examples for name, value in zip(metrics, sums, strict=True)}


def predict(model: nn.Module, *inputs: np.ndarray | Tensor, batch_size: int = 1024) -> Tensor:
    """Outputs of the model for all rows of ``inputs`` (N, ...), in eval mode, on the CPU: (N, ...)."""
    device, layout, parts = home_of(model), layout_of(model), []
    forward = explained_model(model, lambda: "predict")
    with evaluating(model):
        for rows in batches(*inputs, batch_size=batch_size):
            outputs = forward(*(moved(part, device, layout) for part in rows))
            if not isinstance(outputs, Tensor):
                kind = type(outputs).__name__
                raise TypeError(f"predict needs a model that returns one tensor, not {kind}")
            parts.append(outputs.float().cpu())
    return torch.cat(parts)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients inside; every submodule's own mode back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def home_of(model: nn.Module) -> torch.device:
    """The device of the model's parameters."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))
