"""Planted machines, of which few are about to fail, rare shirts, and the drawings of section 4.1d."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from helpers.data import class_names, load_data
from helpers.plotting import draw_grid

ONE, TWO = ((1.5, 1.0),), ((2.0, 1.5), (-2.0, 1.5))  # middles of the rare clouds
COLOURS = ("0.75", "C1")  # of the classes 0 and 1


def plant(
    n: int,
    seed: int,
    *,
    middles: Sequence[tuple[float, float]] = ONE,
    spread: float = 1.0,
    share: float = 0.02,
    noise: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Readings X (n, 2 + noise) and classes y (n,): 1 with probability ``share``, else 0.

    All readings are normal with spread 1 around 0; the first two of a row of class 1 lie around one of the
    ``middles`` with ``spread``. The last ``noise`` readings have no meaning.
    """
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    X = rng.normal(size=(n, 2 + noise))
    middle = np.array(middles)[rng.integers(len(middles), size=y.sum())]
    X[y == 1, :2] = middle + spread * X[y == 1, :2]
    return X, y


def rare_rows(name: str, split: str, n: int, seed: int, share: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Rows X (n, D) float32 and classes y (n,) float32, 1 with probability ``share``: train, val or test.

    "machines": planted in one cloud, with eight further readings that mean nothing. "fashion-mnist":
    pictures of its own split without repetition, where 1 is a shirt and 0 any other piece; n is at most
    what the split has of these.
    """
    if name == "machines":
        X, y = plant(n, seed + {"train": 0, "val": 100, "test": 200}[split], noise=8)
        return X.astype(np.float32), y.astype(np.float32)
    pictures, shirt = _shirts(name, split)
    rng, others = np.random.default_rng(seed), np.flatnonzero(~shirt)
    n = min(n, len(others))
    y = rng.random(n) < share
    rows = rng.permutation(others)[:n]
    rows[y] = rng.permutation(np.flatnonzero(shirt))[: y.sum()]
    return pictures[rows], y.astype(np.float32)


def rare_splits(name: str, n: int, n_test: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The ``rare_rows`` of train and val, n of each, and of test."""
    return [
        rare_rows(name, split, rows, seed) for split, rows in (("train", n), ("val", n), ("test", n_test))
    ]


@cache
def _shirts(name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    X, y = load_data(name, split)
    return X.reshape(len(X), -1), y == class_names(name).index("Shirt")


def bent(X: np.ndarray) -> np.ndarray:
    """Two readings (N, 2), their squares and their product (N, 5): inputs of a border that can bend."""
    return np.column_stack([X, X**2, X[:, 0] * X[:, 1]])


def draw_machines(
    X: np.ndarray, y: np.ndarray, weights: np.ndarray, bias: float, thresholds: dict[float, str]
) -> np.ndarray:
    """The readings (N, 2) once for each threshold of p = sigmoid(x · weights + bias), with its border.

    ``thresholds`` is {threshold: title}. Returns the Axes.
    """
    _, axes = plt.subplots(1, len(thresholds), figsize=(4.8 * len(thresholds), 4), sharey=True)
    for ax, (threshold, title) in zip(axes, thresholds.items(), strict=True):
        for c, name, size in ((0, "healthy", 3), (1, "failing", 12)):
            ax.scatter(*X[y == c].T, s=size, color=COLOURS[c], label=name)
        z = np.log(threshold / (1 - threshold)) - bias
        ax.axline((z / weights[0], 0), (0, z / weights[1]), color="C0")
        ax.set(xlim=(-4, 5), ylim=(-4, 4.5), xlabel="first reading", title=title)
    axes[0].set_ylabel("second reading")
    axes[0].legend(loc="lower left", markerscale=2)
    return axes


def draw_average_precision(truth: np.ndarray, scores: np.ndarray) -> tuple[Axes, Axes]:
    """Rows by falling score (N,) with their truth (N,) of 0 and 1, and the bars under precision; two Axes."""
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), width_ratios=(1.6, 1))
    draw_grid([scores, truth], ax=left)
    left.set_title("score (above), does it fail? (below)")
    recall, precision = np.cumsum(truth) / truth.sum(), np.cumsum(truth) / np.arange(1, len(truth) + 1)
    width, gains = 1 / truth.sum(), truth == 1
    right.bar(recall[gains] - width / 2, precision[gains], width=width, color="C5", edgecolor="w")
    right.plot(recall, precision, "o-")
    right.set(xlabel="recall", ylabel="precision", ylim=(0, 1.08))
    return left, right


