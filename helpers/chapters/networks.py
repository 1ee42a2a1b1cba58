"""Drawings for section 3.1: a border between two classes, and a small network with its numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from helpers.plotting import PALETTE, axes_or_new

BLUE, ORANGE = PALETTE[:2]


def plot_border(predict: Callable[[np.ndarray], Any], X: Any, y: Any, *, ax: Axes | None = None) -> Axes:
    """Colour the plane by what ``predict`` says, and draw the points X (N, 2) of classes y (N,), 0 or 1.

    ``predict`` takes points (M, 2) and returns a number for each, (M,): class 1 where it is above 0.5.
    Returns the Axes. Raises ValueError for points that are not in a plane.
    """
    X, y = np.asarray(X, dtype=float), np.asarray(y)
    if X.ndim != 2 or X.shape[1] != 2:
        raise ValueError(f"X has shape {X.shape}; points in a plane have (N, 2)")
    ax = axes_or_new(ax, figsize=(4.2, 3.8))
    edge = 0.15 * (X.max(axis=0) - X.min(axis=0)) + 0.1
    low, high = X.min(axis=0) - edge, X.max(axis=0) + edge
    across, up = np.meshgrid(*(np.linspace(a, b, 200) for a, b in zip(low, high, strict=True)))
    says = np.asarray(predict(np.c_[across.ravel(), up.ravel()]), dtype=float).reshape(across.shape)
    ax.contourf(across, up, says, levels=[-np.inf, 0.5, np.inf], colors=[BLUE, ORANGE], alpha=0.2)
    for label, colour, marker in ((0, BLUE, "o"), (1, ORANGE, "s")):
        ax.scatter(
            *X[y == label].T,
            c=colour,
            marker=marker,
            s=18 if len(X) > 20 else 90,
            edgecolors="white",
            linewidths=0.4,
        )
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="x₁", ylabel="x₂")
    return ax


def draw_network(
    layers: Sequence[Any],
    weights: Sequence[Any],
    *,
    titles: Sequence[str] = (),
    slopes: Sequence[Any] = (),
    weight_slopes: Sequence[Any] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw units as circles with their values, and connections as lines with their weights.

    ``layers`` holds one array (n,) a layer, ``weights`` one matrix (n, m) between each and the next.
    ``slopes`` (of the same shapes as ``layers``, None for a layer without) and ``weight_slopes`` are
    written beside them in orange: how fast the loss grows with each. Returns the Axes.  Raises ValueError
    where a matrix does not fit its two layers.
    """
    layers = [np.asarray(layer, dtype=float) for layer in layers]
    sizes = [len(layer) for layer in layers]
    for place, matrix in enumerate(weights):
        if np.shape(matrix) != (sizes[place], sizes[place + 1]):
            raise ValueError(
                f"weights {place} have shape {np.shape(matrix)}; between layers of {sizes[place]} and "
                f"{sizes[place + 1]} units it must be {(sizes[place], sizes[place + 1])}"
            )
    ax = axes_or_new(ax, figsize=(2.3 * len(layers), 1.05 * max(sizes) + 0.3))
    at = [[(2.6 * column, (n - 1) / 2 - row) for row in range(n)] for column, n in enumerate(sizes)]
    for place, matrix in enumerate(weights):
        for (i, j), weight in np.ndenumerate(np.asarray(matrix, dtype=float)):
            (x0, y0), (x1, y1) = at[place][i], at[place + 1][j]
            ax.plot([x0, x1], [y0, y1], color="gray", lw=0.6 + 0.8 * min(abs(weight), 3), alpha=0.5, zorder=1)
            slope = weight_slopes[place][i][j] if len(weight_slopes) else None
            _weight(ax, x0 + 0.3 * (x1 - x0), y0 + 0.3 * (y1 - y0), weight, slope)
    for place, layer in enumerate(layers):
        for row, value in enumerate(layer):
            x, y = at[place][row]
            ax.scatter([x], [y], s=1500, c="white", edgecolors=BLUE, linewidths=2, zorder=3)
            slope = slopes[place][row] if len(slopes) and slopes[place] is not None else None
            _value(ax, x, y, value, slope)
        if len(titles):
            ax.text(at[place][0][0], max(sizes) / 2 - 0.05, titles[place], ha="center", va="bottom")
    ax.set(xlim=(-0.5, 2.6 * (len(layers) - 1) + 0.5), ylim=(-max(sizes) / 2 + 0.1, max(sizes) / 2 + 0.25))
    ax.set_axis_off()
    return ax


