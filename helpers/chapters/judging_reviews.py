"""What 5.3h and 5.3i need beside BERT: a counter of words, pictures, attention, and long texts."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

PRAISE = """good great excellent wonderful lovely best perfect friendly love loved enjoyed happy recommend
fantastic superb amazing beautiful clean comfortable brilliant"""
BLAME = """bad terrible awful worst dirty rude boring hated broken disappointing waste disappointed useless
poor horrible slow unfriendly noisy avoid annoying"""
NEUTRAL = (
    "The house stands at the corner of two streets.",
    "It has four floors.",
    "The door is painted green.",
    "We went there on a Tuesday.",
    "The bus stops opposite.",
    "There is a clock above the counter.",
    "My cousin lives in the next town.",
    "The receipt is printed on white paper.",
    "It was about six o'clock.",
    "The number is on the back.",
    "A map hangs beside the lift.",
    "Others had come by train.",
    "The chairs are made of wood.",
    "It opened in the spring.",
    "Two people were in front of us.",
)


def word_counter() -> Pipeline:
    """TF-IDF of words and pairs of words, then a logistic regression, not yet fitted."""
    words = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", ngram_range=(1, 2))
    return make_pipeline(words, LogisticRegression(C=10))


def plain_words(text: str) -> int:
    """How many of twenty plain words of praise and twenty of blame a text holds."""
    return len(set(re.findall(r"[a-z]+", text.lower())) & {*PRAISE.split(), *BLAME.split()})


def plot_accuracies(shares: Mapping[str, float], n: int) -> Axes:
    """Draw shares counted on ``n`` reviews as points, each with its standard error; returns the Axes."""
    _, ax = plt.subplots(figsize=(8, 3))
    values = np.array([*shares.values()])
    ax.errorbar(range(len(values)), values, yerr=np.sqrt(values * (1 - values) / n), fmt="o", capsize=5)
    for place, share in enumerate(values):
        ax.text(place + 0.1, share, f"{share:.3f}", va="center", fontsize=11)
    ax.axhline(0.5, color="gray", linestyle="--")
    ax.set_xticks(range(len(values)), [name.replace(" ", "\n") for name in shares])
    ax.set(ylabel="verdicts right", ylim=(0.48, 0.75), xlim=(-0.5, len(values) - 0.3))
    return ax


def plot_by_kind(kinds: Sequence[str], right: Mapping[str, Any]) -> Axes:
    """Draw the share right of each kind for each method, with standard errors at 0.7; returns the Axes.

    kinds: N names; right: method -> N numbers, 1 where it was right.
    """
    kinds = np.asarray(kinds)
    names = sorted(set(kinds))
    counts = np.array([(kinds == name).sum() for name in names])
    _, ax = plt.subplots(figsize=(7.5, 3))
    for place, (method, found) in enumerate(right.items()):
        shares = [np.asarray(found)[kinds == name].mean() for name in names]
        x = np.arange(len(names)) + 0.2 * (place - (len(right) - 1) / 2)
        ax.errorbar(x, shares, yerr=np.sqrt(0.21 / counts), fmt="o", capsize=4, label=method)
    ax.set_xticks(range(len(names)), [f"{name}\n{n}" for name, n in zip(names, counts, strict=True)])
    ax.axhline(0.5, color="gray", linestyle="--")
    ax.set(ylabel="share right", ylim=(0.2, 1))
    ax.legend(fontsize=10)
    return ax


def draw_lora(width: int, rank: int) -> Axes:
    """Draw W + α/r · B A as boxes: a frozen square, and the two thin matrices that are trained."""
    _, ax = plt.subplots(figsize=(8, 3))
    boxes = (
        (0, 0, 3, 3, f"W\n{width} × {width}\nfrozen", "0.85"),
        (4.6, 0, 0.5, 3, "B", "#DCEBF5"),
        (5.5, 2.5, 3, 0.5, "A", "#DCEBF5"),
    )
    for x, y, wide, high, name, colour in boxes:
        ax.add_patch(plt.Rectangle((x, y), wide, high, facecolor=colour, edgecolor="0.3"))
        ax.text(x + wide / 2, y + high / 2, name, ha="center", va="center")
    ax.text(3.8, 1.5, r"$+\;\frac{\alpha}{r}\;\cdot$", ha="center", va="center", fontsize=18)
    ax.text(4.85, -0.35, f"{width} × {rank}", ha="center", fontsize=11)
    ax.text(7, 2.1, f"{rank} × {width}", ha="center", fontsize=11)
    ax.set(xlim=(-0.1, 8.7), ylim=(-0.6, 3.1), aspect="equal")
    ax.set_axis_off()
    return ax


def draw_windows(starts: Sequence[int], size: int, length: int) -> Axes:
    """Draw a text of ``length`` numbered tokens and, below it, each window of ``size`` tokens."""
    _, ax = plt.subplots(figsize=(7.5, 0.45 * (len(starts) + 1.5)))
    rows = [(0, length, "white"), *((start, size, "#DCEBF5") for start in starts)]
    for place, (start, count, colour) in enumerate(rows):
        for token in range(start, start + count):
            ax.add_patch(plt.Rectangle((token, -place), 0.92, 0.8, facecolor=colour, edgecolor="0.3"))
            ax.text(token + 0.46, 0.4 - place, str(token), ha="center", va="center", fontsize=10)
    for place, name in enumerate(["text", *(f"window {i}" for i in range(len(starts)))]):
        ax.text(-0.3, 0.4 - place, name, ha="right", va="center", fontsize=11)
    ax.set(xlim=(-2.6, length), ylim=(-len(starts) - 0.1, 1))
    ax.set_axis_off()
    return ax


def long_texts(rows: Sequence[dict], most: int, by: str = "label") -> dict[str, tuple[Sequence, Sequence]]:
    """Long texts made of reviews, at most ``most`` of either kind: {kind: (texts, what they are about)}.

    "joined": three reviews that agree in ``by``, "label" or "domain"; "hidden": one review among fifteen
    neutral sentences.
    """
    draw = np.random.default_rng(0)
    joined, hidden = [], []
    for label in sorted({row[by] for row in rows}):
        mine = draw.permutation([row["en"] for row in rows if row[by] == label])
        joined += [(" ".join(mine[i : i + 3]), label) for i in range(0, len(mine) - 2, 3)]
    for row in rows:
        around = [*draw.permutation(NEUTRAL)]
        around.insert(draw.integers(len(around) + 1), row["en"])
        hidden.append((" ".join(around), row[by]))
    return {
        kind: tuple(zip(*[texts[i] for i in draw.permutation(len(texts))[:most]], strict=True))
        for kind, texts in (("joined", joined), ("hidden", hidden))
    }
