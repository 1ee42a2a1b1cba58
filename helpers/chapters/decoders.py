"""For sections 3.4 and 5.2: a text as numbers, a language model trained and judged on it, and drawings."""

import math
import time
from collections.abc import Callable, Sequence

import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.chapters.reviews import load_reviews
from helpers.plotting import PALETTE, draw_layers

BLUE, ORANGE = PALETTE[:2]


def review_characters(judged: int | None = None) -> tuple[Tensor, Tensor, list[str]]:
    """The English reviews as numbers of characters: to learn from (N,), to judge by (M,); the alphabet.

    ``judged``: only so many characters to judge by; None: all.
    """
    texts = ["\n".join(review["en"] for review in load_reviews(part)) for part in ("train", "dev")]
    alphabet = sorted(set("".join(texts)))
    number_of = {character: number for number, character in enumerate(alphabet)}
    train_ids, val_ids = (torch.tensor([number_of[character] for character in text]) for text in texts)
    return train_ids, val_ids[:judged], alphabet


def bits(model: nn.Module, ids: Tensor, starts: Tensor, length: int) -> Tensor:
    """Mean loss in bits per character over the windows of `length` that begin at `starts` (B,), one number.

    ``model`` takes characters (B, length) and returns the logits of the next ones, (B, length, V), or an
    object that has them as ``logits``. Raises ValueError for a text (N,) shorter than a window.
    """
    if len(ids) <= length:
        raise ValueError(f"{len(ids)} characters are too few for windows of {length}: give {length + 1}")
    windows = ids[starts[:, None] + torch.arange(length + 1)]
    logits = model(windows[:, :-1])
    logits = getattr(logits, "logits", logits)
    return F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten()) / math.log(2)


def count_pairs(ids: Tensor, judged: Tensor) -> float:
    """Bits per character of a table that counts in a text (N,) which character follows which.

    It is judged on ``judged`` (M,). Each pair counts 0.1 from the start, so that a new one is not impossible.
    """
    size = int(max(ids.max(), judged.max())) + 1
    pairs = torch.bincount(ids[:-1] * size + ids[1:], minlength=size**2).view(size, size) + 0.1
    chance = pairs / pairs.sum(dim=1, keepdim=True)
    return -chance[judged[:-1], judged[1:]].log2().mean().item()


def gelu_mlp(width: int) -> nn.Sequential:
    """The second half of GPT-2's block without biases: widen to 4 times the width, GELU, narrow again."""
    return nn.Sequential(
        nn.Linear(width, 4 * width, bias=False), nn.GELU(), nn.Linear(4 * width, width, bias=False)
    )


def train_on_windows(
    model: nn.Module,
    ids: Tensor,
    optimisers: Sequence[torch.optim.Optimizer],
    *,
    length: int,
    batch: int,
    steps: int,
    seed: int = 0,
    factor: Callable[[int, int], float] = lambda step, steps: 1.0,
    longest: float = math.inf,
    extra: Callable[[], Tensor | float] = lambda: 0.0,
    watch: int | None = None,
    look: Callable[[], float] = lambda: math.nan,
) -> tuple[list[float], list[tuple[int, float, float]]]:
    """Train in place on random windows of a text (N,), the same ones for the same seed, as nanoGPT does.

    The learning rate of each optimiser is multiplied by ``factor(step, steps)``, counted from 0; a gradient
    longer than ``longest`` is shortened to it. ``extra`` is called after each forward pass; what it returns
    is added to the loss. Returns the bits per character of each step, without the extra, and for every
    ``watch`` steps a row (step, seconds of training so far, what ``look()`` gives).
    """
    generator, losses, rows, spent = torch.Generator().manual_seed(seed), [], [], 0.0
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: factor(step, steps))
        for optimiser in optimisers
    ]
    for step in range(1, steps + 1):
        began = time.perf_counter()
        starts = torch.randint(len(ids) - length, (batch,), generator=generator)
        loss = bits(model, ids, starts, length)
        model.zero_grad()
        (loss + extra()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), longest)
        for part in (*optimisers, *schedules):
            part.step()
        losses.append(loss.item())
        spent += time.perf_counter() - began
        if watch and step % watch == 0:
            rows.append((step, spent, look()))
    return losses, rows


def train(
    model: nn.Module,
    ids: Tensor,
    *,
    length: int,
    batch: int,
    steps: int,
    rate: float,
    seed: int = 0,
    extra: Callable[[], Tensor | float] = lambda: 0.0,
) -> list[float]:
    """Train in place by Adam at one learning rate on random windows of a text (N,), as `train_on_windows`.

    Returns the bits per character of each step, without what ``extra`` adds to the loss.
    """
    adam = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    how = {"length": length, "batch": batch, "steps": steps, "seed": seed, "extra": extra}
    return train_on_windows(model, ids, [adam], **how)[0]


class PlacedEmbedding(nn.Embedding):
    """An embedding that adds a learnt vector for each of ``length`` places, as GPT-2 has it (3.4b)."""

    def __init__(self, characters: int, width: int, length: int) -> None:
        super().__init__(characters, width)
        self.places = nn.Parameter(torch.empty(length, width))

    def forward(self, ids: Tensor) -> Tensor:
        """Characters (B, T) -> (B, T, width). Raises ValueError for more than ``length`` of them."""
        if ids.shape[1] > len(self.places):
            raise ValueError(
                f"{ids.shape[1]} characters, but only {len(self.places)} places have a vector: cut the text, "
                "or use positions that need none, such as rotary ones"
            )
        return super().forward(ids) + self.places[: ids.shape[1]]


