"""Pictures for chapter 7, section 1: tables of stars with holes, lists with their hits, a map of films.

They are drawn from what is given and never change it. U users, I items.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from helpers.plotting import PALETTE, draw_grid

STARS = {"vmin": 0.5, "vmax": 5.0, "cmap": "viridis"}


def draw_product(
    table: Any, U: Any, V: Any, mean: float, people: Sequence[str], films: Sequence[str]
) -> np.ndarray:
    """Draw table (U, I), nan being a hole, as about ``mean`` + U (U, K) times Vᵀ (K, I); returns the Axes.

    Raises ValueError for shapes and names that do not fit.
    """
    table, U, V = (np.asarray(array, dtype=float) for array in (table, U, V))
    if table.shape != (len(people), len(films)) or U.shape[1:] != V.shape[1:]:
        raise ValueError(
            f"table {table.shape}, U {U.shape}, V {V.shape}: (U, I), (U, K) and (I, K) are needed"
        )
    wide, high, gap, top = 0.6, 0.42, 1.35, 1.0  # inches
    sizes = [numbers.shape for numbers in (table, U, V.T)]
    left = np.cumsum([0.7, sizes[0][1] * wide + gap, sizes[1][1] * wide + 0.5])
    total = (left[2] + sizes[2][1] * wide + 0.6, top + len(people) * high + 0.1)
    figure, axes = plt.figure(figsize=total), []
    figure.set_layout_engine("none")
    for x, (rows, columns), numbers in zip(left, sizes, (table, U, V.T), strict=True):
        box = (x, total[1] - top - rows * high, columns * wide, rows * high)
        ax = figure.add_axes(np.array(box) / np.tile(total, 2))
        axes.append(draw_grid(numbers, shade=numbers is not table, ax=ax))
    for ax in (axes[0], axes[2]):
        for place, film in enumerate(films):
            ax.text(place - 0.15, -0.65, film, rotation=40, ha="left", va="bottom", fontsize=11)
    for ax in axes[:2]:
        for place, person in enumerate(people):
            ax.text(-0.65, place, person, ha="right", va="center", fontsize=11)
    middle = 1 - (top + len(people) * high / 2) / total[1]
    figure.text((left[1] - 0.95) / total[0], middle, f"≈ {mean:g} +", ha="center", va="center", fontsize=15)
    figure.text((left[2] - 0.25) / total[0], 1 - (top + high) / total[1], "×", ha="center", fontsize=15)
    under = 1 - (top + U.shape[1] * high + 0.15) / total[1]
    figure.text((left[2] + 0.1) / total[0], under, f"U {U.shape} times Vᵀ {V.T.shape}", va="top", fontsize=11)
    return np.array(axes)


def draw_tables(tables: Mapping[str, Any]) -> np.ndarray:
    """Draw tables of stars (U, I) under their titles, nan (a hole) in white; returns the Axes."""
    _, axes = plt.subplots(1, len(tables), figsize=(4.6 * len(tables), 4.2), squeeze=False)
    for ax, (title, table) in zip(axes[0], tables.items(), strict=True):
        image = ax.imshow(np.asarray(table, dtype=float), interpolation="nearest", **STARS)
        ax.set(title=title, xlabel="films", xticks=[], yticks=[])
    axes[0, 0].set_ylabel("people")
    plt.colorbar(image, ax=axes[0], label="stars")
    return axes[0]


def draw_lists(lists: Mapping[str, Sequence[str]], hits: Any = ()) -> Axes:
    """Draw lists of texts as columns, the first place on top; hits are blue boxes; returns the Axes.

    hits: texts, or for each title the texts that count in its column.
    """
    longest = max(map(len, lists.values()))
    ax = plt.subplots(figsize=(2.9 * len(lists), 0.4 * longest + 0.7))[1]
    for column, (title, names) in enumerate(lists.items()):
        ax.text(column, -1, title, ha="center", va="center", weight="bold")
        for place, name in enumerate(names):
            hit = name in (hits.get(title, ()) if isinstance(hits, Mapping) else hits)
            colour = {"facecolor": "#9cc9e6" if hit else "white", "edgecolor": PALETTE[0] if hit else "0.8"}
            ax.add_patch(plt.Rectangle((column - 0.47, place - 0.42), 0.94, 0.84, **colour))
            ax.text(column, place, f"✓ {name}" if hit else name, ha="center", va="center", fontsize=12)
    ax.set(xlim=(-0.5, len(lists) - 0.5), ylim=(longest - 0.4, -1.5))
    ax.set_axis_off()
    return ax


def draw_ladder(errors: Mapping[str, float], floor: float = np.nan) -> Axes:
    """Draw each model's RMSE as a dot with its number, the first on top; a dashed floor; returns the Axes."""
    names, values = list(errors)[::-1], list(errors.values())[::-1]
    ax = plt.subplots(figsize=(8, 0.42 * len(names) + 1.2))[1]
    ax.plot(values, names, "o")
    for name, value in zip(names, values, strict=True):
        ax.annotate(f"{value:.3f}", (value, name), (8, -4), textcoords="offset points")
    ax.set_xlabel("RMSE on test, stars")
    ax.margins(x=0.18)  # room for the last number beside its dot
    if not np.isnan(floor):
        ax.axvline(floor, color=PALETTE[1], linestyle="--")
        ax.set_title(f"dashed: the noise floor, {floor:.2f}", color=PALETTE[1])
    return ax


