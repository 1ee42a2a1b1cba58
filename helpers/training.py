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
    check_arguments,
    check_optimizer,
    explained_loss,
    explained_model,
    explained_schedule,
    nothing,
    refuse,
)
from helpers.feeding import Losses, all_targets, batches, layout_of, moved, steps, steps_in
from helpers.processes import device_for, join


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

    def call(self, hooks: Iterable[Callable], processes: Any) -> None:
        """Call the hooks; where one process wants to stop, all do."""
        for hook in hooks:
            hook(self)
        self.stop = processes.any(self.stop)

    def waited(self) -> int:
        """Measured epochs since the best one; all of them where none has been good."""
        return sum("val_loss" in row for row in self.history[self.best.get("epoch", 0) :])

    def __repr__(self) -> str:
        last = self.history[-1] if self.history else {}
        shown = {name: round(value, 4) for name, value in last.items() if name not in ("epoch", "seconds")}
        return f"Run({self.epoch} epochs, {self.step} steps, {shown})"


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
    optimizer   made after the model; what shall not be trained is frozen with ``requires_grad_(False)``
    validation  a loader measured after each epoch: val_loss, and val_<name> for each of ``metrics``
    schedule    a torch learning-rate scheduler, stepped after each optimiser step, made for all of them
    precision   torch.bfloat16 or torch.float16 switch mixed precision on (see ``pick_precision``)
    accumulate  batches that share one optimiser step; their gradient is that of one large batch
    clip_norm   largest norm of the whole gradient
    patience    stop after so many epochs without a lower val_loss
    checkpoint  folder for last.pt (all that is needed to continue) and best.pt (lowest val_loss)
    resume      continue after the last whole epoch in ``checkpoint``: on the CPU, bit for bit what an
                uninterrupted run gives; where optimiser or schedule say another thing than then, that holds
                and is printed.  Without it, what is there is kept as last.old.pt, best.old.pt
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
    Raises ValueError for data that does not fit the model or the loss, and for an optimiser or schedule that
    would train something else than the model; OSError for a full disk.  Built in chapter 6, section 1.
    """
    check_arguments(epochs, accumulate, clip_norm, patience, validation, metrics, resume, checkpoint)
    check_optimizer(model, optimizer)
    device = device_for(device)
    processes = join(device, loader, validation)
    net = processes.wrap(placed(model, device, channels_last))
    run, last_step = Run(model, optimizer, device), steps_in(epochs, loader, accumulate)
    autocast, scaler = mixed_precision(device, precision)
    may_stop = bool(on_step or on_epoch or patience)
    advance = explained_schedule(schedule, optimizer, run.place, None if may_stop else last_step, resume)
    keeper = Keeper(checkpoint, run, (loader, validation), schedule, scaler, processes.rank)
    keeper.begin(resume)
    forward = explained_model(net, run.place)
    measure = explained_loss(loss_fn, run.place, training=True, count=count, labels=all_targets(loader))
    metrics = {"loss": loss_fn} | (metrics or {})
    bar = progress_bar(run.step, last_step, processes.rank)

    while run.epoch < epochs and not run.stop and run.waited() < (patience or math.inf):
        started, losses = time.perf_counter(), Losses(run, keeper.folder)
        for shares in steps(loader, accumulate, model, device, count, processes):
            # ---- one optimiser step: forward and backward for each of its batches, then update
            optimizer.zero_grad()
            for share in shares:
                processes.exchange(net, now=share is shares[-1])
                with autocast():
                    outputs = forward(*share.inputs)
                    loss = measure(outputs, share.targets) if share.size else nothing(outputs)
                scaler.scale(share.weighed(loss)).backward()
                losses.add(loss, share.size)
            losses.check()
            if clip_norm is not None:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            rate, scale = optimizer.param_groups[0]["lr"], scaler.get_scale()
            scaler.step(optimizer)
            scaler.update()
            if scaler.get_scale() >= scale:  # float16 skips a step that overflows
                advance()
            # ---- bookkeeping
            run.loss, run.step = loss.detach(), run.step + 1
            bar.update()
            run.call(on_step, processes)
            if run.stop:
                break
        if run.stop:
            break
        # ---- once an epoch: average, validate, save
        row = {"epoch": run.epoch + 1, "loss": losses.mean(processes), "lr": rate}
        run.epoch += 1
        processes.share_statistics(model)
        if validation is not None:
            values = evaluate(model, validation, metrics, count=count, device=device)
            row |= {f"val_{name}": value for name, value in values.items()}
        row["seconds"] = time.perf_counter() - started
        better = run.add(row)
        run.call(on_epoch, processes)
        keeper.save(better)
        bar.set_postfix({k: f"{v:.4f}" for k, v in row.items() if k.endswith(("loss", "accuracy"))})
    bar.close()
    processes.meet()
    return run


def placed(model: nn.Module, device: torch.device, channels_last: bool) -> nn.Module:
    """The model on the device, in training mode, its convolutions with the channel last in memory."""
    convolves = channels_last and any(isinstance(module, nn.Conv2d) for module in model.modules())
    model.to(device, memory_format=torch.channels_last if convolves else None)
    if not model.training:  # parts that the caller has put in eval mode stay there
        model.train()
    keep_freed_memory()
    return model


def mixed_precision(device: torch.device, precision: torch.dtype) -> tuple[Callable, torch.amp.GradScaler]:
    """A context for the forward pass and a scaler for float16; for float32 both do nothing."""
    floats = (torch.float32, torch.bfloat16, torch.float16)
    refuse(precision not in floats, f"precision is {precision!r}; use one of {', '.join(map(str, floats))}")
    autocast = nullcontext if precision == torch.float32 else lambda: torch.autocast(device.type, precision)
    return autocast, torch.amp.GradScaler(device.type, enabled=precision == torch.float16)


def progress_bar(done: int, steps: int | None, rank: int) -> Any:
    """A bar over all steps where somebody looks: not under CI, not in a log, not in every process."""
    from tqdm.auto import tqdm

    seen = rank == 0 and not os.environ.get("CI") and (sys.stderr.isatty() or "ipykernel" in sys.modules)
    return tqdm(initial=done, total=steps, unit="step", mininterval=0.5, leave=False, disable=not seen)


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
    processes, number = join(device, loader), 0
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
    refuse(examples == 0, "no target is counted: nothing to evaluate. Look at the labels, and at count=")
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
