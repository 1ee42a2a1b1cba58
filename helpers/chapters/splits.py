"""For section 4.1: planted data whose truth is known, parts of an experiment, drawings of scores."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy.spatial.distance import cdist

from helpers.data import load_data
from helpers.plotting import PALETTE

BLUE, ORANGE = PALETTE[:2]


def noise(seed: int, rows: int = 60, columns: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    """Inputs without meaning, labels by chance: X (rows, columns), y (rows,) half zeros, half ones."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, columns)), rng.permutation(np.arange(rows) % 2)


def planted(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Two equally frequent classes whose means differ by 0.8 in two of five columns.

    X (rows, 5), y (rows,) of zeros and ones. The best that any model can reach is Φ(0.8 / √2) = 0.714.
    """
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(rows) % 2)
    return rng.normal(size=(rows, 5)) + 0.8 * y[:, None] * [1, 1, 0, 0, 0], y


def recordings(seed: int, persons: int = 40, each: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recordings: ten numbers of a person, and a little noise: X (rows, 10), y (rows,), person (rows,).

    The label, 0 or 1, belongs to the person and is drawn by chance.
    """
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(persons), each)
    X = rng.normal(size=(persons, 10))[person] + 0.5 * rng.normal(size=(len(person), 10))
    return X, rng.permutation(np.arange(persons) % 2)[person], person


def pool(name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The first pictures of a set, to be split anew: X float32 (rows, D) in [0, 1], labels y (rows,).

    ``name`` is one that ``load_data`` knows; its own splits are joined, train first. Raises ValueError where
    they hold fewer rows.
    """
    X, y = load_data(name, "train")
    for split in ("val", "test"):
        if len(X) < rows:
            X, y = map(np.concatenate, zip((X, y), load_data(name, split), strict=True))
    if not 0 < rows <= len(X):
        raise ValueError(f"rows={rows}: {name} has {len(X)} pictures; ask for 1 to {len(X)}")
    return X[:rows].reshape(rows, -1).copy(), y[:rows].copy()


def best_columns(X: np.ndarray, y: np.ndarray, keep: int) -> np.ndarray:
    """The (keep,) columns in which the means of the classes 0 and 1 differ most; X (N, D), y (N,)."""
    gap = abs(X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0))
    return np.argsort(-gap, kind="stable")[:keep]


def brighter_copies(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row, and right after it a copy that is a tenth brighter: (N, D), (N,) -> (2N, D), (2N,)."""
    X, y = np.repeat(X, 2, axis=0), np.repeat(y, 2)
    X[1::2] *= 1.1
    return X, y


def nearest_label(X_train: np.ndarray, y_train: np.ndarray, X: np.ndarray) -> np.ndarray:
    """The label of the nearest training row: X_train (N, D), y_train (N,), X (M, D) -> (M,)."""
    return y_train[cdist(X, X_train, "sqeuclidean").argmin(axis=1)]


def plot_pairs(pairs: Mapping[str, Any]) -> Axes:
    """Two scores of many repetitions, a line of dots each: name -> (repetitions, 2), false and honest.

    The mean difference is written at the right. Returns the Axes.
    """
    ax = plt.subplots(figsize=(8, 1.1 + 0.45 * len(pairs)))[1]
    for place, scores in enumerate(np.asarray(scores) for scores in pairs.values()):
        for side, (colour, marker, label) in enumerate(((ORANGE, "o", "false"), (BLUE, "D", "honest"))):
            height = np.full(len(scores), place - 0.12 + 0.24 * side)
            ax.plot(scores[:, side], height, marker, color=colour, alpha=0.6, label=None if place else label)
        ax.text(1.06, place, f"{(scores[:, 0] - scores[:, 1]).mean():+.2f}", va="center")
    ax.set(yticks=range(len(pairs)), yticklabels=pairs, xlabel="score", xlim=(0.2, 1.15))
    ax.set(xticks=np.arange(0.2, 1.01, 0.2), ylim=(len(pairs) - 0.5, -0.5))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return ax


def draw_counts(y: np.ndarray, ways: Mapping[str, np.ndarray]) -> Sequence[Axes]:
    """Tables side by side, rows by fold and class: y (N,) classes 0, 1, …; ways: name -> fold (N,)."""
    axes = plt.subplots(1, len(ways), figsize=(2.6 * len(ways), 2.7), sharey=True)[1]
    for ax, (name, fold) in zip(axes, ways.items(), strict=True):
        counts = np.zeros((fold.max() + 1, y.max() + 1), dtype=int)
        np.add.at(counts, (fold, y), 1)
        ax.imshow(counts, cmap="Blues", vmin=0, vmax=1.6 * counts.max())
        for (row, column), count in np.ndenumerate(counts):
            ax.text(column, row, count, ha="center", va="center")
        ax.set(title=name, xlabel="class", xticks=range(counts.shape[1]), yticks=range(len(counts)))
    axes[0].set_ylabel("fold")
    return axes


def plot_repetitions(means: np.ndarray, truth: float) -> Axes:
    """A column of dots for each data set, its repetitions, and their mean; means (sets, repetitions)."""
    ax = plt.subplots(figsize=(7.5, 3.2))[1]
    places = np.arange(len(means))
    ax.plot(np.repeat(places, means.shape[1]), means.ravel(), "o", alpha=0.25, label="one cross-validation")
    ax.plot(places, means.mean(axis=1), "D", label="mean of the column")
    ax.axhline(truth, color="black", linestyle="--", label="true accuracy")
    ax.set(xlabel="data set of 100 rows", ylabel="accuracy", xticks=places)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return ax