def _value(ax: Axes, x: float, y: float, value: float, slope: float | None) -> None:
    """The value of a unit, and below it in orange how fast the loss grows with it."""
    lift = 0 if slope is None else 0.1
    ax.text(x, y + lift, f"{value:.3g}", ha="center", va="center", zorder=4)
    if slope is not None:
        ax.text(x, y - lift, f"{slope:.3g}", ha="center", va="center", color=ORANGE, zorder=4)


def _weight(ax: Axes, x: float, y: float, weight: float, slope: float | None) -> None:
    """A weight, and to its right in orange how fast the loss grows with it."""
    style = {"va": "center", "fontsize": 9, "zorder": 4}
    style["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    ax.text(x, y, f"{weight:.3g}", ha="center" if slope is None else "right", **style)
    if slope is not None:
        ax.text(x + 0.03, y, f"{slope:.3g}", ha="left", color=ORANGE, **style)


def draw_graph(end: Any, *, ax: Axes | None = None) -> Axes:
    """Draw how ``end`` was computed: a box for each value, from the inputs on the left to ``end``.

    A value has ``name``, ``data`` (a number or an array), ``grad`` and ``parents``, the values that it was
    made from. A number is shown with its slope, if that is not None, in orange; of an array its shape.
    Returns the Axes.
    """
    depth, users, order = {end: 0}, {end: []}, [end]
    for value in order:  # grows while we walk
        for parent in value.parents:
            users.setdefault(parent, []).append(value)
            if depth.get(parent, -1) < depth[value] + 1:
                depth[parent] = depth[value] + 1
                order.append(parent)  # again, so that what it was made from moves left with it
    columns = [[] for _ in range(max(depth.values()) + 1)]
    for value in dict.fromkeys(order):
        columns[depth[value]].append(value)
    height, tallest = {}, max(map(len, columns))
    for column in columns:
        column.sort(key=lambda value: -np.mean([height[user] for user in users[value]] or [0]))
        step = min(tallest / len(column), 1.6)
        height.update({value: ((len(column) - 1) / 2 - row) * step for row, value in enumerate(column)})
    jumps = any(depth[parent] > depth[value] + 1 for value in depth for parent in value.parents)
    above = 0.8 if jumps else 0.15  # room for arrows that go round the boxes in between
    ax = axes_or_new(ax, figsize=(1.65 * len(columns), 0.75 * (tallest + above + 0.4)))
    box = {"boxstyle": "round", "facecolor": "#DCEBF5", "edgecolor": BLUE}
    boxes = {}
    for value in depth:
        x, y = -depth[value], height[value]
        number = np.ndim(value.data) == 0
        text = f"{value.name}\n" + (f"{value.data:.4g}" if number else " × ".join(map(str, value.data.shape)))
        boxes[value] = ax.text(x, y, text, ha="center", va="center", fontsize=10, bbox=box, zorder=3)
        if number and value.grad is not None:
            ax.text(x, y - 0.36, f"{float(value.grad):.4g}", ha="center", va="top", color=ORANGE, fontsize=10)
    for value in depth:
        for parent in set(value.parents):
            far = depth[parent] > depth[value] + 1
            for bend in (0.3, -0.3) if list(value.parents).count(parent) > 1 else (-0.3 if far else 0,):
                ends = [(-depth[one], height[one]) for one in (value, parent)]
                arrow = {"arrowstyle": "-|>", "color": "gray", "connectionstyle": f"arc3,rad={bend}"}
                patches = {"patchA": boxes[parent].get_bbox_patch(), "patchB": boxes[value].get_bbox_patch()}
                ax.annotate("", *ends, arrowprops=arrow | patches | {"shrinkA": 2, "shrinkB": 2})
    ax.set(xlim=(0.5 - len(columns), 0.5), ylim=(-tallest / 2 - 0.25, tallest / 2 + above))
    ax.set_axis_off()
    return ax
