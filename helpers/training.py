"""The training loop, once, in the open. What a run does not use is an object that does nothing."""

import atexit
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.device import pick_device

CHECK_EVERY = 50  # steps between looks at the loss on an accelerator, where each look waits for the device


# ---------------------------------------------------------------- feeding


class Batches:
    """What ``batches`` returns: iterate as often as you like; ``len`` is the number of batches."""

    def __init__(self, arrays, batch_size, shuffle, generator, augment):
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
                batch = [array.index_select(0, rows.to(array.device)) for array in self.arrays]
            if self.augment is not None:
                batch[0] = self.augment(batch[0], self.generator)
            yield tuple(batch)

    def __repr__(self) -> str:
        shapes = ", ".join(str(tuple(array.shape)) for array in self.arrays)
        return f"{len(self)} batches of {self.batch_size} from {shapes}"


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
    if not arrays:
        raise ValueError("batches needs at least one array, for example batches(X, y, batch_size=64)")
    tensors = [torch.as_tensor(array) for array in arrays]
    lengths = [len(tensor) if tensor.ndim else 0 for tensor in tensors]
    if len(set(lengths)) > 1:
        raise ValueError(f"arrays of unequal length {lengths}: each needs one row an example")
    if lengths[0] == 0:
        raise ValueError("the arrays hold no examples: nothing to feed. Look at the split and at n.")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; it must be a whole number, 1 or more")
    return Batches(tensors, int(batch_size), shuffle, generator, augment)


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


