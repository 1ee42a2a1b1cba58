"""nanoGPT's recipe and the five changes of 5.2f and 5.2g, word for word (a test compares them).

The recipe is that of Andrej Karpathy's nanoGPT (2022) for a computer without a graphics processor.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.chapters.gpt import split

LAYER_NORM = partial(nn.LayerNorm, bias=False)


class Attention(nn.Module):
    """Causal attention of D numbers per position in some heads, without biases: (B, T, D) -> (B, T, D)."""

    def __init__(self, D: int, heads: int) -> None:
        super().__init__()
        self.size = D // heads
        self.qkv, self.out = nn.Linear(D, 3 * D, bias=False), nn.Linear(D, D, bias=False)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of x (B, T, D), each (B, heads, T, size)."""
        q, k, v = self.qkv(x).chunk(3, dim=2)  # each (B, T, D)
        return split(q, self.size), split(k, self.size), split(v, self.size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D); no position sees what comes after it."""
        q, k, v = self.heads(x)
        answers = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(answers.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention, then two layers with GELU, a norm before each, a shortcut round each."""

    def __init__(self, D: int, heads: int, norm: Callable, attention: Callable) -> None:
        super().__init__()
        self.norm1, self.attention, self.norm2 = norm(D), attention(D, heads), norm(D)
        self.up, self.down = nn.Linear(D, 4 * D, bias=False), nn.Linear(4 * D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    """Characters (B, T) -> logits of the next ones (B, T, V); with 0 positions no table of them is added."""

    def __init__(
        self,
        V: int,
        D: int,
        layers: int,
        heads: int,
        positions: int,
        norm: Callable = LAYER_NORM,
        attention: Callable = Attention,
    ) -> None:
        super().__init__()
        self.vectors, self.positions = nn.Embedding(V, D), nn.Parameter(torch.empty(positions, D))
        self.blocks = nn.ModuleList(Block(D, heads, norm, attention) for _ in range(layers))
        self.norm = LAYER_NORM(D)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, V)."""
        x = self.vectors(ids)
        if len(self.positions):
            x = x + self.positions[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.vectors.weight.T


def built(seed: int, **how: Any) -> GPT:
    """A GPT of the sizes and parts in ``how``, at small random weights."""
    torch.manual_seed(seed)
    gpt = GPT(**how)
    nn.init.normal_(gpt.positions, std=0.02)
    for name, layer in gpt.named_modules():
        if isinstance(layer, nn.Linear | nn.Embedding):
            last = name.endswith(("out", "down"))  # the last layer of a half of a block
            nn.init.normal_(layer.weight, std=0.02 / (math.sqrt(2 * len(gpt.blocks)) if last else 1))
    return gpt


def adamw(parameters: Iterable[nn.Parameter], rate: float) -> torch.optim.AdamW:
    """AdamW as in nanoGPT: weight decay for matrices only."""
    parameters = list(parameters)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99))


def only_adamw(rate: float) -> Callable[[GPT], list[torch.optim.Optimizer]]:
    """How a GPT gets its one optimiser."""
    return lambda gpt: [adamw(gpt.parameters(), rate)]


def turned(x: Tensor) -> Tensor:
    """X (B, heads, T, d): at position t, each pair of coordinates turned by t times its own angle."""
    half = x.shape[3] // 2
    angle = torch.arange(x.shape[2])[:, None] * 10_000 ** (-torch.arange(half) / half)
    a, b = x.chunk(2, dim=3)
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=3)


class Rotary(Attention):
    """Attention with rotary positions (Su and others, 2021)."""

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys turned by their position, values as they are."""
        q, k, v = super().heads(x)
        return turned(q), turned(k), v


class NormedRotary(Rotary):
    """Rotary attention with query–key normalisation (after Henry and others, 2020)."""

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys turned, and divided by their root mean square."""
        q, k, v = super().heads(x)
        return F.rms_norm(q, q.shape[3:]), F.rms_norm(k, k.shape[3:]), v


class NormAndConvolution(nn.Module):
    """Layer norm, then learnt shares of the one and two positions back, which begin at 0."""

    def __init__(self, D: int) -> None:
        super().__init__()
        self.norm, self.shares = LAYER_NORM(D), nn.Parameter(torch.zeros(2, D))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = self.norm(x)
        padded = F.pad(x, (0, 0, 2, 0))  # two positions of zeros in front
        return x + self.shares[0] * padded[:, 1:-1] + self.shares[1] * padded[:, :-2]


def orthogonal(G: Tensor, rounds: int = 5) -> Tensor:
    """About U V^T of a matrix G = U S V^T (Jordan and others, 2024)."""
    X = G.T if len(G) > G.shape[1] else G  # wide, so that X X^T is small
    X = X / (X.norm() + 1e-7)
    for _ in range(rounds):
        A = X @ X.T
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A @ A) @ X
    return X.T if len(G) > G.shape[1] else X


class Muon(torch.optim.Optimizer):
    """Steps along about U V^T of the running mean of the gradients, for matrices."""

    def __init__(self, params: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:
        """One step; each gradient stands in its parameter."""
        for group in self.param_groups:
            for p in group["params"]:
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                mean.lerp_(p.grad, 0.05)  # momentum (2.3b): a running mean of the gradients
                direction = orthogonal(torch.lerp(p.grad, mean, 0.95))  # Nesterov: and 0.05 of the new one
                p.add_(direction, alpha=-group["lr"] * max(1, p.shape[0] / p.shape[1]) ** 0.5)


def with_muon(gpt: GPT) -> Sequence[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for all the rest."""
    matrices = [layer.weight for layer in gpt.blocks.modules() if isinstance(layer, nn.Linear)]
    return [Muon(matrices, lr=0.02), adamw({*gpt.parameters()} - {*matrices}, 1e-2)]


NORMED = {"attention": NormedRotary, "positions": 0}
LAST = NORMED | {"norm": NormAndConvolution}
CHANGES = {  # each has one change more than the one before it: (parts of the model, its optimisers)
    "nanoGPT's recipe": ({}, only_adamw(1e-3)),
    "+ a larger learning rate": ({}, only_adamw(4e-3)),
    "+ rotary positions": ({"attention": Rotary, "positions": 0}, only_adamw(4e-3)),
    "+ query–key normalisation": (NORMED, only_adamw(4e-3)),
    "+ short convolutions": (LAST, only_adamw(4e-3)),
    "+ Muon": (LAST, with_muon),
}
