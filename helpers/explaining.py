"""What ``fit`` and ``evaluate`` refuse: each error names the place, the values and the next step."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

IGNORED = -100  # the label that torch's losses leave out
ADVICE = {  # what torch says, and what helps
    "view size": "Say flatten or reshape, or fit(..., channels_last=False)",
    "more than 1 value per channel": "Batch normalisation needs two rows: choose a batch size that leaves no "
    "single row over, or DataLoader(..., drop_last=True)",
}


def refuse(bad: Any, message: str) -> None:
    """Raise ValueError with the message if something is bad."""
    if bad:
        raise ValueError(message)


def whole_number(name: str, value: int) -> int:
    """``value`` as a Python int of 1 or more, NumPy's integers included; ValueError for anything else."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    refuse(not whole or value < 1, f"{name} is {value!r}; it must be a whole number, 1 or more")
    return int(value)


def check_arguments(
    epochs: int,
    accumulate: int,
    clip_norm: float | None,
    patience: int | None,
    validation: Any,
    metrics: dict | None,
    resume: bool,
    checkpoint: Any,
) -> None:
    """Refuse arguments of ``fit`` that make no sense, alone or together."""
    whole_number("epochs", epochs)
    whole_number("accumulate", accumulate)
    whole_number("patience", 1 if patience is None else patience)
    unclipped = clip_norm is None or clip_norm > 0
    refuse(not unclipped, f"clip_norm is {clip_norm!r}; it must be above 0, or None to leave gradients alone")
    refuse(resume and checkpoint is None, "resume=True needs checkpoint=<folder>, that of the stopped run")
    refuse("loss" in (metrics or {}), "a metric cannot be called 'loss': val_loss is the mean of loss_fn")
    if validation is None:
        refuse(patience, "patience needs validation data: early stopping watches val_loss")
        refuse(metrics, f"metrics {', '.join(metrics or {})} need validation data, and so a loader of it")


