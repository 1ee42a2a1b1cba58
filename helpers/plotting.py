"""Pictures: take data and an optional Axes, draw, return the Axes, never touch the model.

Colours are Okabe and Ito's (2008) set, told apart with any common colour-vision deficiency; sequential
maps are viridis, which also reads in grey. Importing this module sets the style once: 100 dpi, type
that reads from the back row, and a font with Chinese glyphs behind the default one if there is one.
"""

from collections.abc import Sequence
from itertools import cycle
from typing import Any
from unicodedata import east_asian_width

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
CJK_FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "SimHei",
    "Noto Sans SC",
)


def cjk_font() -> str | None:
    """Name of the first installed font known to hold Chinese glyphs, or None."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in CJK_FONTS if name in installed), None)


def use_course_style() -> None:
    """Set matplotlib's defaults for the course; done once when a plotting helper is first imported."""
    fonts = ["DejaVu Sans"] + ([cjk_font()] if cjk_font() else [])
    plt.rcParams.update(
        {
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "figure.figsize": (6.4, 3.8),
            "figure.constrained_layout.use": True,
            "font.family": fonts,
            "font.size": 12,
            "axes.titlesize": 13,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": plt.cycler(color=PALETTE),
            "axes.grid": False,
            "lines.linewidth": 2,
            "image.cmap": "viridis",
            "legend.frameon": False,
        }
    )


use_course_style()


def axes_or_new(ax: Axes | None, **options: Any) -> Axes:
    """The Axes handed in, or where it is None those of a new figure; options: as plt.subplots takes them."""
    return ax if ax is not None else plt.subplots(**options)[1]


