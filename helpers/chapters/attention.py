"""For section 3.4: attention as 3.4a builds it, words of letters as practice material, weights as lines."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import nn

from helpers.plotting import PALETTE, axes_or_new


def attention(
    Q: torch.Tensor, K: torch.Tensor, V: torch.Tensor, mask: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled dot-product attention: Q (..., T, D), K (..., S, D), V (..., S, D_v) -> answers, weights.

    Answers (..., T, D_v), weights (..., T, S). mask (..., T, S): True where a query may look; if it may look
    nowhere, its answer is zeros. Raises ValueError for shapes that do not fit. Vaswani and others, 2017.
    """
    if Q.shape[-1] != K.shape[-1] or K.shape[-2] != V.shape[-2]:
        shapes = [tuple(X.shape) for X in (Q, K, V)]
        raise ValueError(f"Q, K, V are {shapes}: Q and K need the same width, K and V as many rows")
    scores = Q @ K.transpose(-2, -1) / Q.shape[-1] ** 0.5
    mask = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask
    weights = scores.masked_fill(~mask, -torch.inf).softmax(-1).masked_fill(~mask, 0)
    return weights @ V, weights


class MultiHead(nn.Module):
    """Attention with H heads: asking (B, T, D), asked (B, S, D) -> answers (B, T, D), weights (B, H, T, S).

    mask (B, 1 or H, T or 1, S): True where a query may look. Raises ValueError where the heads cannot share
    the width.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} cannot be split into {heads} heads of equal width")
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, D) -> (B, H, T, D / H): each head has its own columns."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(
        self, asking: torch.Tensor, asked: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The answers of all heads side by side, through the layer out; and the weights of each head."""
        Q, K, V = self.split(self.q(asking)), self.split(self.k(asked)), self.split(self.v(asked))
        answers, weights = attention(Q, K, V, mask)
        return self.out(answers.transpose(1, 2).flatten(2)), weights


def letter_numbers(*words: str) -> torch.Tensor:
    """Words of one length, a to z, as numbers 1 to 26: a tensor (B, S) of integers.

    Raises ValueError for words of different lengths and for other characters.
    """
    if len({len(word) for word in words}) != 1:
        raise ValueError(f"words of different lengths: {', '.join(words)}; give words of one length")
    for letter in "".join(words):
        if not "a" <= letter <= "z":
            raise ValueError(f"{letter!r} in {', '.join(words)}: only the letters a to z have numbers here")
    return torch.tensor([[ord(letter) - ord("a") + 1 for letter in word] for word in words], dtype=torch.long)


def letters_of(numbers: Any) -> str:
    """Numbers (S,) as letters: 1 is a, 26 is z, and 0, which stands for none, is a dot."""
    return "".join("·abcdefghijklmnopqrstuvwxyz"[int(number)] for number in numbers)


def random_words(count: int, lengths: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Words of different letters, numbers 1 to 26, of random lengths (shortest, longest): (count, longest).

    Shorter words are filled up with 0 at their end. Raises ValueError for lengths outside 1 to 26.
    """
    shortest, longest = lengths
    if not 1 <= shortest <= longest <= 26:
        raise ValueError(f"lengths {lengths}: shortest and longest must be from 1 to 26, in this order")
    words = torch.rand(count, 26, generator=generator).argsort(1)[:, :longest] + 1
    sizes = torch.randint(shortest, longest + 1, (count, 1), generator=generator)
    return words.masked_fill(torch.arange(longest) >= sizes, 0)


def in_order(words: torch.Tensor) -> torch.Tensor:
    """The letters of each word (B, S) in alphabetical order, (B, S); 0, which is no letter, at the end."""
    return ((words - 1) % 27).sort(dim=1).values.add(1) % 27


def draw_links(weights: Any, words: Sequence[str], answers: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Draw attention weights (T, S) as lines from T answers, below, to S words, above; returns the Axes.

    The line from answer i to word j is as thick and as dark as weight (i, j), 0 to 1.  Raises ValueError
    where the weights do not fit the words and the answers.
    """
    weights = np.asarray(weights, dtype=float)
    if weights.shape != (len(answers), len(words)):
        raise ValueError(f"weights {weights.shape} do not fit {len(answers)} answers and {len(words)} words")
    ax = axes_or_new(ax, figsize=(0.9 * max(len(words), len(answers)) + 0.6, 2.4))
    for (answer, word), weight in np.ndenumerate(weights):
        ax.plot([word, answer], [0.86, 0.14], color=PALETTE[answer % 6], alpha=weight, lw=5 * weight)
    for place, word in enumerate(words):
        ax.text(place, 1, word, ha="center", va="center", fontsize=17)
    for place, answer in enumerate(answers):
        ax.text(place, 0, answer, ha="center", va="center", fontsize=17, color=PALETTE[place % 6])
    ax.set(xlim=(-0.6, max(len(words), len(answers)) - 0.4), ylim=(-0.12, 1.12))
    ax.axis("off")
    return ax
