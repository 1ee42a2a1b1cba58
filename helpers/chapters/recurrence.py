"""For section 3.3: lines with brackets, and drawings of networks in time, of cells, and of a state."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from torch.nn.functional import one_hot

from helpers.plotting import PALETTE, axes_or_new

BLUE, ORANGE, GREEN, _, YELLOW = PALETTE[:5]
FACES = {BLUE: "#DCEBF5", YELLOW: "#FDF0D5", GREEN: "#D9F0E7"}
SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "white", ORANGE])

# What is inside a cell. Boxes: name -> (x, y, text, colour); arrows: (from, to, text, x and y of the text).
GRU = (
    {
        "h": (0, 2.6, "h before", BLUE),
        "x": (0, -0.4, "x", YELLOW),
        "h part": (2.3, 1.3, "h part = h U + c\n(B, 3H)", BLUE),
        "x part": (2.3, -0.4, "x part = x W + b\n(B, 3H)", YELLOW),
        "z": (5, 1.7, "update gate\nz = σ(x part + h part)", GREEN),
        "n": (5, 0.6, "candidate\nn = tanh(x part + r · h part)", BLUE),
        "r": (5, -0.5, "reset gate\nr = σ(x part + h part)", GREEN),
        "mix": (8.1, 2.6, "(1 − z) · n + z · h", BLUE),
        "out": (10.4, 2.6, "h after", BLUE),
    },
    (
        ("h", "mix", "(B, H)", 3.6, 2.72),
        ("h", "h part", "(B, H)", 0.62, 1.75),
        ("x", "x part", "(B, D)", 0.5, -0.28),
        *(("h part", gate, "", 0, 0) for gate in "nr"),
        *(("x part", gate, "", 0, 0) for gate in "zn"),
        ("h part", "z", "(B, H)", 3.25, 1.62),
        ("x part", "r", "(B, H)", 3.3, -0.7),
        ("r", "n", "(B, H)", 5.45, 0.05),
        ("z", "mix", "(B, H)", 5.9, 2.3),
        ("n", "mix", "(B, H)", 7.0, 1.35),
        ("mix", "out", "(B, H)", 9.5, 2.72),
    ),
)
LSTM = (
    {
        "c": (0, 3.2, "c before", ORANGE),
        "h": (0, 1.4, "h before", BLUE),
        "x": (0, 0, "x", YELLOW),
        "sum": (2.4, 0.7, "x W + b\n+ h U + b2\n(B, 4H)", BLUE),
        "f": (4.7, 2.2, "forget gate f = σ(…)", GREEN),
        "i": (5, 1.4, "input gate i = σ(…)", GREEN),
        "g": (6.1, 0.6, "candidate g = tanh(…)", BLUE),
        "o": (5, -0.2, "output gate o = σ(…)", GREEN),
        "new": (8, 3.2, "f · c + i · g", ORANGE),
        "mix": (8, -0.2, "o · tanh(c)", BLUE),
        "c out": (10.2, 3.2, "c after", ORANGE),
        "h out": (10.2, -0.2, "h after", BLUE),
    },
    (
        ("c", "new", "(B, H)", 3.6, 3.32),
        ("h", "sum", "(B, H)", 0.95, 1.3),
        ("x", "sum", "(B, D)", 0.95, 0.0),
        *(("sum", gate, "", 0, 0) for gate in "fig"),
        ("sum", "o", "(B, H)", 2.95, -0.1),
        *((gate, "new", "", 0, 0) for gate in "ig"),
        ("f", "new", "(B, H)", 5.6, 2.77),
        ("o", "mix", "(B, H)", 6.55, -0.08),
        ("new", "mix", "(B, H)", 8.1, 1.5),
        ("new", "c out", "(B, H)", 9.05, 3.32),
        ("mix", "h out", "(B, H)", 9.05, -0.08),
    ),
)
CELLS = {"GRU": GRU, "LSTM": LSTM}


def bracket_lines(
    count: int, length: int, *, deepest: int = 4, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Made-up lines of brackets: one-hot X (count, length, 3), and how many are open (count, length).

    The three places of a row stand for any other character, ``(`` and ``)``; seven of ten or more are others.
    A line never closes what is not open, and has at most ``deepest`` open at once; open are counted
    after each character. Raises ValueError where there is no line or no character.
    """
    if count < 1 or length < 1:
        raise ValueError(f"{count} lines of {length} characters: at least one of each is needed")
    moves = np.random.default_rng(seed).choice([0, 1, -1], size=(count, length), p=[0.7, 0.15, 0.15])
    opened = np.zeros(count, dtype=int)
    for move in moves.T:  # one character of every line, as a view
        move[(opened + move < 0) | (opened + move > deepest)] = 0
        opened += move
    return one_hot(torch.tensor(moves % 3), 3).double(), torch.tensor(moves.cumsum(axis=1))


def encode_brackets(text: str) -> torch.Tensor:
    """The characters of a text as ``bracket_lines`` has them: (1, T, 3). Raises ValueError for no text."""
    if not text:
        raise ValueError("the text is empty: at least one character is needed")
    return one_hot(torch.tensor([["()".find(character) + 1 for character in text]]), 3).double()


