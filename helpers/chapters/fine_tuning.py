"""For section 4.2: an invented script of many characters, and a small ResNet that has learnt forty of them.

    python -m helpers.chapters.fine_tuning      # trains it, writes data/characters_resnet.safetensors

Many classes of a few strokes each, as in Omniglot (Lake, Salakhutdinov and Tenenbaum, *Science* 350, 2015),
but every character here is drawn by a program.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.chapters.resnet import ResNet
from helpers.chapters.strokes import smooth_line
from helpers.files import write_whole
from helpers.settings import COURSE
from helpers.training import fit

SIDE = 16  # pixels
MEAN, SPREAD = 0.22, 0.345  # of the pixels of the forty characters, in [0, 1]: what the network was given
OLD, NEW, OTHER = range(40), range(40, 50), range(50, 60)  # characters; rates were chosen on OTHER
WEIGHTS = COURSE / "data" / "characters_resnet.safetensors"
SHA256 = "6eb3a13756c602820b20076cebb033c23c85d90c2c2fbc5992e650ffcf8677f0"


@cache
def strokes(character: int) -> tuple[np.ndarray, ...]:
    """The two or three strokes of a character: arrays (K, 2) of three or four points in the unit square."""
    dice = np.random.default_rng((42, character))
    lines = []
    for _ in range(int(dice.integers(2, 4))):
        points = [dice.uniform(0, 1, 2)]
        wanted = int(dice.integers(3, 5))
        while len(points) < wanted:
            point = dice.uniform(0, 1, 2)
            if np.linalg.norm(point - points[-1]) > 0.35:
                points.append(point)
        lines.append(np.array(points))
    return tuple(lines)


def written(character: int, numbers: Sequence[int]) -> np.ndarray:
    """One character by as many hands as there are ``numbers``: float32 (N, 16, 16) in [0, 1].

    Hand number i writes the same whatever is asked for with it: points a little off, turned, slanted, another
    size and pen, a pixel to the side.
    """
    hands = [np.random.default_rng((43, character, number)) for number in numbers]
    turn, slant = np.array([(hand.normal(0, 0.15), hand.normal(0, 0.2)) for hand in hands]).T
    size = np.exp([hand.normal(0, 0.12, 2) for hand in hands])
    bent = []
    for points in strokes(character):
        off = np.stack([hand.normal(0, 0.05, points.shape) for hand in hands], axis=1)  # (K, N, 2)
        moved = (points[:, None] - 0.5 + off) * size
        line = smooth_line(moved.reshape(len(points), -1), 12)
        bent.append(line.reshape(len(line), len(hands), 2))
    x, y = np.concatenate(bent).transpose(2, 1, 0)  # each (N, points)
    x = x + slant[:, None] * y
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    places = np.stack([cos * x - sin * y, sin * x + cos * y], axis=2)
    low, high = places.min(axis=1, keepdims=True), places.max(axis=1, keepdims=True)
    scale = 0.78 * SIDE / (high - low).max(axis=2, keepdims=True)
    aside = np.stack([hand.uniform(-1, 1, 2) for hand in hands])[:, None]
    places = scale * (places - (low + high) / 2) + (SIDE - 1) / 2 + aside
    pen = np.array([hand.uniform(0.5, 1.0) for hand in hands])[:, None]  # half its width, in pixels
    rows, columns = np.divmod(np.arange(SIDE**2), SIDE)
    far = (places[:, :, None, 0] - columns) ** 2 + (places[:, :, None, 1] - rows) ** 2  # (N, points, 256)
    ink = np.clip(pen + 0.5 - np.sqrt(far.min(axis=1)), 0, 1)
    return ink.reshape(-1, SIDE, SIDE).astype(np.float32)


def characters(which: Sequence[int], numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Each of the characters ``which``, by the hands ``numbers``: normalised (N, 1, 16, 16), labels (N,).

    Labels are places in ``which``, from 0. Normalised: minus MEAN, divided by SPREAD. Raises ValueError where
    no character or no hand is asked for.
    """
    if not len(which) or not len(numbers):
        raise ValueError(f"{len(which)} characters by {len(numbers)} hands: at least one of each")
    pictures = np.concatenate([written(character, numbers) for character in which])[:, None]
    labels = torch.arange(len(which)).repeat_interleave(len(numbers))
    return torch.tensor((pictures - MEAN) / SPREAD, dtype=torch.float32), labels


