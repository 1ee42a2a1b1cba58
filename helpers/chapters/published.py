"""For section 4.2c: coloured pictures of characters, and a file of weights as others publish theirs.

A published file names the parts of a ResNet as torchvision and timm do; `published_name` and
`transformers_name` say how our names (helpers.chapters.resnet) read there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from helpers.chapters.fine_tuning import OLD, SIDE, train_parts, written
from helpers.chapters.resnet import ResNet
from helpers.files import write_whole

BLOCKS, WIDTHS = (1, 1, 1), (8, 16, 32)  # of the small network that `publish` trains
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "size": 224}  # timm's constants


def coloured(which: Sequence[int], hands: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Characters in warm ink on dark blue paper: pixels uint8 (N, 32, 32, 3), labels (N,).

    Labels are places in ``which``. Shapes as in 4.2a, each pixel doubled; the colours of a picture are drawn
    anew, always the same ones. Raises ValueError where no character or no hand is asked for.
    """
    if not len(which) or not len(hands):
        raise ValueError(f"{len(which)} characters by {len(hands)} hands: at least one of each")
    ink = np.concatenate([written(character, hands) for character in which])[..., None]
    rng = np.random.default_rng((44, which[0], hands[0]))
    warm = rng.uniform((200, 120, 20), (255, 220, 120), (len(ink), 1, 1, 3))
    paper = rng.uniform((10, 20, 60), (60, 80, 140), (len(ink), 1, 1, 3))
    paper, warm = paper.astype(np.float32), warm.astype(np.float32)
    pixels = np.empty((len(ink), 2 * SIDE, 2 * SIDE, 3), dtype=np.uint8)
    for place, picture in enumerate(ink):  # one by one: all at once would need hundreds of megabytes
        doubled = picture.repeat(2, axis=0).repeat(2, axis=1)
        pixels[place] = np.round(paper[place] + doubled * (warm[place] - paper[place]))
    return pixels, np.arange(len(which)).repeat(len(hands))


def published_name(ours: str) -> str:
    """How a name of our ResNet of basic blocks is published: stages.0.1.parts.0.0.bias: layer1.1.conv1.bias.

    Raises ValueError for any other name.
    """
    place, _, leaf = ours.rpartition(".")
    fixed = {"stem.0.0": "conv1", "stem.0.1": "bn1", "head": "fc"}
    if place in fixed:
        return f"{fixed[place]}.{leaf}"
    if found := re.fullmatch(r"stages\.(\d+)\.(\d+)\.(parts\.[01]|shortcut)\.([01])", place):
        stage, block, part, inner = found.groups()
        pair = ("conv", "bn")[int(inner)]
        tail = f"downsample.{inner}" if part == "shortcut" else f"{pair}{int(part[-1]) + 1}"
        return f"layer{int(stage) + 1}.{block}.{tail}.{leaf}"
    raise ValueError(f"{ours!r} is no name of a ResNet of basic blocks")


def transformers_name(ours: str) -> str:
    """A name of our ResNet as `transformers.ResNetForImageClassification` has it."""
    place, _, leaf = ours.rpartition(".")
    if place == "head":
        return f"classifier.1.{leaf}"
    place, _, inner = place.rpartition(".")
    kind = ("convolution", "normalization")[int(inner)]
    if place == "stem.0":
        return f"resnet.embedder.embedder.{kind}.{leaf}"
    _, stage, block, *part = place.split(".")
    tail = "shortcut" if part == ["shortcut"] else f"layer.{part[1]}"
    return f"resnet.encoder.stages.{stage}.layers.{block}.{tail}.{kind}.{leaf}"


def new_network(classes: int = len(OLD), seed: int = 0) -> ResNet:
    """The small network with random weights: normalised pictures (N, 3, 32, 32) -> logits (N, classes)."""
    torch.manual_seed(seed)
    return ResNet(BLOCKS, WIDTHS, channels=3, classes=classes, small=False)


def publish(folder: str | Path, steps: int = 300) -> Path:
    """Train on forty coloured characters; write what a publisher would -> the path of model.safetensors.

    Beside the weights stands preprocessor.json: mean and std of the pixels, as shares of 255, and the side.
    """
    X, y = coloured(OLD, range(60))
    counts = [np.bincount(X[..., colour].ravel(), minlength=256) for colour in range(3)]
    shares, values = np.stack(counts) / X[..., 0].size, np.arange(256) / 255
    mean = shares @ values
    std = (shares @ values**2 - mean**2) ** 0.5
    mean, std = np.round(mean, 3), np.round(std, 3)
    card = {"mean": mean.tolist(), "std": std.tolist(), "size": X.shape[1]}
    network = train_parts(
        new_network(), normal(X, card), torch.tensor(y), [0.01] * 5, steps=steps, batch_size=32, decay=0.05
    )
    write_whole(Path(folder) / "preprocessor.json", json.dumps(card))
    return write_whole(Path(folder) / "model.safetensors", save(published(network)))


def published(network: ResNet) -> dict[str, Tensor]:
    """The weights and running averages of a network under their published names."""
    return {published_name(name): value.contiguous() for name, value in network.state_dict().items()}


def normal(pixels: np.ndarray, card: dict) -> Tensor:
    """Pixels uint8 (N, H, W, 3) as the publisher prepares them: float32 (N, 3, H, W)."""
    mean, std = (torch.tensor(card[key]).view(3, 1, 1) for key in ("mean", "std"))
    return torch.tensor(pixels).permute(0, 3, 1, 2).float().div_(255).sub_(mean).div_(std)


def loaded(file: str | Path) -> ResNet:
    """The small network with the weights of a published file, in evaluation mode: no checks, see 4.2c."""
    network, weights = new_network(), load(Path(file).read_bytes())
    network.load_state_dict({name: weights[published_name(name)] for name in network.state_dict()})
    return network.eval()