def draw_unrolled(
    inputs: Sequence[str],
    states: Sequence[str],
    *,
    along: str = "",
    into: str = "",
    back: Sequence[str] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw T steps of a recurrent network, left to right: inputs below, states in a row; returns the Axes.

    ``inputs`` (T) and ``states`` (T + 1, the first is the state before step 1) are texts. ``along`` stands on
    every arrow from one state to the next, ``into`` beside every arrow from an input. ``back`` (T + 1) are
    the slopes at the states, in orange over arrows that lead back. Raises ValueError where the numbers of
    texts do not fit.
    """
    steps = len(inputs)
    if len(states) != steps + 1 or len(back) not in (0, steps + 1):
        raise ValueError(
            f"{steps} inputs, {len(states)} states, {len(back)} slopes: T, T + 1 and T + 1 (or no) are needed"
        )
    ax = axes_or_new(ax, figsize=(1.9 * (steps + 1), 2.7 if back else 2.1))
    row = [_box(ax, step, 0, text, BLUE) for step, text in enumerate(states)]
    for step, text in enumerate(inputs, 1):
        _arrow(ax, row[step - 1], row[step], (step - 1, 0), (step, 0))
        _arrow(ax, _box(ax, step, -1, text, YELLOW), row[step], (step, -1), (step, 0))
        ax.text(step - 0.5, 0.1, along, ha="center", va="bottom", fontsize=11)
        ax.text(step + 0.05, -0.52, into, va="center", fontsize=11)
    for step, text in enumerate(back):
        ax.text(step, 0.62, text, color=ORANGE, ha="center", va="center")
        if step:
            _arrow(ax, None, None, (step - 0.2, 0.62), (step - 0.8, 0.62), ORANGE)
    ax.set(xlim=(-0.45, steps + 0.45), ylim=(-1.35, 0.85 if back else 0.4))
    ax.set_axis_off()
    return ax


def draw_cell(kind: str, *, ax: Axes | None = None) -> Axes:
    """Draw what one step of a "GRU" or an "LSTM" computes, with the shape on the arrows; returns the Axes.

    Gates are green, the cell state of an LSTM orange. Raises ValueError for another kind.
    """
    if kind not in CELLS:
        raise ValueError(f"no drawing of {kind!r}; there are {', '.join(CELLS)}")
    boxes, arrows = CELLS[kind]
    ax = axes_or_new(ax, figsize=(9.6, 3.9))
    drawn = {name: _box(ax, *box) for name, box in boxes.items()}
    for start, end, text, x, y in arrows:
        _arrow(ax, drawn[start], drawn[end], boxes[start][:2], boxes[end][:2])
        ax.text(x, y, text, fontsize=10)
    heights = [box[1] for box in boxes.values()]
    ax.set(xlim=(-0.7, 11.1), ylim=(min(heights) - 0.55, max(heights) + 0.45))
    ax.set_axis_off()
    return ax


def show_states(text: str, states: Any, *, ax: Axes | None = None) -> Axes:
    """Colour what every unit of a state says after each character of a text; returns the Axes.

    ``states`` (T, H), one row for each of the T characters: -1 is blue, 0 white, 1 orange. Raises ValueError
    where the rows are not as many as the characters.
    """
    states = np.asarray(states, dtype=float)
    if states.ndim != 2 or len(states) != len(text) or not states.size:
        raise ValueError(
            f"{len(text)} characters and states of shape {states.shape}: (T, H) is needed, T characters"
        )
    ax = axes_or_new(ax, figsize=(9.6, 0.9 + 0.2 * states.shape[1]))
    ax.imshow(states.T, cmap=SIGNED, vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    ax.set_xticks(range(len(text)), list(text), family="monospace")
    ax.tick_params(length=0)
    ax.set(yticks=[], ylabel="unit")
    return ax


def show_reading(
    states: Any, answers: Any, wanted: Any, step: int, *, marks: Sequence[int] = (), axes: Any = None
) -> Any:
    """Draw what a network has made of a row up to a step, counted from 1; returns the two Axes.

    Above, the units of ``states`` (T, H): -0.5 is blue, 0 white, 0.5 orange; a thin line stands where each
    step of ``marks`` begins. Below, ``answers`` (T,) beside what is ``wanted`` (T,). Raises ValueError for a
    step outside the row.
    """
    states, answers, wanted = (np.asarray(values, dtype=float) for values in (states, answers, wanted))
    if not 1 <= step <= len(states):
        raise ValueError(f"step {step} of a row of {len(states)}: it is counted from 1 to {len(states)}")
    if axes is None:
        axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True, height_ratios=(2, 1), layout="constrained")[1]
    above, below = axes
    edges = (0.5, step + 0.5, states.shape[1], 0)
    look = {"cmap": SIGNED, "vmin": -0.5, "vmax": 0.5, "aspect": "auto", "interpolation": "nearest"}
    image = above.imshow(states[:step].T, extent=edges, **look)
    above.figure.colorbar(image, ax=[above, below], aspect=40)
    for mark in marks:
        if mark <= step:
            above.axvline(mark - 0.5, color="black", lw=1)
    above.set(title="state h", xlim=(0.5, len(states) + 0.5), yticks=[])
    steps = np.arange(1, step + 1)
    below.step(steps, wanted[:step], "gray", where="mid", lw=4, alpha=0.5, label="marked so far")
    below.step(steps, answers[:step], where="mid", label="answer so far")
    below.set(xlabel="step", ylim=(-0.2, 2.1))
    below.legend(loc="upper left")
    return axes


def _box(ax: Axes, x: float, y: float, text: str, colour: str) -> Any:
    style = {"boxstyle": "round,pad=0.4", "facecolor": FACES.get(colour, "white"), "edgecolor": colour}
    label = ax.text(
        x, y, text, ha="center", va="center", fontsize=11, zorder=3, bbox=style | {"linewidth": 1.5}
    )
    return label.get_bbox_patch()


def _arrow(ax: Axes, from_: Any, to: Any, start: tuple, end: tuple, colour: str = "gray") -> None:
    style = {"arrowstyle": "-|>", "color": colour, "patchA": from_, "patchB": to, "shrinkA": 1, "shrinkB": 1}
    ax.annotate("", end, start, arrowprops=style)