@contextmanager
def _evaluating(model: nn.Module):
    """Eval mode and no gradients inside; every submodule's own mode back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def _home(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def evaluate(
    model: nn.Module,
    loader: Iterable,
    metrics: dict[str, Callable],
    *,
    count: Callable[[Tensor], int] = len,
    device=None,
) -> dict[str, float]:
    """Mean of each metric over all examples, an uneven last batch weighed by its size.

    ``loader`` gives (inputs..., targets); a metric takes (outputs, targets) and returns the mean over the
    batch; ``count(targets)`` says over how many (see ``fit``).  The model's weights, and the mode of each of
    its parts, are left as they were.  Under ``torchrun`` each process measures its share, and all get the
    same result.
    Returns {name: float}.  Raises ValueError for a loader without batches.
    """
    device = torch.device(device) if device is not None else _home(model)
    layout, (rank, world) = _layout(model), _place()
    sums, total = torch.zeros(len(metrics), dtype=torch.float64), 0
    with _evaluating(model):
        for number, batch in enumerate(loader, 1):
            inputs, targets, rows = _share(batch, device, layout, rank, world, f"batch {number}")
            size = int(count(targets)) if rows else 0
            if size == 0:
                continue
            outputs = _forward(model, inputs, f"batch {number}")
            for i, metric in enumerate(metrics.values()):
                value = _measure(metric, outputs, targets, f"batch {number}")
                sums[i] += size * float(value)
            total += size
    if world > 1:
        both = torch.cat([sums, torch.tensor([float(total)], dtype=torch.float64)])
        both = _all_reduced(both, device)
        sums, total = both[:-1], int(both[-1])
    if total == 0:
        raise ValueError(
            "the loader gave no batches: nothing to evaluate. A generator is used up by one pass."
        )
    return dict(zip(metrics, (sums / total).tolist(), strict=True))


def predict(model: nn.Module, *inputs: np.ndarray | Tensor, batch_size: int = 1024) -> Tensor:
    """Outputs of the model for all rows of ``inputs`` (N, ...), in eval mode, on the CPU: (N, ...)."""
    device, layout = _home(model), _layout(model)
    with _evaluating(model):
        parts = []
        for rows in batches(*inputs, batch_size=batch_size):
            moved = [_moved(part, device, layout) for part in rows]
            outputs = _forward(model, moved, "predict")
            if not isinstance(outputs, Tensor):
                raise TypeError(
                    f"predict needs a model that returns one tensor, not {type(outputs).__name__}"
                )
            parts.append(outputs.float().cpu())
    return torch.cat(parts)


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
    _check_arguments(epochs, accumulate, clip_norm, patience, validation, resume, checkpoint, precision)
    _check_metrics(metrics, validation)
    _check_optimizer(model, optimizer)
    device = _pick_for(device)
    rank, world = _join_processes(device, loader)
    convolves = any(isinstance(module, nn.Conv2d) for module in model.modules())
    model.to(device, memory_format=torch.channels_last if convolves and channels_last else None)
    layout = _layout(model)
    if not model.training:
        model.train()
    run = Run(model, optimizer, device)
    folder = Path(checkpoint) if checkpoint is not None else None
    mixed = precision != torch.float32
    autocast = (lambda: torch.autocast(device.type, precision)) if mixed else nullcontext
    scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
    if folder is not None:
        _prepare(folder, run, loader, schedule, scaler, resume, rank)
    net = nn.parallel.DistributedDataParallel(model) if world > 1 else model
    metrics = {"loss": loss_fn, **(metrics or {})}
    check_every = 1 if device.type == "cpu" else CHECK_EVERY
    bar = _progress(loader, epochs - run.epoch, accumulate, rank)
    optimizer.zero_grad()

    while run.epoch < epochs and not run.stop and not _patience_lost(run, patience):
        started, losses, sizes, stream = time.perf_counter(), [], [], iter(loader)
        while group := list(islice(stream, accumulate)):
            where = f"epoch {run.epoch + 1}, step {run.step + 1}"
            # ---- one optimiser step: forward and backward for each batch of the group, then update
            shares = [_share(batch, device, layout, rank, world, where) for batch in group]
            total = sum(count(batch[-1]) for batch in group)
            for i, (inputs, targets, rows) in enumerate(shares):
                size = int(count(targets)) if rows else 0
                wait = net.no_sync() if world > 1 and i + 1 < len(group) else nullcontext()
                with wait:
                    with autocast():
                        outputs = _forward(net, inputs, where)
                        if run.loss is None:  # the first step of all: do the labels fit the outputs?
                            known = loader.arrays[-1] if isinstance(loader, Batches) else targets
                            _check_labels(outputs, known, where, ignored=None if count is len else -100)
                        # a batch without a counted target adds nothing: its mean would be 0 / 0
                        loss = _measure(loss_fn, outputs, targets, where) if size else _zero(outputs)
                    weight = size * world / max(total, 1)
                    scaler.scale(loss if weight == 1 else loss * weight).backward()
                losses.append(loss.detach())
                sizes.append(size)
            run.loss = losses[-1]
            if run.step % check_every == 0:
                _check_finite(losses[-check_every * accumulate :], where, folder)
            if clip_norm is not None:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            rate, scale = optimizer.param_groups[0]["lr"], scaler.get_scale()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            if schedule is not None and scaler.get_scale() >= scale:  # float16 skips a step that overflows
                schedule.step()
            # ---- bookkeeping
            run.step += 1
            bar.update()
            for hook in on_step:
                hook(run)
            if world > 1:  # one process that wants to stop stops all
                run.stop = bool(_all_reduced(torch.tensor(float(run.stop)), device))
            if run.stop:
                break
        if run.stop:
            break
        if not losses:
            raise ValueError(
                "the loader gave no batches. A generator is used up by one pass: use batches(...)."
            )
        _check_finite(losses, f"epoch {run.epoch + 1}, by step {run.step}", folder)
        # ---- once an epoch: average, validate, save
        run.epoch += 1
        row = {"epoch": run.epoch, "loss": _mean(losses, sizes, device, world)}
        row["lr"] = rate
        if world > 1:
            for buffer in model.buffers():
                torch.distributed.broadcast(buffer, 0)
        if validation is not None:
            values = evaluate(model, validation, metrics, count=count, device=device)
            row.update({f"val_{name}": value for name, value in values.items()})
        row["seconds"] = time.perf_counter() - started
        run.history.append(row)
        better = row.get("val_loss", math.inf) < run.best.get("val_loss", math.inf)
        if better:
            run.best = {"epoch": run.epoch, "val_loss": row["val_loss"]}
        for hook in on_epoch:
            hook(run)
        if folder is not None and rank == 0:
            if better:
                save_checkpoint(folder / "best.pt", model, best=run.best)
            _save_all(folder / "last.pt", run, loader, schedule, scaler)
        bar.set_postfix({k: f"{v:.4f}" for k, v in row.items() if k.endswith(("loss", "accuracy"))})
    bar.close()
    if world > 1:
        torch.distributed.barrier()
    return run


def _check_arguments(epochs, accumulate, clip_norm, patience, validation, resume, checkpoint, precision):
    for name, value in (("epochs", epochs), ("accumulate", accumulate), ("patience", patience)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} is {value!r}; it must be a whole number, 1 or more")
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm is {clip_norm!r}; it must be above 0, or None to leave gradients alone")
    if patience is not None and validation is None:
        raise ValueError("patience needs validation data: early stopping watches val_loss")
    if resume and checkpoint is None:
        raise ValueError("resume=True needs checkpoint=<folder>, the one the stopped run wrote to")
    if precision not in (torch.float32, torch.bfloat16, torch.float16):
        raise ValueError(f"precision is {precision!r}; use torch.float32, torch.bfloat16 or torch.float16")


def _check_metrics(metrics, validation):
    if metrics and validation is None:
        raise ValueError(
            f"metrics {', '.join(metrics)} need validation data: they are measured after each epoch"
        )
    if metrics and "loss" in metrics:
        raise ValueError("a metric cannot be called 'loss': val_loss is the mean of loss_fn")


def _check_optimizer(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not held & {id(p) for p in model.parameters()}:
        raise ValueError(
            "the optimiser holds no parameter of this model, so nothing would be trained: make it anew after "
            "the model, for example torch.optim.Adam(model.parameters())"
        )


def _patience_lost(run: Run, patience: int | None) -> bool:
    return patience is not None and bool(run.best) and run.epoch - run.best["epoch"] >= patience


def _layout(model: nn.Module) -> torch.memory_format:
    """The memory layout of the model's convolutions, which is the best one for its inputs too."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.is_contiguous():
            return torch.channels_last
    return torch.preserve_format