def draw_two_curves(alarms: np.ndarray, recall: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """ROC and precision over recall, each (M,), as the threshold falls; returns the Axes."""
    _, axes = plt.subplots(1, 2, figsize=(8.6, 3.2))
    axes[0].plot(alarms, recall)
    axes[0].set(xlabel="false-alarm rate", ylabel="recall")
    axes[1].plot(recall, precision)
    axes[1].set(xlabel="recall", ylabel="precision", ylim=(0, 1.02))
    return axes


def draw_invented(X: np.ndarray, y: np.ndarray, invented: np.ndarray) -> Axes:
    """Readings (N, 2) of both classes and the points (M, 2) that were invented; returns the Axes."""
    _, ax = plt.subplots(figsize=(6, 3.6))
    for points, size, colour, name in (
        (X[y == 0], 3, COLOURS[0], "zeros"),
        (invented, 4, "C5", "invented"),
        (X[y == 1], 22, COLOURS[1], "ones"),
    ):
        ax.scatter(*points.T, s=size, color=colour, label=name)
    ax.set(xlabel="first reading", ylabel="second reading")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2)
    return ax


def draw_costs(results: dict[str, dict[str, np.ndarray]], never: float) -> np.ndarray:
    """The costs of several ways in several worlds, one point for each draw of the data; returns the Axes.

    ``results`` is {world: {way: (draws, 2)}}: the cost at threshold 0.5 and at the moved one. ``never`` is
    what it costs to claim nothing.
    """
    _, axes = plt.subplots(1, len(results), figsize=(5 * len(results), 4), sharex=True, sharey=True)
    for ax, (world, ways) in zip(axes, results.items(), strict=True):
        for place, costs in enumerate(ways.values()):
            for column, (label, marker) in enumerate((("at 0.5", "o"), ("moved", "s"))):
                height = np.full(len(costs), place + 0.3 * column - 0.15)
                label = label if place == 0 else None
                ax.plot(
                    costs[:, column], height, marker, color=f"C{column + 1}", ms=5, alpha=0.6, label=label
                )
        ax.axvline(never, color="0.6", ls="--")
        ax.set(title=world, xlabel="cost for 1,000 machines", yticks=range(len(ways)), yticklabels=list(ways))
    axes[0].invert_yaxis()
    axes[0].legend(loc="lower left", fontsize=9)
    return axes


def draw_reliability(panels: dict[str, tuple[dict[str, np.ndarray], np.ndarray]]) -> np.ndarray:
    """Reliability in ten bins of equally many rows, on logarithmic axes; returns the Axes.

    ``panels`` is {title: ({repair: logits (N,)}, classes (N,))}. A bin without ones is drawn at 0.0002.
    """
    from sklearn.calibration import calibration_curve

    _, axes = plt.subplots(1, len(panels), figsize=(4.8 * len(panels), 4), sharey=True)
    for ax, (title, (repairs, y)) in zip(axes, panels.items(), strict=True):
        ax.plot([1e-4, 1], [1e-4, 1], "--", color="0.6")
        for (name, z), marker in zip(repairs.items(), "os^D", strict=False):
            so, said = calibration_curve(y, 1 / (1 + np.exp(-z)), n_bins=10, strategy="quantile")
            ax.loglog(said, np.maximum(so, 2e-4), marker + "-", lw=1, label=f"repair: {name}")
        ax.set(title=title, xlabel="p, mean of a bin", xlim=(1e-4, 1), ylim=(1e-4, 1))
    axes[0].set_ylabel("share of ones in the bin")
    axes[0].legend(fontsize=10)
    return axes