def show_images(
    images: Any, titles: Sequence[str] | None = None, *, ncols: int = 8, size: float = 1.1, vmax: float = 1.0
) -> np.ndarray:
    """Draw images (N, H, W) or (N, 1 or 3, H, W), values 0 to ``vmax``, in a grid; returns the Axes (N,).

    Values outside that range are drawn as the nearer end of it. ``titles`` holds one text per image, ``size``
    is the side of one image in inches. Raises ValueError for another shape, no images, or a number of titles
    other than N.
    """
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[1] in (1, 3):
        colour = images.shape[1] == 3  # matplotlib scales grey pictures only
        images = np.clip(images.transpose(0, 2, 3, 1) / vmax, 0, 1) if colour else images[:, 0]
    elif images.ndim != 3:
        raise ValueError(f"images have shape {images.shape}; expected (N, H, W) or (N, 1 or 3, H, W)")
    n = len(images)
    if n == 0:
        raise ValueError("no images to show")
    if titles is not None and len(titles) != n:
        raise ValueError(f"{len(titles)} titles for {n} images")
    ncols = min(ncols, n)
    nrows = -(-n // ncols)
    title_lines = 0 if titles is None else 1 + max(str(title).count("\n") for title in titles)
    height = nrows * (size + 0.22 * title_lines)
    _, grid = plt.subplots(nrows, ncols, figsize=(ncols * size, height), squeeze=False)
    for ax in grid.flat:
        ax.set_axis_off()
    for i, (ax, image) in enumerate(zip(grid.flat, images, strict=False)):
        ax.imshow(image, cmap="gray", vmin=0, vmax=vmax)
        if titles is not None:
            ax.set_title(titles[i], fontsize=10)
    return grid.flat[:n]


def plot_history(
    history: list[dict], *, keys: Sequence[str] = ("loss", "val_loss"), ax: Axes | None = None
) -> Axes:
    """Draw the named columns of ``Run.history`` against the epoch; returns the Axes.

    Raises ValueError for an empty history or a key that no row holds.
    """
    if not history:
        raise ValueError("the history is empty: train for at least one epoch first")
    columns = list(dict.fromkeys(key for row in history for key in row))
    for key in keys:
        if key not in columns:
            raise ValueError(f"history has no {key!r}; it has {', '.join(columns)}")
    ax = axes_or_new(ax)
    for key, marker in zip(keys, cycle("os^vD*")):
        rows = [row for row in history if key in row]
        ax.plot([row["epoch"] for row in rows], [row[key] for row in rows], marker=marker, label=key)
    ax.set_xlabel("epoch")
    ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    ax.legend()
    return ax


def plot_confusion(matrix: Any, names: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Draw a confusion matrix of counts (C, C), rows true, columns predicted; returns the Axes.

    Colour is the share of the row, so that rare classes can be compared with common ones; the diagonal is
    left white, so that the mistakes stand out. Raises ValueError if shape and names disagree.
    """
    matrix = np.asarray(matrix)
    if matrix.shape != (len(names), len(names)) or not len(names):
        raise ValueError(f"matrix {matrix.shape} and {len(names)} names do not fit: (C, C) and C are needed")
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    side = max(4.2, 0.52 * len(names))
    ax = axes_or_new(ax, figsize=(side + 0.6, side))
    mistakes = np.where(np.eye(len(names), dtype=bool), 0, share)
    ax.imshow(mistakes, cmap="Blues", vmin=0, vmax=max(0.25, mistakes.max() * 1.4))
    for i, j in np.ndindex(*matrix.shape):
        if matrix[i, j]:
            weight = "bold" if i == j else None
            ax.text(j, i, matrix[i, j], ha="center", va="center", fontsize=10, weight=weight)
    ax.set_xticks(range(len(names)), names, rotation=45 if max(map(len, names)) > 2 else 0, ha="center")
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    return ax


def _inches(texts: Sequence[str]) -> float:
    """About the width of the widest line of the texts at 12 points; Chinese signs are twice as wide."""
    lines = [line for text in texts for line in text.split("\n")]
    return max(sum(0.17 if east_asian_width(sign) in "WF" else 0.1 for sign in line) for line in lines)


def draw_layers(
    names: Sequence[str],
    shapes: Sequence[Any],
    *,
    skips: Sequence[tuple[int, int]] = (),
    per_row: int = 4,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw L layers as boxes, left to right, with the shape of what flows on every arrow; returns the Axes.

    ``names`` (L) stand in the boxes ("\n" breaks a line). ``shapes`` (L + 1) stand under the arrows: what
    goes into the first layer, from each to the next, and out of the last; each is a tuple such as (16, 8, 8)
    or a text such as "N × 16". After ``per_row`` layers a new row begins, which repeats the shape.
    ``skips`` are shortcuts as in a residual block: (first, last), numbered from 0, goes from the arrow before
    layer ``first`` over the boxes to a plus on the arrow after layer ``last``.

        draw_layers(["3 × 3 conv", "ReLU", "3 × 3 conv"], [(16, 8, 8)] * 4, skips=[(0, 2)])

    Axes of your own need about 2.2 inches for each layer of a row. Raises ValueError for no layers, a number
    of shapes other than L + 1, and a shortcut that leaves its row.
    """
    count = len(names)
    if count == 0 or len(shapes) != count + 1 or per_row < 1:
        raise ValueError(
            f"{count} layers, {len(shapes)} shapes, per_row={per_row}: at least one layer, one shape before "
            "each and one behind the last, and per_row >= 1"
        )
    for first, last in skips:
        if not 0 <= first <= last < count or first // per_row != last // per_row:
            raise ValueError(
                f"the shortcut ({first}, {last}) must go from a layer to a later one of the same row; there "
                f"are {count} layers, {per_row} in a row: raise per_row?"
            )
    shapes = [text if isinstance(text, str) else " × ".join(map(str, text)) for text in shapes]
    width, arrow = _inches(names) + 0.3, max(0.6, _inches(shapes) + 0.15)
    height = 0.35 + 0.22 * (1 + max(name.count("\n") for name in names))
    step, row_step = width + arrow, height + (1.1 if skips else 0.55)
    columns, rows = min(count, per_row), -(-count // per_row)
    size = (columns * step + arrow, rows * row_step)
    ax = axes_or_new(ax, figsize=size)
    ax.set(xlim=(0, size[0]), ylim=(-size[1], 0))
    ax.set_axis_off()

    def place(layer: int) -> tuple[float, float]:  # left end of the arrow into it, and the height of its row
        return layer % per_row * step, -(layer // per_row + 1) * row_step + 0.3 + height / 2

    line = dict(arrowstyle="-|>", color="black", linewidth=2, shrinkA=0, shrinkB=0, mutation_scale=15)
    for layer, name in enumerate(names):
        x, y = place(layer)
        look = {"facecolor": "#DCEBF5", "edgecolor": PALETTE[0], "linewidth": 2}
        ax.add_patch(plt.Rectangle((x + arrow, y - height / 2), width, height, **look))
        ax.text(x + arrow + width / 2, y, name, ha="center", va="center")
        ends_row = layer % per_row == per_row - 1 or layer == count - 1
        for start, shape in [(x, shapes[layer])] + [(x + step, shapes[layer + 1])] * ends_row:
            ax.annotate("", (start + arrow, y), (start, y), arrowprops=line)
            ax.text(start + arrow / 2, y - 0.15, shape, ha="center", va="top", fontsize=11)
    for first, last in skips:
        (start, y), end = place(first), place(last)[0] + step + arrow / 2
        start, top = start + arrow / 3, y + height / 2 + 0.25
        ax.plot([start, start, end], [y, top, top], color=PALETTE[1])
        ax.annotate("", (end, y + 0.12), (end, top), arrowprops=line | {"color": PALETTE[1]})
        ring = {"markersize": 17, "markerfacecolor": "white", "markeredgewidth": 2, "zorder": 5}
        ax.plot(end, y, marker="o", color=PALETTE[1], **ring)
        ax.plot(end, y, marker="+", color=PALETTE[1], **ring | {"markersize": 9})
    return ax


def draw_grid(
    values: Any,
    *,
    window: tuple[int, int, int, int] | None = None,
    shade: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a matrix (H, W) as a grid with its numbers, a window of it outlined; returns the Axes.

    ``window`` is (top row, left column, height, width), numbered from 0: what a kernel sees at one place.
    Decimals are written with up to two places; nan is an empty place, so a table with holes can be drawn
    too. With ``shade`` numbers above 0 are blue, those below 0 orange; the larger, the deeper.

        draw_grid([[1, 2, 0], [0, 3, 1], [2, 0, 1]], window=(0, 1, 2, 2))

    Raises ValueError for another shape, no numbers, and a window that is not inside.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"values have shape {values.shape}; expected (H, W), at least one number")
    rows, columns = values.shape
    if window is not None:
        top, left, height, width = window
        if min(top, left) < 0 or min(height, width) < 1 or top + height > rows or left + width > columns:
            raise ValueError(
                f"window={window} (top, left, height, width) does not lie inside the grid of {rows} rows and "
                f"{columns} columns"
            )
    places = np.argwhere(~np.isnan(values))
    texts = [f"{values[row, column]:.2f}" for row, column in places]
    if all(text.endswith(".00") for text in texts):
        texts = [text.removesuffix(".00") for text in texts]
    across = max(0.5, _inches(texts or [""]) + 0.2)
    ax = axes_or_new(ax, figsize=(columns * across + 0.2, rows * 0.5 + 0.2))
    largest = np.nanmax(np.abs(values), initial=0) or 1.0
    share = (np.nan_to_num(values) / largest * shade)[..., None]
    blue, orange = np.array(to_rgb(PALETTE[0])), np.array(to_rgb(PALETTE[1]))
    colours = 1 - 0.55 * np.abs(share) * (1 - np.where(share > 0, blue, orange))  # black can be read on all
    ax.imshow(colours, aspect="auto")
    for (row, column), text in zip(places, texts, strict=True):
        ax.text(column, row, "0" if float(text) == 0 else text.replace("-", "−"), ha="center", va="center")
    ax.hlines(np.arange(rows + 1) - 0.5, -0.5, columns - 0.5, color="0.6", linewidth=1)
    ax.vlines(np.arange(columns + 1) - 0.5, -0.5, rows - 0.5, color="0.6", linewidth=1)
    if window is not None:
        outline = {"fill": False, "edgecolor": PALETTE[6], "linewidth": 4, "zorder": 3, "clip_on": False}
        ax.add_patch(plt.Rectangle((left - 0.5, top - 0.5), width, height, **outline))
    ax.set_axis_off()
    return ax


def draw_attention(
    weights: Any, words: Sequence[str], *, queries: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw attention weights (Q, K) over K words, one row per query; returns the Axes.

    Row i shows how query i divides its attention among the ``words`` above, each weight 0 to 1 (after the
    softmax). The queries are the words themselves unless ``queries`` (Q) names others, as in translation.
    Weights of exactly 0, which a mask leaves, stay white. Up to ten words each weight is written in its
    place; beyond that a bar beside the map says what the colours mean.

        draw_attention([[1, 0], [0.3, 0.7]], ["the", "cat"])

    Raises ValueError for another shape (pick one head of one example first) and weights outside 0 … 1.
    """
    weights = np.asarray(weights, dtype=float)
    queries = words if queries is None else queries
    if weights.shape != (len(queries), len(words)) or not weights.size:
        raise ValueError(
            f"weights {weights.shape}, {len(queries)} queries and {len(words)} words do not fit: weights "
            "must be (Q, K); of several heads or examples pick one"
        )
    if not ((weights >= 0) & (weights <= 1 + 1e-6)).all():  # nan too
        raise ValueError(
            f"weights go from {weights.min():g} to {weights.max():g}: they must be 0 to 1, as from a softmax"
        )
    across = max(0.55, 0.75 * _inches(words) if max(map(len, words)) > 4 else 0)
    size = (len(words) * across + _inches(queries) + 0.6, len(queries) * 0.5 + 0.4 + 0.75 * _inches(words))
    ax = axes_or_new(ax, figsize=size)
    image = ax.imshow(np.ma.masked_equal(weights, 0), vmin=0, vmax=weights.max(), aspect="auto")
    if len(words) <= 10:
        for row, column in zip(*weights.nonzero(), strict=True):
            weight = weights[row, column]
            colour = "black" if weight > 0.6 * weights.max() else "white"
            ax.text(column, row, f"{weight:.2f}", ha="center", va="center", color=colour, fontsize=11)
    else:
        ax.figure.colorbar(image, ax=ax, label="weight")
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set_xticks(range(len(words)), words, rotation=45, ha="left", rotation_mode="anchor")
    ax.set_yticks(range(len(queries)), queries)
    ax.tick_params(length=0)
    ax.set(xlabel="key", ylabel="query")
    return ax