def labelled(y: Tensor, each: int, seed: int) -> Tensor:
    """Row numbers of ``each`` rows of every class of y (N,), labels 0 … C - 1: (C · each,), turn by turn.

    A draw of its own for each ``seed``; the first C · k of them are k of every class. Raises ValueError for a
    class that has fewer.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    rows = [order[y.numpy()[order] == label] for label in range(int(y.max()) + 1)]
    for label, found in enumerate(rows):
        if len(found) < each:
            raise ValueError(
                f"each={each}: class {label} has only {len(found)} rows; ask for at most so many"
            )
    return torch.tensor(np.stack([found[:each] for found in rows], axis=1).reshape(-1))


def small_resnet(classes: int, seed: int = 0) -> ResNet:
    """Pictures (N, 1, 16, 16) -> logits (N, classes): a stem and three blocks with 8, 16 and 32 channels."""
    torch.manual_seed(seed)
    return ResNet((1, 1, 1), (8, 16, 32), channels=1, classes=classes)


def parts_of(network: ResNet) -> list[nn.Module]:
    """The five parts of a network, from the pictures to the logits: stem, three stages, head."""
    return [network.stem, *network.stages, network.head]


def exchange(network: nn.Module, names: Sequence[str], new: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """Put ``new(part)`` in the place of each of the parts ``names``, in the network itself; returns it."""
    for name in names:
        owner, _, last = name.rpartition(".")
        setattr(network.get_submodule(owner), last, new(network.get_submodule(name)))
    return network


def train_parts(
    network: ResNet,
    X: Tensor,
    y: Tensor,
    rates: Sequence[float],
    *,
    steps: int,
    seed: int = 0,
    batch_size: int = 32,
    decay: float = 0.0,
) -> ResNet:
    """Train each part with a learning rate of its own, as 4.2a does; a part with rate 0 stays as it is.

    A part that is not trained is in evaluation mode, so that its batch normalisation keeps its averages. The
    rates rise and fall in one cycle (4.1b); each step takes ``batch_size`` rows of passes in random order.
    Raises ValueError unless there is one rate, at least 0, for each part, and one above 0.
    """
    feed = Feed(X, y, rows_of_steps(len(X), steps, batch_size, seed))
    train_feed(network, parts_of(network), rates, feed, decay=decay)
    return network.eval()


class Feed:
    """The batches of all steps, one at a time: a list of them would hold each picture many times."""

    def __init__(self, X: Tensor, y: Tensor, rows: Tensor):
        self.X, self.y, self.rows = X, y, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return ((self.X[now], self.y[now]) for now in self.rows)


def train_feed(
    network: nn.Module,
    parts: Sequence[nn.Module],
    rates: Sequence[float],
    feed: Collection[tuple[Tensor, Tensor]],
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    decay: float = 0.0,
) -> None:
    """The training of `train_parts`, step by step on the batches of ``feed``; ``network`` holds the parts."""
    if len(rates) != len(parts) or min(rates) < 0 or not max(rates) > 0:
        raise ValueError(f"rates are {list(rates)}: {len(parts)} numbers from 0 up, at least one above 0")
    groups = []
    for part, rate in zip(parts, rates, strict=True):
        part.requires_grad_(rate > 0).train(rate > 0)
        if rate > 0:
            groups.append({"params": list(part.parameters()), "lr": rate})
    network.training = True  # of the network as a whole; its parts keep their own mode
    optimizer = torch.optim.AdamW(groups, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [group["lr"] for group in groups], total_steps=len(feed)
    )
    fit(network, feed, loss, optimizer, schedule=schedule, device="cpu")


def rows_of_steps(n: int, steps: int, batch_size: int = 32, seed: int = 0) -> Tensor:
    """Row numbers (steps, batch_size): pass after pass over n rows, each in another random order."""
    generator = torch.Generator().manual_seed(seed)
    passes = -(-steps * batch_size // n)
    order = torch.cat([torch.randperm(n, generator=generator) for _ in range(passes)])
    return order[: steps * batch_size].view(steps, batch_size)


def pretrain(steps: int = 300) -> ResNet:
    """The network of the forty characters OLD, trained on sixty hands each, as 4.2a does it."""
    X, y = characters(OLD, range(60))
    return train_parts(small_resnet(len(OLD)), X, y, [0.01] * 5, steps=steps, batch_size=64, decay=0.05)


def pretrained(path: str | Path = WEIGHTS) -> ResNet:
    """The network of the forty characters as it comes with the course, in evaluation mode.

    The file is compared with its checksum before anything in it is read. Raises FileNotFoundError without a
    file, ValueError for one that is cut off or changed.
    """
    path, again = Path(path), "take it from the course again, or train the network: pretrain()"
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is not in {path.parent.name}/: {again}")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(
            f"{path.name} ({len(content):,} bytes) has the SHA-256 {found[:12]}…, not {SHA256[:12]}…: {again}"
        )
    network = small_resnet(len(OLD))
    network.load_state_dict(load(content))
    return network.eval()


def main() -> None:
    """Train the network again and write its weights; a new checksum belongs into SHA256."""
    argparse.ArgumentParser(
        prog="python -m helpers.chapters.fine_tuning", description=main.__doc__
    ).parse_args()
    torch.set_num_threads(1)
    content = save({name: part.contiguous() for name, part in pretrain().state_dict().items()})
    print(f"{write_whole(WEIGHTS, content).name}: {len(content):,} bytes, SHA-256")
    print(hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    main()