def draw_named_grid(values: Any, rows: Sequence[str], columns: Sequence[str]) -> Axes:
    """Draw a matrix (H, W) as ``draw_grid`` does, with the names of its rows and columns; returns the Axes.

    Raises ValueError where the names are not as many as the rows and columns.
    """
    shape = np.shape(values)
    if shape != (len(rows), len(columns)):
        raise ValueError(f"values have shape {shape}, names {(len(rows), len(columns))}: one each is needed")
    ax = plt.subplots(figsize=(1.3 * len(columns), 0.36 * len(rows) + 1.2))[1]
    draw_grid(values, ax=ax)
    for place, name in enumerate(rows):
        ax.text(-0.65, place, name, ha="right", va="center", fontsize=11)
    for place, name in enumerate(columns):
        ax.text(place, -0.7, name, ha="center", va="bottom", fontsize=11)
    return ax


def draw_splits(times: Any, tests: Mapping[str, Any]) -> np.ndarray:
    """Draw the times (N,) of ratings; tests: title and mask (N,) of each split; returns the Axes."""
    times = np.asarray(times)
    _, axes = plt.subplots(len(tests), 1, figsize=(8, 1.1 * len(tests) + 0.6), sharex=True, squeeze=False)
    height = np.random.default_rng(0).random(len(times))
    for ax, (title, test) in zip(axes[:, 0], tests.items(), strict=True):
        for chosen, colour, label in ((~np.asarray(test), PALETTE[0], "train"), (test, PALETTE[1], "test")):
            ax.scatter(times[chosen], height[chosen], 14, color=colour, label=label)
        ax.set_title(title, loc="left")
        ax.set_yticks([])
    axes[0, 0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    axes[-1, 0].set_xlabel("time")
    return axes[:, 0]


def draw_map(points: Any, groups: Sequence[str], names: Mapping[int, str]) -> Axes:
    """Draw points (N, 2), coloured by group; names says which get their name beside; returns the Axes."""
    points, groups = np.asarray(points), np.asarray(groups)
    ax = plt.subplots(figsize=(8, 5))[1]
    for number, group in enumerate(sorted(set(groups.tolist()))):
        chosen = points[groups == group]
        ax.plot(*chosen.T, "osD^v<>ph*"[number % 10], color=PALETTE[number % 8], markersize=5, label=group)
    for place, name in names.items():
        ax.annotate(name, points[place], (4, 4), textcoords="offset points", fontsize=11)
    ax.set(xlabel="dimension 1", ylabel="dimension 2")
    ax.legend()
    return ax
