"""For section 4.1e: many small networks trained side by side, and drawings of searches for their settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from torch import Tensor
from torch.nn import functional as F

from helpers.chapters.splits import pool
from helpers.data import known
from helpers.plotting import PALETTE

BLUE, ORANGE = PALETTE[:2]
WIDTH, BATCH, AT_ONCE = 32, 32, 40_000_000  # hidden units; pictures in a step; numbers looked at together
FRAMES = {"digits": (0.0, 1.0), "fashion-mnist": (0.286, 0.39)}  # taken from each pixel; then its factor


class Pool:
    """Pictures to be split again and again, and small networks that learn from them side by side.

    ``X`` (N, D) float32, ``y`` (N,): the first ``rows`` pictures of "digits", pixels in [0, 1], or of
    "fashion-mnist", centred and so scaled that a picture has on average the same sum of squares, 15: then
    the same learning rates suit both. ``steps`` is how long networks are trained.
    """

    def __init__(self, name: str, rows: int, steps: int = 60):
        (middle, factor), (X, y) = known("pictures to search with", name, FRAMES), pool(name, rows)
        self.X, self.y = torch.tensor((X - np.float32(middle)) * np.float32(factor)), torch.tensor(y)
        self.steps = steps

    def split(self, seed: int, n_train: int = 200, n_val: int = 100) -> tuple[Tensor, Tensor, Tensor]:
        """Row numbers of the pictures, shuffled: training, validation, and test, which is the rest."""
        rows = torch.randperm(len(self.X), generator=torch.Generator().manual_seed(int(seed)))
        return rows[:n_train], rows[n_train : n_train + n_val], rows[n_train + n_val :]

    def train_all(
        self, settings: Any, splits: Sequence[Sequence[Tensor]], starts: Sequence[int]
    ) -> np.ndarray:
        """Train K networks D-32-10 side by side, each with its own settings: (K, 2) accuracies.

        ``settings`` (K, 3) holds learning rate, weight decay, and the factor by which the starting weights
        differ from 1 / √inputs; ``splits`` K times (training, validation, test) row numbers of equal lengths,
        ``starts`` K seeds. Plain gradient descent, in each step a batch of 32 from the same places of every
        training split. The accuracies are those on validation and on test rows. A network whose weights
        overflow is at chance. Raises ValueError where the three do not have the same length, or a setting is
        not a positive number.
        """
        settings = np.asarray(settings, dtype=np.float32)
        if settings.shape != (len(splits), 3) or len(starts) != len(splits):
            raise ValueError(
                f"settings {settings.shape}, {len(splits)} splits, {len(starts)} starts: for K networks give "
                "settings (K, 3), K splits and K starts"
            )
        if not (settings > 0).all():
            raise ValueError(f"settings must be positive; here is {settings.min():g}")
        rate, decay, spread = torch.tensor(settings).T[:, :, None, None]
        train, val, test = (torch.stack(rows) for rows in zip(*splits, strict=True))
        weights = [spread * torch.stack(w) for w in zip(*(self._start(seed) for seed in starts), strict=True)]
        weights = [w.requires_grad_() for w in weights]
        generator = torch.Generator().manual_seed(0)
        for _ in range(self.steps):
            rows = train[:, torch.randint(train.shape[1], (BATCH,), generator=generator)]  # (K, 32)
            logits = self._forward(rows, weights)  # (K, 32, 10)
            loss = F.cross_entropy(logits.flatten(0, 1), self.y[rows].flatten(), reduction="sum") / BATCH
            slopes = torch.autograd.grad(loss, weights)
            with torch.no_grad():
                for w, slope in zip(weights, slopes, strict=True):
                    w -= rate * (slope + decay * w)
        return np.stack([self._scores(rows, weights) for rows in (val, test)], axis=1)

    def _start(self, seed: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(1_000 + int(seed))
        shapes = (self.X.shape[1], WIDTH), (WIDTH, 10)
        return tuple(torch.randn(shape, generator=generator) / shape[0] ** 0.5 for shape in shapes)

    def _forward(self, rows: Tensor, weights: Sequence[Tensor]) -> Tensor:
        return torch.relu(self.X[rows] @ weights[0]) @ weights[1]

    @torch.no_grad()
    def _scores(self, rows: Tensor, weights: Sequence[Tensor]) -> np.ndarray:
        """Accuracies (K,) on rows (K, n), of a few networks at a time: their pictures must fit in memory."""
        few = max(1, AT_ONCE // max(1, rows.shape[1] * self.X.shape[1]))
        parts = zip(rows.split(few), *(w.split(few) for w in weights), strict=True)
        right = [self._forward(some, each).argmax(dim=-1) == self.y[some] for some, *each in parts]
        return torch.cat(right).float().mean(dim=1).double().numpy()


def plot_searches(scores: Mapping[str, Any]) -> Axes:
    """The best score so far, trial by trial: name -> (searches, trials); mean over searches, ± one spread."""
    ax = plt.subplots(figsize=(7.5, 3.8))[1]
    for (name, all_scores), style in zip(scores.items(), ("--", "-.", "-"), strict=False):
        best = np.maximum.accumulate(np.asarray(all_scores), axis=1)
        trials, mean, spread = np.arange(1, best.shape[1] + 1), best.mean(axis=0), best.std(axis=0)
        (line,) = ax.plot(trials, mean, style, label=name)
        ax.fill_between(trials, mean - spread, mean + spread, color=line.get_color(), alpha=0.15, linewidth=0)
    ax.set(xlabel="trials", ylabel="best score so far", ylim=(0, 1))
    ax.legend(loc="lower right")
    return ax


def draw_landscape(
    rates: np.ndarray, decays: np.ndarray, scores: np.ndarray, points: Mapping[str, np.ndarray]
) -> Sequence[Axes]:
    """The scores (rates, decays) as a map, once for each set of points (n, 2): rate, decay."""
    figure, axes = plt.subplots(1, len(points), figsize=(4.6 * len(points), 3.6), sharey=True, squeeze=False)
    for ax, (name, places) in zip(axes[0], points.items(), strict=True):
        image = ax.pcolormesh(rates, decays, scores.T, vmin=0, vmax=1)
        ax.plot(*places.T, "o", color="white", markeredgecolor="black")
        ax.plot(places[:, 0], np.full(len(places), decays.min()), "^", color=ORANGE, clip_on=False, zorder=3)
        ax.set(xscale="log", yscale="log", xlabel="learning rate", title=name)
    axes[0, 0].set_ylabel("weight decay")
    figure.colorbar(image, ax=axes[0], label="accuracy")
    return axes[0]


def plot_settings(settings: np.ndarray, scores: np.ndarray, names: Sequence[str]) -> Sequence[Axes]:
    """A panel for each setting: all trials by this setting alone; settings (K, S), scores (K,)."""
    axes = plt.subplots(1, len(names), figsize=(9.6, 3), sharey=True)[1]
    for ax, values, name in zip(axes, settings.T, names, strict=True):
        ax.semilogx(values, scores, "o", markersize=4, alpha=0.5)
        ax.set(xlabel=name)
    axes[0].set_ylabel("accuracy")
    return axes


def draw_proposal(
    places: np.ndarray,
    scores: np.ndarray,
    good: np.ndarray,
    line: np.ndarray,
    densities: Sequence[np.ndarray],
) -> Sequence[Axes]:
    """Trials (above) and the densities of the good and of the others along a line (below). -> the Axes."""
    axes = plt.subplots(2, 1, figsize=(7, 4.4), sharex=True)[1]
    for chosen, colour, marker, name in (
        (good, ORANGE, "D", "best quarter"),
        (~good, BLUE, "o", "the others"),
    ):
        axes[0].plot(places[chosen], scores[chosen], marker, color=colour, label=name, linestyle="none")
    for density, colour, style, name in zip(
        densities, (ORANGE, BLUE), ("-", "--"), ("of the best", "of the others"), strict=True
    ):
        axes[1].plot(line, density, style, color=colour, label=name)
    next_one = line[np.argmax(densities[0] / densities[1])]
    for ax in axes:
        ax.axvline(next_one, color="black", linestyle=":", label="next trial")
        ax.legend(fontsize=9)
    axes[0].set(ylabel="accuracy")
    axes[1].set(xlabel="place of the learning rate in its range", ylabel="density")
    return axes


def plot_best_of(p: float, n: int, ks: Sequence[int], best: Sequence[float]) -> Axes:
    """The expected best of k scores, each from n rows, of models that are all right with probability p."""
    ax = plt.subplots(figsize=(6.4, 3.2))[1]
    ax.semilogx(ks, best, "o-", label="expected best")
    ax.axhline(p, color="black", linestyle="--", label="each of them, in truth")
    ax.set(xlabel="number of models compared", ylabel="validation score", ylim=(0.5, 1.02), title=f"{n} rows")
    ax.legend(loc="lower right")
    return ax