def check_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Refuse an optimiser that would leave untrained what asks to be trained, or that needs another loop."""
    refuse(
        isinstance(optimizer, torch.optim.LBFGS),
        "LBFGS asks for the loss several times a step, fit works it out once: take SGD or Adam, or write the "
        "loop with optimizer.step(closure)",
    )
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    wanting = {name: id(one) in held for name, one in model.named_parameters() if one.requires_grad}
    refuse(not wanting, "every parameter of the model is frozen: thaw some with requires_grad_(True)")
    refuse(
        not any(wanting.values()),
        "the optimiser holds no parameter of this model, so nothing would be trained: make it anew after the "
        "model, for example torch.optim.Adam(model.parameters())",
    )
    left = next((name for name, is_held in wanting.items() if not is_held), None)
    refuse(
        left,
        f"the optimiser does not hold {left!r} of the model: was that part replaced after the optimiser was "
        f"made? Make the optimiser last. What shall not be trained says so: requires_grad_(False)",
    )


# ---------------------------------------------------------------- errors of the model, the loss, the schedule


def explained(function: Callable, place: Callable[[], str], said_of: Callable[..., str]) -> Callable:
    """The function, whose errors say at which place, what is wrong, and what helps where that is known."""

    def called(*given: Any) -> Any:
        try:
            return function(*given)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            helps = "".join(
                f". {advice}" for torch_says, advice in ADVICE.items() if torch_says in str(error)
            )
            raise ValueError(f"{place()}: {said_of(*given)}: {first_line(error)}{helps}") from error

    return called


def explained_model(model: nn.Module, place: Callable[[], str]) -> Callable[..., Any]:
    """The model as a function whose errors name the shapes of the batch."""

    def misfit(*batch: Tensor) -> str:
        shapes = ", ".join(f"{_shape(part)} {str(part.dtype)[6:]}" for part in batch)
        return f"the model does not accept a batch of {shapes}"

    return explained(model, place, misfit)


def explained_schedule(
    schedule: Any, optimizer: Any, place: Callable[[], str], steps: int | None, resume: bool
) -> Callable[[], None]:
    """The schedule's step, which does nothing where there is no schedule.

    A schedule of another kind or optimiser is refused, and one that ends before the run: at once where it is
    known that the run has so many ``steps``, else when it comes to it.
    """
    if schedule is None:
        return lambda: None
    refuse(
        isinstance(schedule, lr_scheduler.ReduceLROnPlateau),
        "ReduceLROnPlateau must be told a value: leave schedule out, and step it after each epoch, "
        'fit(..., on_epoch=(lambda run: plateau.step(run.history[-1]["val_loss"]),))',
    )
    others = getattr(schedule, "optimizer", optimizer) is not optimizer
    refuse(others, "the schedule belongs to another optimiser: make it from the one that fit is given")
    cosine = type(schedule) is lr_scheduler.CosineAnnealingLR
    end = schedule.T_max if cosine else getattr(schedule, "total_steps", None) or math.inf
    ends = f"the schedule ends at step {end}{' and would rise again' if cosine else ''}: it is stepped after "
    ends += "each optimiser step, so make it for all steps of the run"
    needed = (steps or 0) + (0 if resume else getattr(schedule, "last_epoch", 0))
    refuse(steps and needed > end, f"{ends}, {needed}")

    def step() -> None:
        if getattr(schedule, "last_epoch", 0) >= end:
            raise ValueError(f"{place()}: {ends}")
        schedule.step()

    return step


def explained_loss(
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    place: Callable[[], str],
    *,
    training: bool = False,
    labels: Tensor | None = None,
    count: Callable[[Tensor], int] = len,
) -> Callable[[Any, Tensor], Tensor]:
    """A loss or metric whose errors name the shapes, and which must give one number.

    In training the first call compares the labels (all that are to come, or those of the batch) with the
    classes of the outputs, before anything is learned.
    """

    def misfit(outputs: Any, targets: Tensor) -> str:
        shapes = f"outputs {_shape(outputs)} and targets {_shape(targets)} {str(targets.dtype)[6:]}"
        return wrong_label(outputs, targets) or f"{shapes} do not fit the loss or metric"

    first, ignored, safely = True, None if count is len else IGNORED, explained(loss_fn, place, misfit)

    def measure(outputs: Any, targets: Tensor) -> Tensor:
        nonlocal first
        if first:
            wrong = wrong_label(outputs, targets if labels is None else labels, ignored) if training else ""
            wrong = wrong or wrong_pairs(loss_fn, outputs, targets)
            refuse(wrong, f"{place()}: {wrong}")
            first = False
        value = safely(outputs, targets)
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(
                f"{place()}: the loss or metric must give one number, the mean over the batch, and gives "
                f'{_shape(value)}: leave out reduction="none", or say .mean()'
            )
        if training and not getattr(value, "requires_grad", False):
            raise ValueError(
                f"{place()}: the loss has no gradient, so nothing can be learned. Usual causes: detach(), "
                "item() or NumPy on the way to it, torch.no_grad() around fit"
            )
        return value

    return measure


def wrong_label(outputs: Any, targets: Tensor, ignored: int | None = IGNORED) -> str:
    """What is wrong with labels outside 0 … C-1 of outputs (N, C, ...); a loss on a GPU just crashes."""
    whole = not targets.is_floating_point() and targets.dtype != torch.bool
    if not isinstance(outputs, Tensor) or not whole or outputs.ndim != targets.ndim + 1:
        return ""
    labels, classes = targets.flatten(), outputs.shape[1]
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignored if ignored is not None else True)
    if not wrong.any():
        return ""
    row = int(wrong.nonzero()[0])
    if labels[row] == IGNORED:
        return (
            "some targets are -100, which the loss ignores: say over how many it is a mean, "
            "fit(..., count=lambda y: int((y != -100).sum()))"
        )
    return (
        f"label {int(labels[row])} (example {row}) is out of range: the model has {classes} classes, so "
        f"labels are 0 to {classes - 1}"
    )


def wrong_pairs(loss_fn: Callable, outputs: Any, targets: Tensor) -> str:
    """What is wrong with a loss that broadcasts outputs (N, 1) against targets (N,) to all N x N pairs.

    Where shapes differ so, it is tried: a loss that pairs each output with its own target tells four right
    answers from four wrong ones, one that has broadcast does not.
    """
    if not isinstance(outputs, Tensor) or outputs.shape == targets.shape:
        return ""
    if not outputs.numel() == targets.numel() == len(outputs) == len(targets):
        return ""
    right = torch.tensor([0, 0, 1, 1], device=targets.device)
    answers = right.to(outputs.dtype).reshape(4, *outputs.shape[1:])
    truth = right.to(targets.dtype).reshape(4, *targets.shape[1:])
    try:
        with warnings.catch_warnings(action="ignore"):
            blind = math.isclose(loss_fn(answers, truth), loss_fn(answers, truth.flip(0)), rel_tol=1e-3)
    except Exception:  # the batch itself will fail too, and be explained
        return ""
    return blind * (
        f"outputs {_shape(outputs)} and targets {_shape(targets)} are broadcast to all pairs of rows: give "
        "both one shape, for example targets.reshape(-1, 1), or a model that ends in nn.Flatten(0)"
    )


def nothing(outputs: Any) -> Tensor:
    """A loss of nothing that hangs on every output, so that other processes do not wait for its gradient."""
    if isinstance(outputs, Tensor):
        return 0 * outputs.sum()
    parts = outputs.values() if isinstance(outputs, dict) else outputs
    return sum(nothing(part) for part in parts if isinstance(part, (Tensor, dict, tuple, list)))


def first_line(error: Exception) -> str:
    """What an error says first, or its kind."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _shape(value: Any) -> Any:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