def _moved(part: Tensor, device: torch.device, layout: torch.memory_format) -> Tensor:
    layout = layout if part.ndim == 4 else torch.preserve_format
    return part.to(device, non_blocking=True, memory_format=layout)


def _share(batch, device, layout, rank, world, where) -> tuple[list[Tensor], Tensor, int]:
    """This process's part of a batch on its device: inputs, targets, number of examples."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise ValueError(f"{where}: a batch must be (inputs..., targets); got {type(batch).__name__}")
    if len(batch[-1]) == 0:
        raise ValueError(f"{where}: the batch is empty, and the mean over nothing is not a number")
    size = len(batch[-1])
    if world > 1:
        size = len(range(rank, size, world))
        # a process without examples still takes part in the exchange of gradients, with weight 0
        batch = [part[rank::world] if size else part[:1] for part in batch]
    *inputs, targets = (_moved(part, device, layout) for part in batch)
    return inputs, targets, size


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _forward(model, inputs, where) -> Any:
    try:
        return model(*inputs)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError) as error:
        shapes = ", ".join(f"{tuple(part.shape)} {str(part.dtype)[6:]}" for part in inputs)
        advice = (
            ". Say flatten or reshape, or fit(..., channels_last=False)" if "view size" in str(error) else ""
        )
        raise ValueError(
            f"{where}: the model does not accept a batch of {shapes}: {_first_line(error)}{advice}"
        ) from error


def _measure(loss_fn, outputs, targets, where) -> Tensor:
    try:
        return loss_fn(outputs, targets)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, IndexError) as error:
        _check_labels(outputs, targets, where)
        shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(
            f"{where}: outputs {shape} and targets {tuple(targets.shape)} {str(targets.dtype)[6:]} "
            f"do not fit the loss or metric: {_first_line(error)}"
        ) from error


def _zero(outputs) -> Tensor:
    """A loss of nothing that hangs on every output, so that other processes do not wait for its gradient."""
    if isinstance(outputs, Tensor):
        return 0 * outputs.sum()
    parts = outputs.values() if isinstance(outputs, dict) else outputs
    return sum(_zero(part) for part in parts if isinstance(part, (Tensor, dict, tuple, list)))


def _check_labels(outputs, targets, where, ignored=-100) -> None:
    """Class labels must lie in 0 … C-1 for outputs (N, C, ...); on a GPU the loss itself would only crash."""
    whole = not targets.is_floating_point() and targets.dtype != torch.bool
    if not isinstance(outputs, Tensor) or not whole or outputs.ndim != targets.ndim + 1:
        return
    wrong = (targets < 0) | (targets >= outputs.shape[1])
    if ignored is not None:
        wrong &= targets != ignored
    if wrong.any():
        row = int(wrong.flatten().nonzero()[0])
        if int(targets.flatten()[row]) == -100:
            raise ValueError(
                f"{where}: some targets are -100, which the loss ignores: say over how many it is a mean, "
                "fit(..., count=lambda y: int((y != -100).sum()))"
            )
        raise ValueError(
            f"{where}: label {int(targets.flatten()[row])} (example {row}) is out of range: the model has "
            f"{outputs.shape[1]} classes, so labels are 0 to {outputs.shape[1] - 1}"
        )


def _check_finite(losses: list[Tensor], where: str, folder: Path | None) -> None:
    finite = math.isfinite(losses[0].item()) if len(losses) == 1 else torch.stack(losses).isfinite().all()
    if not finite:
        kept = (
            f"The last good state is in {folder.name}/last.pt. "
            if folder and (folder / "last.pt").exists()
            else ""
        )
        raise FloatingPointError(
            f"the loss is not finite ({where}). {kept}Usual causes: learning rate too high (try a tenth, or "
            "clip_norm=1.0), a log or division by zero in the loss, nan in the data."
        )


def _mean(losses, sizes, device, world) -> float:
    """Mean over all examples of the epoch, from batch means: the last batch may be smaller."""
    weights = torch.tensor(sizes, dtype=torch.float64)
    values = torch.stack(losses).float().cpu().double()
    sums = torch.stack([(values * weights).sum(), weights.sum()])
    if world > 1:
        sums = _all_reduced(sums, device)
    if sums[1] == 0:
        raise ValueError("no target of the whole epoch is counted: look at the labels, and at count=")
    return float(sums[0] / sums[1])


class _NoBar:
    def update(self):
        pass

    set_postfix = close = lambda self, *_: None


def _progress(loader, epochs, accumulate, rank):
    if rank != 0 or os.environ.get("CI") or not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        return _NoBar()
    from tqdm.auto import tqdm

    try:
        steps = -(-len(loader) // accumulate) * epochs
    except TypeError:  # an iterable without a length
        steps = None
    return tqdm(total=steps, unit="step", mininterval=0.5, leave=False)


# ---------------------------------------------------------------- several processes (torchrun)


def _join_processes(device: torch.device, loader) -> tuple[int, int]:
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return 0, 1
    if isinstance(loader, Batches) and loader.shuffle and loader.generator is None:
        raise ValueError(
            "under torchrun every process must draw the same order: give batches a seeded generator, "
            "batches(..., generator=seed_everything(0))"
        )
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(torch.distributed.destroy_process_group)
    return _place()


def _place() -> tuple[int, int]:
    """(rank, number of processes): (0, 1) unless torchrun started several and fit joined them."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def _pick_for(device) -> torch.device:
    """The device asked for, or the first there is; under torchrun each process has a GPU of its own."""
    device = pick_device(None if device is None else str(device), verbose=False)
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


