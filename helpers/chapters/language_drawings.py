"""Drawings of section 5.2: how a GPT is cut and fed, how it draws a character, its cache, its changes.

All take what was computed, draw it, and return the Axes.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from torch import Tensor, nn

from helpers.plotting import PALETTE

BLUE, ORANGE, GREEN, PINK = PALETTE[:4]
PALE = "#DCEBF5"


# ---- counting and tokens: 5.2a, 5.2b ---------------------------------------------------------------------


def draw_discounts(counts: dict[str, float], D: float, shares: dict[str, float]) -> Axes:
    """Counts after a context as bars: what is kept, what is taken from each, what each is given back."""
    ax = plt.subplots(figsize=(7.2, 3.4))[1]
    for x, (character, count) in enumerate(counts.items()):
        kept = max(count - D, 0)
        ax.bar(x - 0.2, kept, 0.36, color=BLUE)
        ax.bar(x - 0.2, count - kept, 0.36, bottom=kept, color="white", edgecolor=BLUE, hatch="//")
        ax.bar(x + 0.2, kept, 0.36, color=BLUE)
        ax.bar(x + 0.2, shares[character], 0.36, bottom=kept, color=ORANGE)
        ax.text(x + 0.2, kept + shares[character] + 0.05, f"{kept + shares[character]:.2f}", ha="center")
        ax.text(x - 0.2, count + 0.05, f"{count:g}", ha="center")
    taken = plt.Rectangle((0, 0), 1, 1, facecolor="white", edgecolor=BLUE, hatch="//")
    given = plt.Rectangle((0, 0), 1, 1, facecolor=ORANGE)
    ax.legend([taken, given], [f"taken: {D} from each", "given to all, from what was taken"])
    ax.set_xticks(range(len(counts)), list(counts))
    ax.set(
        xlabel="left: as counted. Right: after sharing", ylabel="count", ylim=(0, max(counts.values()) + 0.9)
    )
    return ax


def draw_merge_table(rows: Sequence[tuple[int, str, str, str, int]]) -> Axes:
    """A table of merges as it grows, each row (number of the new token, left part, right part, new, count).

    A part of a character (which decodes to the replacement sign) is a dot.
    """
    ax = plt.subplots(figsize=(8.2, 0.5 * len(rows) + 0.9))[1]
    most = max(times for *_, times in rows)
    for x, text in ((0.4, "number"), (1.9, "pair"), (4.6, "new token"), (6.1, "how often it came")):
        ax.text(x, 0.9, text, ha="left" if x == 6.1 else "center", color="0.35")
    for place, (number, left, right, made, times) in enumerate(rows):
        ax.text(0.4, -place, str(number), ha="center", va="center")
        for x, text, colour in ((1.4, left, BLUE), (2.5, right, BLUE), (4.6, made, ORANGE)):
            box = {"boxstyle": "round", "facecolor": "white", "edgecolor": colour, "linewidth": 1.8}
            shown = "·" if "\ufffd" in text else visible(text)
            ax.text(x, -place, shown, ha="center", va="center", bbox=box)
        arrow = {"arrowstyle": "-|>", "color": "0.35", "linewidth": 1.5}
        ax.annotate("", (3.9, -place), (3.1, -place), arrowprops=arrow)
        ax.barh(-place, 2.2 * times / most, 0.55, left=6.1, color=PALE, edgecolor=BLUE)
        ax.text(6.2, -place, f"{times:,}", va="center")
    ax.set(xlim=(-0.2, 8.5), ylim=(-len(rows) + 0.4, 1.3))
    ax.set_axis_off()
    return ax


# ---- a GPT and its training: 5.2c, 5.2d ------------------------------------------------------------------


def draw_head(T: int, D: int, size: int) -> Axes:
    """One head of attention as products of rectangles to scale, each with its numbers of rows and columns."""
    ax = plt.subplots(figsize=(10.4, 7.6))[1]
    weights, answers = ("weights", T, T), ("answers", T, size)
    rows = [
        [("x", T, D), "·", ("W_q", D, size), "=", ("q", T, size), "k and v\nlikewise"],
        [("q", T, size), "·", ("kᵀ", size, T), "=", ("scores", T, T), "/ √d, mask,\nsoftmax", weights],
        [weights, "·", ("v", T, size), "=", answers, f"{D // size} heads\njoined", ("to c_proj", T, D)],
    ]
    top, right = 0.0, 0.0
    for row in rows:
        tall = max(part[1] for part in row if isinstance(part, tuple))
        middle, at = top - tall / 2, 0.0
        for part in row:
            if isinstance(part, str):
                width = 1.9 * max(map(len, part.split("\n"))) + 6
                ax.text(at + width / 2, middle, part, ha="center", va="center")
                at += width
                continue
            name, high, wide = part
            at += 7
            colour = ORANGE if name in ("scores", "weights") else GREEN if name == "W_q" else BLUE
            look = {"facecolor": PALE, "edgecolor": colour, "linewidth": 2}
            ax.add_patch(plt.Rectangle((at, middle - high / 2), wide, high, **look))
            ax.text(at + wide / 2, middle + high / 2 + 1, name, ha="center", va="bottom")
            ax.text(at + wide / 2, middle - high / 2 - 1, str(wide), ha="center", va="top", fontsize=11)
            ax.text(at - 1, middle, str(high), ha="right", va="center", fontsize=11)
            at += wide
        top, right = top - tall - 16, max(right, at)
    ax.set(xlim=(0, right + 2), ylim=(top + 10, 6), aspect="equal")
    ax.set_axis_off()
    return ax


def boxes_of(gpt: nn.Module, B: int, T: int) -> tuple[list[tuple[str, str, int]], list[tuple[str, str, int]]]:
    """The boxes of a GPT of 5.2c that reads (B, T) tokens, and those of its first block, for `draw_model`."""

    def count(part: nn.Module) -> int:
        return sum(weight.numel() for weight in part.parameters())

    (V, D), block = gpt.wte.weight.shape, gpt.h[0]
    wide = f"{B} × {T} × {D}"
    boxes = [("wte + wpe", wide, count(gpt.wte) + count(gpt.wpe))]
    boxes += [(f"block {place}", wide, count(part)) for place, part in enumerate(gpt.h)]
    boxes += [("ln_f", wide, count(gpt.ln_f)), ("· wteᵀ", f"{B} × {T} × {V}", 0)]
    out = {"ln_1": D, "attn.c_attn": 3 * D, "attn.c_proj": D, "ln_2": D, "mlp.c_fc": 4 * D, "mlp.c_proj": D}
    parts = [(name, f"{B} × {T} × {n}", count(block.get_submodule(name))) for name, n in out.items()]
    return boxes, parts


def draw_model(boxes: Sequence[tuple[str, str, int]], block: Sequence[tuple[str, str, int]]) -> Axes:
    """A whole model from top to bottom, and one block of it opened beside it.

    Each box is (name, shape of what comes out, number of weights); a name that begins with "block" is one of
    those that are opened. Bars behind the numbers of weights are to scale within their column.
    """
    ax = plt.subplots(figsize=(11.6, 0.72 * max(len(boxes), len(block)) + 0.9))[1]
    for left, column, title in ((0.0, boxes, "the model"), (7.2, block, "a block, opened")):
        most = max(weights for *_, weights in column)
        ax.text(left + 1.2, 0.75, title, ha="center", weight="bold")
        ax.text(left + 4.35, 0.75, "weights", ha="left", color="0.35")
        for place, (name, shape, weights) in enumerate(column):
            opened = name.startswith("block") or left > 0
            look = {"facecolor": "#FBE9DF" if opened else PALE, "edgecolor": ORANGE if opened else BLUE}
            ax.add_patch(plt.Rectangle((left, -place - 0.27), 2.4, 0.54, linewidth=2, **look))
            ax.text(left + 1.2, -place, name, ha="center", va="center")
            arrow = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", (left + 1.2, -place - 0.73), (left + 1.2, -place - 0.27), arrowprops=arrow)
            ax.text(left + 1.35, -place - 0.5, shape, va="center", fontsize=11)
            ax.barh(-place, 1.9 * weights / most, 0.46, left=left + 4.35, color="#F0F0F0")
            ax.text(left + 4.4, -place, f"{weights:,}", va="center")
    ax.set(xlim=(-0.3, 13.7), ylim=(-max(len(boxes), len(block)) + 0.1, 1.1))
    ax.set_axis_off()
    return ax


def draw_windows(text: str, starts: Sequence[int], length: int) -> Axes:
    """A text in boxes, windows of length + 1 characters marked on it, and each cut out below as a row."""
    ax = plt.subplots(figsize=(0.27 * len(text) + 0.4, 0.5 * (2.4 + 2 * len(starts)) + 0.4))[1]
    colours = (BLUE, ORANGE, GREEN, PINK)
    for place, character in enumerate(text):
        ax.add_patch(plt.Rectangle((place, -0.4), 1, 0.8, facecolor="white", edgecolor="0.7"))
        ax.text(place + 0.5, 0, visible(character), ha="center", va="center", fontsize=11)
    for row, (start, colour) in enumerate(zip(starts, colours, strict=False)):
        under, below = -0.75 - 0.4 * row, -1.9 - 0.4 * len(starts) - 1.0 * row
        ax.plot([start, start + length + 1], [under, under], color=colour, linewidth=6, solid_capstyle="butt")
        ax.text(start - 0.3, under, str(start), ha="right", va="center", fontsize=11, color=colour)
        ax.text(10.6, below, f"window {row}", ha="right", va="center", color=colour)
        for place, character in enumerate(text[start : start + length + 1]):
            box = {"facecolor": "white", "edgecolor": colour, "linewidth": 1.8}
            ax.add_patch(plt.Rectangle((11 + place, below - 0.4), 1, 0.8, **box))
            ax.text(11.5 + place, below, visible(character), ha="center", va="center", fontsize=11)
    ax.text(11.6 + length + 1, below + (len(starts) - 1) / 2, f"{len(starts)} × {length + 1}", va="center")
    ax.set(xlim=(-2, len(text) + 0.2), ylim=(below - 0.6, 0.6))
    ax.set_axis_off()
    return ax


def plot_down(lengths: Sequence[float], losses: Sequence[float], taken: int) -> Axes:
    """The loss after a step of each length straight down the gradient; the step ``taken`` is marked."""
    ax = plt.subplots(figsize=(6.4, 3.2))[1]
    ax.plot(lengths, losses, "o-", markersize=4)
    ax.axhline(losses[0], color="gray", linestyle=":")
    ax.plot(lengths[taken], losses[taken], "o", color=ORANGE, markersize=11)
    ax.annotate("lowest", (lengths[taken], losses[taken]), (0, -20), textcoords="offset points", ha="center")
    ax.annotate("before the step", (lengths[-1], losses[0]), (0, -16), textcoords="offset points", ha="right")
    ax.set(xlabel="length of the step", ylabel="loss, bits")
    ax.margins(y=0.18)
    return ax


def plot_training(factors: Sequence[float], losses: Sequence[float], judged: dict[int, float]) -> list[Axes]:
    """The factor of the learning rate over the steps; below it the loss of each step and held-out dots."""
    axes = plt.subplots(2, 1, figsize=(7, 5), sharex=True, gridspec_kw={"height_ratios": [1, 2]})[1]
    axes[0].plot(range(1, len(factors) + 1), factors, color=GREEN)
    axes[0].set(ylabel="factor of\nthe rate", ylim=(0, 1.1))
    axes[1].plot(
        range(1, len(losses) + 1), losses, color="0.75", linewidth=1, label="each step, its own windows"
    )
    axes[1].plot(list(judged), list(judged.values()), "o", color=ORANGE, markersize=9, label="held-out text")
    box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    for step, bits in judged.items():
        axes[1].annotate(
            f"{bits:.2f}", (step, bits), (0, 12), textcoords="offset points", ha="center", bbox=box
        )
    axes[1].set(xlabel="step", ylabel="bits per character")
    axes[1].legend()
    return list(axes)


# ---- writing: 5.2e ---------------------------------------------------------------------------------------


def draw_sampling(p: Tensor, alphabet: Sequence[str], numbers: Sequence[float], shown: int = 5) -> list[Axes]:
    """How numbers between 0 and 1 draw characters: bars, and the same bars laid end to end on a line.

    p (V,): probabilities. The ``shown`` likeliest have their names; the others are one piece, the rest.
    """
    likely = p.argsort(descending=True)[:shown]
    parts = [*p[likely].tolist(), float(1 - p[likely].sum())]
    names = [*(visible(alphabet[i]) for i in likely), "rest"]
    shades = [BLUE, ORANGE, GREEN, PINK, PALETTE[4], PALETTE[5], "0.8"]
    colours = [*shades[:shown], "0.8"]
    how = {"gridspec_kw": {"width_ratios": [1, 2.1]}}
    axes = plt.subplots(1, 2, figsize=(11.4, 3.1), **how)[1]
    bars = axes[0].bar(range(len(parts)), parts, color=colours)
    axes[0].bar_label(bars, [f"{part:.2f}" for part in parts], fontsize=11)
    axes[0].set_xticks(range(len(parts)), names)
    axes[0].set(ylabel="probability", ylim=(0, 1.15 * max(parts)), title="1  one bar a character")
    ends = np.cumsum([0, *parts])
    for start, part, name, colour in zip(ends, parts, names, colours, strict=False):
        axes[1].barh(0, part, 0.5, left=start, color=colour, edgecolor="white")
        if part > 0.04:
            axes[1].text(start + part / 2, 0, name, ha="center", va="center", color="white", weight="bold")
    for place, number in enumerate(numbers):
        inside = min(int(np.searchsorted(ends, number, side="right")) - 1, len(names) - 1)
        arrow = {"arrowstyle": "-|>", "color": "black", "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
        high = 0.95 if place % 2 == 0 else 0.65
        axes[1].annotate("", (number, 0.27), (number, high - 0.1), arrowprops=arrow)
        axes[1].text(number, high, f"{number:.2f}: {names[inside]}", ha="center", va="center")
    axes[1].set(
        xlim=(-0.02, 1.02), ylim=(-0.45, 1.15), yticks=[], title="2  end to end    3  a number falls on one"
    )
    axes[1].spines["left"].set_visible(False)
    return list(axes)


def draw_cuts(
    before: Tensor, after: dict[str, Tensor], alphabet: Sequence[str], shown: int = 12
) -> list[Axes]:
    """A real distribution (V,), its likeliest characters first, and what each knob leaves of it.

    Outlines: as the model has it. Filled: after the knob; the title counts the characters that are left.
    """
    likely = before.argsort(descending=True)[:shown]
    size = 11, 2.7 * -(-len(after) // 2)
    grid = plt.subplots(-(-len(after) // 2), 2, figsize=size, sharey=True, squeeze=False)[1]
    for ax, (name, q) in zip(grid.flat, after.items(), strict=True):
        ax.bar(range(shown), q[likely].tolist(), color=BLUE)
        look = {"facecolor": "none", "edgecolor": "black", "linewidth": 1.2, "linestyle": "--"}
        ax.bar(range(shown), before[likely].tolist(), **look)
        gone = next((place for place, i in enumerate(likely) if q[i] == 0), None)
        if gone is not None:
            ax.axvline(gone - 0.5, color=ORANGE, linewidth=2.5)
        ax.set_xticks(range(shown), [visible(alphabet[i]) for i in likely])
        ax.set_title(f"{name}: {int((q > 0).sum())} characters left")
    for ax in grid[:, 0]:
        ax.set_ylabel("probability")
    return list(grid.flat)


def draw_cache(tokens: Sequence[str]) -> list[Axes]:
    """The scores that are computed to write each next token, without a cache (above) and with it (below).

    Filled squares are dot products of a query (row) and a key (column) that are computed now, empty ones were
    computed before and are not needed again; the number of those computed stands above each table.
    """
    count = len(tokens)
    axes = plt.subplots(2, count, figsize=(2.9 * count, 5.6))[1]
    for T in range(1, count + 1):
        for row, name in enumerate(("without", "with")):
            ax = axes[row][T - 1]
            computed = [(q, k) for q in range(T) for k in range(q + 1) if row == 0 or q == T - 1]
            for q in range(T):
                for k in range(q + 1):
                    now = (q, k) in computed
                    look = {"facecolor": ORANGE if now else "white", "edgecolor": "white" if now else "0.8"}
                    ax.add_patch(plt.Rectangle((k, -q - 1), 1, 1, linewidth=1.5, **look))
            for k in range(T):
                kept = row == 1 and k < T - 1
                weight, colour = ("bold", BLUE) if kept else ("normal", "black")
                ax.text(
                    k + 0.5, 0.15, tokens[k], rotation=45, ha="left", va="bottom", color=colour, weight=weight
                )
                ax.text(
                    -0.15, -k - 0.5, tokens[k], ha="right", va="center", color="0.75" if kept else "black"
                )
            ax.set(xlim=(-1.9, count + 0.6), ylim=(-count - 0.2, 1.9), aspect="equal")
            ax.set_title(f"{name} a cache: {len(computed)}", fontsize=12)
            ax.set_axis_off()
    return list(axes.flat)


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


def visible(text: str) -> str:
    """A space and the end of a line as signs that can be seen."""
    return text.replace(" ", "␣").replace("\n", "↵")
