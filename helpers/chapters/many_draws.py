"""For section 4.2: several small networks of one shape, trained at once as the groups of one network.

A small convolution is over before the next one has been called. The networks of five draws, as five groups of
one network, need a fifth of the calls; each keeps its own weights, averages and gradients.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.chapters.fine_tuning import labelled, parts_of, rows_of_steps, train_feed
from helpers.chapters.resnet import ResNet


class Heads(nn.Module):
    """The linear layers of D networks: features (N, D · inputs) -> logits (N, outputs, D)."""

    def __init__(self, layers: Sequence[nn.Linear]):
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, D · inputs) -> logits (N, outputs, D)."""
        x = x.view(len(x), len(self.weight), -1)
        return torch.einsum("ndi,doi->nod", x, self.weight) + self.bias.T


def abreast(networks: Sequence[nn.Module]) -> nn.Module:
    """D networks of one shape as the groups of one: maps (N, D · channels, H, W) -> logits (N, classes, D).

    A copy: training it leaves the networks as they are, until `apart`. What is frozen in the first network is
    frozen in all, and parts keep its mode. Raises ValueError for no network, or if the shapes differ.
    """
    shapes = {tuple((name, value.shape) for name, value in one.state_dict().items()) for one in networks}
    if len(shapes) != 1:
        raise ValueError(f"{len(networks)} networks of {len(shapes)} shapes: at least one, all alike")
    many = copy.deepcopy(networks[0])
    for name, part in networks[0].named_modules():
        if isinstance(part, (nn.Conv2d, nn.BatchNorm2d, nn.Linear)):
            owner, _, last = name.rpartition(".")
            grouped = _grouped([network.get_submodule(name) for network in networks])
            setattr(many.get_submodule(owner), last, grouped)
    return many


def _grouped(parts: Sequence[nn.Module]) -> nn.Module:
    """One layer that does what the same layer of each network does, group by group."""
    first, count = parts[0], len(parts)
    if isinstance(first, nn.Linear):
        layer = Heads(parts)
    elif isinstance(first, nn.BatchNorm2d):
        layer = nn.BatchNorm2d(count * first.num_features, first.eps, first.momentum)
    else:
        sizes = count * first.in_channels, count * first.out_channels, first.kernel_size
        bias = first.bias is not None
        layer = nn.Conv2d(*sizes, first.stride, first.padding, groups=count, bias=bias)
    layer.to(first.weight.dtype)
    with torch.no_grad():
        for name, value in layer.state_dict().items():
            values = [part.state_dict()[name] for part in parts]
            value.copy_(torch.stack(values).view(value.shape) if values[0].ndim else values[0])
    for name, parameter in layer.named_parameters():
        parameter.requires_grad_(first.get_parameter(name).requires_grad)
    return layer.train(first.training)


def apart(many: nn.Module, networks: Sequence[nn.Module]) -> list[nn.Module]:
    """The numbers of ``many = abreast(networks)`` back into the networks, and what is frozen; returns them.

    They come back in evaluation mode.
    """
    found = many.state_dict()
    for place, network in enumerate(networks):
        with torch.no_grad():
            for name, value in network.state_dict().items():
                each = found[name].reshape(-1, *value.shape)
                value.copy_(each[place if len(each) > 1 else 0])  # the counters of the averages are shared
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(many.get_parameter(name).requires_grad)
        network.eval().to(memory_format=torch.channels_last)
    return list(networks)


def losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy, a mean over the batch, summed over networks: (N, C, D), (N, D), or one: (N, C), (N,)."""
    return F.cross_entropy(logits, targets, reduction="sum") / len(logits)


def draws_of(X: Tensor, y: Tensor, each: int, draws: int) -> tuple[list[Tensor], list[Tensor]]:
    """For each of the draws 0, 1, 2 …: pictures of ``each`` rows of every class (`labelled`), and labels."""
    rows = [labelled(y, each, seed) for seed in range(draws)]
    return [X[some] for some in rows], [y[some] for some in rows]


def feed_of(
    inputs: Sequence[Tensor],
    targets: Sequence[Tensor],
    steps: int,
    batch_size: int = 32,
    seeds: Iterable[int] | None = None,
) -> list[tuple[Tensor, Tensor]]:
    """The batches of D networks: in each step maps (B, D · channels, H, W) and labels (B, D).

    inputs, targets  for each network its maps (n, channels, H, W) and labels (n,); each takes them in the
    order that `rows_of_steps` has for its seed: 0, 1, 2 … where no seeds are given.
    """
    seeds = range(len(inputs)) if seeds is None else seeds
    orders = [rows_of_steps(len(X), steps, batch_size, seed) for X, seed in zip(inputs, seeds, strict=True)]
    return [
        (
            torch.cat([X[rows] for X, rows in zip(inputs, now, strict=True)], dim=1),
            torch.stack([y[rows] for y, rows in zip(targets, now, strict=True)], dim=1),
        )
        for now in zip(*orders, strict=True)
    ]


class _Rest(nn.Module):
    """The parts of a network from one of them on: maps -> logits."""

    def __init__(self, parts: Sequence[nn.Module]):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts[:-1]:
            x = part(x)
        return self.parts[-1](x.mean(dim=(2, 3)))


def train_draws(
    networks: Sequence[ResNet],
    inputs: Sequence[Tensor],
    targets: Sequence[Tensor],
    rates: Sequence[float],
    *,
    steps: int,
    batch_size: int = 32,
    decay: float = 0.0,
    seeds: Iterable[int] | None = None,
) -> list[ResNet]:
    """What `train_parts` does with each network, its pictures, its labels and its seed, done for all at once.

    The first parts with rate 0 give the same maps in every step: these are computed once. The numbers are
    those of `train_parts` but for the order of sums. Trains the networks in place, and returns them.
    """
    many = abreast(networks)
    parts = parts_of(many)
    frozen = next((place for place, rate in enumerate(rates) if rate), 0)
    with torch.no_grad():
        maps = [
            nn.Sequential(*parts_of(network)[:frozen]).eval()(X)
            for network, X in zip(networks, inputs, strict=True)
        ]
    feed = feed_of(maps, targets, steps, batch_size, seeds)
    train_feed(_Rest(parts[frozen:]), parts, rates, feed, loss=losses, decay=decay)
    return apart(many, networks)
