"""What ``fit`` and ``evaluate`` refuse: each error names the place, the values and the next step."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

IGNORED = -100  # the label that torch's losses leave out


def check_arguments(
    clip_norm: float | None,
    patience: int | None,
    validation: Any,
    resume: bool,
    checkpoint: str | Path | None,
    precision: torch.dtype,
    metrics: dict[str, Callable] | None,
) -> None:
    """Refuse arguments of ``fit`` that make no sense, alone or together."""
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm is {clip_norm!r}; it must be above 0, or None to leave gradients alone")
    if patience is not None and validation is None:
        raise ValueError("patience needs validation data: early stopping watches val_loss")
    if resume and checkpoint is None:
        raise ValueError("resume=True needs checkpoint=<folder>, the one the stopped run wrote to")
    if precision not in (torch.float32, torch.bfloat16, torch.float16):
        raise ValueError(f"precision is {precision!r}; use torch.float32, torch.bfloat16 or torch.float16")
    if metrics and validation is None:
        raise ValueError(
            f"metrics {', '.join(metrics)} need validation data: they are measured after each epoch"
        )
    if metrics and "loss" in metrics:
        raise ValueError("a metric cannot be called 'loss': val_loss is the mean of loss_fn")


def check_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Refuse an optimiser that would train nothing of this model."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not held & {id(p) for p in model.parameters()}:
        raise ValueError(
            "the optimiser holds no parameter of this model, so nothing would be trained: make it anew after "
            "the model, for example torch.optim.Adam(model.parameters())"
        )


def explained_model(model: nn.Module, place: Callable[[], str]) -> Callable[..., Any]:
    """The model as a function whose errors say at which place, and what it was given."""

    def forward(*inputs: Tensor) -> Any:
        try:
            return model(*inputs)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, IndexError) as error:
            shapes = ", ".join(f"{tuple(part.shape)} {str(part.dtype)[6:]}" for part in inputs)
            advice = (
                ". Say flatten or reshape, or fit(..., channels_last=False)"
                if "view size" in str(error)
                else ""
            )
            raise ValueError(
                f"{place()}: the model does not accept a batch of {shapes}: {_first_line(error)}{advice}"
            ) from error

    return forward


def explained_loss(
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    place: Callable[[], str],
    labels: Tensor | None = None,
    ignored: int | None = IGNORED,
) -> Callable[[Any, Tensor], Tensor]:
    """A loss or metric whose errors say at which place, and what it was given.

    At the first call ``labels``, all those that are to come, are checked against the classes of the outputs.
    """

    def measure(outputs: Any, targets: Tensor) -> Tensor:
        nonlocal labels
        if labels is not None:
            check_labels(outputs, labels, place(), ignored)
            labels = None
        try:
            return loss_fn(outputs, targets)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, IndexError) as error:
            check_labels(outputs, targets, place())
            shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            raise ValueError(
                f"{place()}: outputs {shape} and targets {tuple(targets.shape)} {str(targets.dtype)[6:]} "
                f"do not fit the loss or metric: {_first_line(error)}"
            ) from error

    return measure


def check_labels(outputs: Any, targets: Tensor, place: str, ignored: int | None = IGNORED) -> None:
    """Class labels must lie in 0 … C-1 for outputs (N, C, ...); on a GPU the loss itself would only crash."""
    whole = not targets.is_floating_point() and targets.dtype != torch.bool
    if not isinstance(outputs, Tensor) or not whole or outputs.ndim != targets.ndim + 1:
        return
    wrong = (targets < 0) | (targets >= outputs.shape[1])
    if ignored is not None:
        wrong &= targets != ignored
    if wrong.any():
        row = int(wrong.flatten().nonzero()[0])
        label = int(targets.flatten()[row])
        if label == IGNORED:
            raise ValueError(
                f"{place}: some targets are -100, which the loss ignores: say over how many it is a mean, "
                "fit(..., count=lambda y: int((y != -100).sum()))"
            )
        raise ValueError(
            f"{place}: label {label} (example {row}) is out of range: the model has "
            f"{outputs.shape[1]} classes, so labels are 0 to {outputs.shape[1] - 1}"
        )


def check_finite(losses: list[Tensor], place: str, folder: Path | None) -> None:
    """Stop before what is not finite reaches the weights or a checkpoint."""
    finite = math.isfinite(losses[0].item()) if len(losses) == 1 else torch.stack(losses).isfinite().all()
    if not finite:
        kept = folder is not None and (folder / "last.pt").exists()
        raise FloatingPointError(
            f"the loss is not finite ({place}). "
            + (f"The last good state is in {folder.name}/last.pt. " if kept else "")
            + "Usual causes: learning rate too high (try a tenth, or clip_norm=1.0), "
            "a log or division by zero in the loss, nan in the data."
        )


def nothing(outputs: Any) -> Tensor:
    """A loss of nothing that hangs on every output, so that other processes do not wait for its gradient."""
    if isinstance(outputs, Tensor):
        return 0 * outputs.sum()
    parts = outputs.values() if isinstance(outputs, dict) else outputs
    return sum(nothing(part) for part in parts if isinstance(part, (Tensor, dict, tuple, list)))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