def _all_reduced(sums: Tensor, device: torch.device) -> Tensor:
    sums = sums.to(device)
    torch.distributed.all_reduce(sums)
    return sums.cpu()


# ---------------------------------------------------------------- checkpoints


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


def _write(path: Path, content: dict) -> None:
    """Write beside the target, then rename: whoever reads finds the old file or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _read(path: str | Path) -> dict:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; fit(..., checkpoint=<folder>) writes one an epoch")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path} is not a whole checkpoint ({type(error).__name__}); delete it and begin again"
        ) from error


def save_checkpoint(path: str | Path, model: nn.Module, **meta: Any) -> Path:
    """Write the weights and ``meta`` (numbers, text, lists, dicts) to ``path`` in one atomic step."""
    _write(Path(path), {"model": model.state_dict(), "meta": _plain(meta, "meta")})
    return Path(path)


def load_checkpoint(path: str | Path, model: nn.Module) -> dict:
    """Load the weights at ``path`` into ``model`` and return the meta that was saved with them.

    Reads tensors only, never code.  Raises FileNotFoundError; ValueError for a damaged file or for
    weights of another shape (the model is then as it was).
    """
    content = _read(path)
    _load_weights(model, content["model"], path)
    return content.get("meta", {})


def _load_weights(model, weights, path) -> None:
    mine = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    theirs = {name: tuple(value.shape) for name, value in weights.items()}
    if mine != theirs:
        name = sorted(n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n))[0]
        raise ValueError(
            f"{path} belongs to another model: {name!r} is {theirs.get(name, 'missing')} there, "
            f"{mine.get(name, 'missing')} here"
        )
    model.load_state_dict(weights)


def _random_states(loader) -> dict:
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


def _restore_random_states(states: dict, loader) -> None:
    random.setstate(states["python"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.device_count() == len(states["cuda"]):
        torch.cuda.set_rng_state_all(states["cuda"])
    generator = getattr(loader, "generator", None)
    if generator is not None and "loader" in states:
        generator.set_state(states["loader"])


def _save_all(path: Path, run: Run, loader, schedule, scaler) -> None:
    _write(
        path,
        {
            "model": run.model.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "optimizer_kind": type(run.optimizer).__name__,
            "schedule": schedule.state_dict() if schedule is not None else None,
            "scaler": scaler.state_dict(),
            "run": {
                "epoch": run.epoch,
                "step": run.step,
                "best": run.best,
                "history": _plain(run.history, "history"),
            },
            "random": _random_states(loader),
        },
    )


def _prepare(folder: Path, run: Run, loader, schedule, scaler, resume: bool, rank: int) -> None:
    """Continue from folder/last.pt, or make room for a new one."""
    last = folder / "last.pt"
    if not resume:
        if rank == 0:
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("last", "best"):
                if (folder / f"{name}.pt").exists():
                    (folder / f"{name}.pt").replace(folder / f"{name}.old.pt")
        return
    saved = _read(last)
    here, there = type(run.optimizer).__name__, saved["optimizer_kind"]
    if here != there:
        raise ValueError(
            f"{last} was written with {there}, this run uses {here}: "
            "take the same optimiser, or begin again with resume=False"
        )
    if (saved["schedule"] is None) != (schedule is None):
        raise ValueError(f"{last} was written {'without' if schedule else 'with'} a schedule: give the same")
    _load_weights(run.model, saved["model"], last)
    run.optimizer.load_state_dict(saved["optimizer"])
    if scaler.is_enabled() and saved["scaler"]:
        scaler.load_state_dict(saved["scaler"])
    if schedule is not None:
        schedule.load_state_dict(saved["schedule"])
    for name, value in saved["run"].items():
        setattr(run, name, value)
    _restore_random_states(saved["random"], loader)
    if rank == 0:
        print(f"resumed after epoch {run.epoch} ({last.name})")
