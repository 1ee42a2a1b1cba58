"""Drawings of section 5.2: how a GPT is cut and fed, how it draws a character, its cache, its changes.

All take what was computed, draw it, and return the Axes.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from torch import Tensor

from helpers.plotting import PALETTE

BLUE, ORANGE, GREEN, PINK = PALETTE[:4]
PALE = "#DCEBF5"


# ---- the changes of 5.2f and 5.2g ------------------------------------------------------------------------


def draw_turned(queries: Tensor, keys: Tensor, pairs: Sequence[tuple[int, int]]) -> list[Axes]:
    """One query (T, 2) turned by its position, then pairs (query's position, key's): arrows, with scores."""
    axes = plt.subplots(1, 1 + len(pairs), figsize=(4.2 * (1 + len(pairs)), 4.1))[1]
    _circle(axes[0], 1.35, "one query, turned by its position")
    for position, end in enumerate(queries[:5].tolist()):
        _arrow(axes[0], end, BLUE, f"position {position}" if position == 0 else str(position))
    for ax, (of_query, of_key) in zip(axes[1:], pairs, strict=True):
        score = float(queries[of_query] @ keys[of_key])
        _circle(ax, 1.35, f"two back: score {score:.2f}")
        _arrow(ax, queries[of_query].tolist(), BLUE, f"query at {of_query}")
        _arrow(ax, keys[of_key].tolist(), ORANGE, f"key at {of_key}")
    return list(axes)


def draw_normed(before: Tensor, after: Tensor) -> list[Axes]:
    """Vectors (N, 2) before and after a normalisation, as arrows; right the circle on which they end."""
    axes = plt.subplots(1, 2, figsize=(8.4, 4.1))[1]
    for ax, ends, title in zip(
        axes, (before, after), ("queries", "divided by their root mean square"), strict=True
    ):
        size = 1.15 * float(ends.norm(dim=1).max())
        _circle(ax, size, title, radius=2**0.5 if ends is after else None)
        for place, end in enumerate(ends.tolist()):
            text = f"({_short(end[0])}, {_short(end[1])})" if place == 0 else ""
            _arrow(ax, end, ORANGE if place == 0 else BLUE, text)
    return list(axes)


def draw_circles(matrices: dict[str, Tensor], points: int = 8) -> list[Axes]:
    """What matrices (2, 2) make of a circle of radius 1, some points of it numbered; one picture a matrix."""
    axes = plt.subplots(1, len(matrices), figsize=(3.4 * len(matrices), 3.5))[1]
    turn = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    few = np.arange(points) * 2 * np.pi / points
    few = np.stack([np.cos(few), np.sin(few)])
    for ax, (name, matrix) in zip(axes, matrices.items(), strict=True):
        _circle(ax, 1.35, name)
        ax.plot(*(np.asarray(matrix) @ circle), color=BLUE)
        ends = np.asarray(matrix) @ few
        for number, (x, y) in enumerate(ends.T, 1):
            ax.plot(x, y, "o", color=ORANGE)
            ax.annotate(str(number), (x, y), xytext=(1.16 * x, 1.16 * y), ha="center", va="center")
    return list(axes)


def plot_pairs(found: dict[str, Sequence[float]], *, label: str) -> list[Axes]:
    """For each variant but the first: a line for each start, from the variant before to this one."""
    names, values = list(found), list(found.values())
    size = 2.5 * (len(found) - 1), 3.4
    axes = plt.subplots(1, len(found) - 1, figsize=size, sharey=True, squeeze=False)[1][0]
    for ax, name, before, after in zip(axes, names[1:], values[:-1], values[1:], strict=True):
        for one, other in zip(before, after, strict=True):
            fell = other < one
            ax.plot(
                [0, 1], [one, other], "o-" if fell else "o--", color=BLUE if fell else ORANGE, markersize=5
            )
        ax.set_xticks([0, 1], ["without", "with"])
        ax.set_title(
            name.removeprefix("+ ").replace(" ", "\n", 1) if " " in name[2:] else name[2:], fontsize=12
        )
        ax.margins(x=0.25)
    axes[0].set_ylabel(label)
    return list(axes)


# ---- small parts -----------------------------------------------------------------------------------------


def _circle(ax: Axes, size: float, title: str, radius: float | None = None) -> None:
    """Axes of equal scale from -size to size, two thin lines through the origin, a circle if asked for."""
    ax.axhline(0, color="0.8", linewidth=1, zorder=0)
    ax.axvline(0, color="0.8", linewidth=1, zorder=0)
    if radius:
        ax.add_patch(plt.Circle((0, 0), radius, fill=False, edgecolor="0.6", linestyle="--", linewidth=1.5))
    ax.set(xlim=(-size, size), ylim=(-size, size), aspect="equal", title=title)
    ax.set_axis_off()


def _arrow(ax: Axes, end: Sequence[float], colour: str, text: str) -> None:
    """An arrow from the origin, its text beyond its end."""
    line = {"arrowstyle": "-|>", "color": colour, "linewidth": 2.5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, (0, 0), arrowprops=line | {"mutation_scale": 16})
    x, y = end
    out = 7 / max((x * x + y * y) ** 0.5, 1e-9)
    sides = {"ha": "left" if x > 0 else "right", "va": "bottom" if y > 0 else "top"}
    ax.annotate(text, end, xytext=(out * x, out * y), textcoords="offset points", color=colour, **sides)


def _short(number: float) -> str:
    """At most two decimals: 3, 0.85."""
    return f"{number:.2f}".removesuffix(".00")