@torch.no_grad()
def held_out(model: nn.Module, ids: Tensor, length: int) -> float:
    """Bits per character over a whole text, cut into windows that each begin without a context."""
    starts = torch.arange(0, len(ids) - length, length)
    parts = [(bits(model, ids, part, length).item(), len(part)) for part in starts.split(200)]
    return sum(value * weight for value, weight in parts) / len(starts)


def slopes(model: nn.Module, logits: Tensor, ids: Tensor) -> Tensor:
    """Slopes of the loss along all weights, in the order of their names, one behind the other (P,).

    ``logits`` (B, T, V) are what the model just gave for ``ids`` (B, T); each place should guess the next.
    """
    F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    return torch.cat([weight.grad.flatten() for _, weight in sorted(model.named_parameters())])


def draw_blocks(width: int) -> list[Axes]:
    """Draw the block of GPT-2 and that of today's models side by side, one row per half."""
    blocks = {
        "GPT-2": ["LayerNorm", "attention", "LayerNorm", "linear, GELU,\nlinear"],
        "today": ["RMSNorm", "rotary, grouped\nattention", "RMSNorm", "SwiGLU"],
    }
    axes = plt.subplots(1, 2, figsize=(13.6, 3.8), gridspec_kw={"wspace": 0.15})[1]
    for ax, (name, boxes) in zip(axes, blocks.items(), strict=True):
        draw_layers(boxes, [f"B × T × {width}"] * 5, skips=[(0, 1), (2, 3)], per_row=2, ax=ax)
        ax.set_title(name)
    return list(axes)


def draw_sharing(heads: int = 4) -> list[Axes]:
    """Draw how query heads share heads of keys and values: each its own, half as many, one for all."""
    axes = plt.subplots(1, 3, figsize=(9.6, 2.1))[1]
    shared = {"multi-head": heads, "grouped-query": heads // 2, "multi-query": 1}
    for ax, (name, kv_heads) in zip(axes, shared.items(), strict=True):
        for head in range(heads):
            group = head * kv_heads // heads
            below = (group + 0.5) * heads / kv_heads - 0.5
            ax.plot([head, below], [1, 0], color="gray", zorder=1)
            _boxed(ax, head, 1, f"q{head}", BLUE)
            if head * kv_heads % heads == 0:  # the first of its group
                _boxed(ax, below, 0, f"k{group} v{group}", ORANGE)
        ax.set(title=name, xlim=(-0.6, heads - 0.4), ylim=(-0.4, 1.35))
        ax.set_axis_off()
    return list(axes)


def _boxed(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": colour}
    ax.text(x, y, text, ha="center", va="center", fontsize=11, bbox=box)


def draw_memory(conversations: int, tokens: int = 8192, weights: float = 15, limit: float = 80) -> Axes:
    """Draw the memory of a model of the size of Llama 3 8B: its weights, the caches of some conversations.

    One bar each for 32, 8 and 1 heads of keys and values, 32 blocks, 128 numbers per head, two bytes per
    number. In GiB; ``limit`` is a processor's memory, as a dotted line. Returns the Axes.
    """
    names, heads = ("multi-head, 32", "grouped, 8", "multi-query, 1"), (32, 8, 1)
    caches = [2 * 32 * number * 128 * tokens * 2 / 2**30 * conversations for number in heads]
    ax = plt.subplots(figsize=(7, 2.6))[1]
    ax.barh(names, [weights] * 3, color="lightgray", label="weights")
    ax.barh(names, caches, left=weights, color=BLUE, label="caches")
    ax.axvline(limit, color="black", linestyle=":")
    for row, cache in enumerate(caches):
        end = min(weights + cache + 1, 2 * limit - 12)  # behind the bar, or at the border inside it
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        ax.text(end, row, f"{weights + cache:.0f}", va="center", bbox=box)
    ax.set(xlim=(0, 2 * limit), xlabel=f"GiB, {conversations} conversations of {tokens:,} tokens")
    ax.invert_yaxis()
    ax.legend(loc="lower right")
    return ax


def show_memory(conversations: int) -> None:
    """Draw the memory for a slider: `draw_memory`, shown at once."""
    draw_memory(conversations)
    plt.show()


def plot_shares(shares: dict[float, Tensor], *, even: float) -> list[Axes]:
    """Bars of the shares of the experts (E,), fullest first; a line at ``even``.

    One picture for each weight of the load-balancing loss.
    """
    axes = plt.subplots(1, len(shares), figsize=(4 * len(shares), 2.6), sharey=True, squeeze=False)[1][0]
    for ax, (weight, share) in zip(axes, shares.items(), strict=True):
        ax.bar(range(len(share)), share.sort(descending=True).values.tolist(), color=BLUE)
        ax.axhline(even, color="black", linestyle=":")
        ax.set(title=f"weight {weight}", xlabel="experts, fullest first", xticks=[])
    axes[0].set_ylabel("share of the tokens")
    return list(axes)


def plot_seeds(found: dict[str, list[float]], *, label: str) -> Axes:
    """One row per variant: a dot for each seed's value, a line at their mean, the first variant on top."""
    ax = plt.subplots(figsize=(7, 0.55 * len(found) + 0.8))[1]
    for row, values in enumerate(found.values()):
        ax.plot(values, [row] * len(values), "o", color=BLUE, alpha=0.6)
        mean = sum(values) / len(values)
        ax.plot([mean, mean], [row - 0.3, row + 0.3], color=ORANGE)
    ax.set_yticks(range(len(found)), list(found))
    ax.invert_yaxis()
    ax.set_xlabel(label)
    return ax
