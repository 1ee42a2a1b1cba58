"""For section 4.1: several networks in one tensor of weights: a spread over random starts is cheap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SideBySide(nn.Module):
    """S networks without biases that share nothing: x (B, D) -> logits (S, B, C).

    sizes   widths of the layers, from the inputs D to the classes C; ReLU behind all but the last
    scales  S numbers: by how much the weights of each network begin larger than He's (standard deviation
            the root of 2 / inputs)
    norm    a function that makes the module in front of each ReLU; it must keep networks and their numbers
            apart, as ``nn.LayerNorm(width, elementwise_affine=False)`` does
    after   the same for the module behind each ReLU, ``lambda: nn.Dropout(0.5)``, say
    seed    of the random start

    Raises ValueError for fewer than two sizes or no network.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        scales: Sequence[float] | np.ndarray,
        norm: Callable[[], nn.Module] = nn.Identity,
        after: Callable[[], nn.Module] = nn.Identity,
        seed: int = 0,
    ):
        if len(sizes) < 2 or len(scales) < 1:
            raise ValueError(f"sizes={list(sizes)}, scales={list(scales)}: at least two sizes and one scale")
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        factors = torch.as_tensor(np.asarray(scales), dtype=torch.float32)[:, None, None]
        self.weights = nn.ParameterList(
            factors * (2 / a) ** 0.5 * torch.randn(len(scales), a, b, generator=generator)
            for a, b in pairwise(sizes)
        )
        self.norms = nn.ModuleList(norm() for _ in sizes[2:])
        self.after = nn.ModuleList(after() for _ in sizes[2:])

    def forward(self, x: Tensor) -> Tensor:
        """Logits (S, B, C) for x (B, D), the same rows for all networks, or x (B, S, D), rows for each."""
        x = x.to(self.weights[0].device)
        if x.ndim == 3:
            x = x.transpose(0, 1)
        for W, norm, after in zip(self.weights[:-1], self.norms, self.after, strict=True):
            x = after(torch.relu(norm(x @ W)))
        logits = x @ self.weights[-1]
        return logits if logits.ndim == 3 else logits[None]


def loss_of_all(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """The sum of the networks' mean cross-entropies, so that each gets the slopes of its own loss.

    logits (S, B, C), targets (B,) or, for each network, (B, S) -> a number. ``smoothing`` is that of
    ``F.cross_entropy``.
    """
    targets = targets.repeat(len(logits)) if targets.ndim == 1 else targets.T.flatten()
    return len(logits) * F.cross_entropy(logits.flatten(0, 1), targets, label_smoothing=smoothing)


def answers(model: nn.Module, X: np.ndarray | Tensor, rows: int = 2_000) -> Tensor:
    """Logits (S, N, C) on the CPU for X (N, D) or (N, S, D), without slopes, in the mode the model is in.

    So many ``rows`` are computed at a time.
    """
    with torch.no_grad():
        return torch.cat([model(part).cpu() for part in torch.as_tensor(X).split(rows)], dim=1)


def scores(model: nn.Module, X: np.ndarray | Tensor, y: np.ndarray | Tensor) -> np.ndarray:
    """Share of right answers of each network, in eval mode: X (N, D), y (N,), or (N, S, D), (N, S) -> (S,).

    The mode of the model stays.
    """
    training, labels = model.training, torch.as_tensor(y)
    right = answers(model.eval(), X).argmax(-1) == (labels.T if labels.ndim == 2 else labels)
    model.train(training)
    return right.float().mean(1).numpy()


def small_tasks(
    X: np.ndarray, y: np.ndarray, tasks: int, n: int, wrong: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A small training set for each of several networks: X (N, D), y (N,) -> (n, tasks, D), (n, tasks).

    Each holds as many rows of each class, drawn without replacement. A share of about ``wrong`` of the
    labels is replaced by another class. Raises ValueError where a class has too few rows, or n is no
    multiple of the number of classes.
    """
    dice, classes = np.random.default_rng(seed), np.unique(y)
    each, rest = divmod(n, len(classes))
    fewest = min(int((y == label).sum()) for label in classes)
    if rest or not 0 < each <= fewest:
        raise ValueError(f"n={n}: a multiple of {len(classes)} classes, at most {fewest} rows of each")
    rows = np.empty((n, tasks), dtype=np.int64)
    for task in range(tasks):
        chosen = [dice.permutation(np.flatnonzero(y == label))[:each] for label in classes]
        rows[:, task] = dice.permutation(np.concatenate(chosen))
    place = np.searchsorted(classes, y[rows])
    moved = dice.integers(1, len(classes), size=place.shape) * (dice.random(place.shape) < wrong)
    return X[rows], classes[(place + moved) % len(classes)]
