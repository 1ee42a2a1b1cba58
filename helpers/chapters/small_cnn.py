"""The convolutional network that section 6.1b builds, for the other parts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers.device import seed_everything
from helpers.feeding import batches
from helpers.training import fit


def small_cnn(outputs: int = 10, width: int = 8, dropout: float = 0.0) -> nn.Sequential:
    """Pictures (N, 1, 28, 28) -> logits (N, outputs): three convolutions, ``width`` maps in the first."""

    def block(before: int, after: int) -> list[nn.Module]:
        return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]

    return nn.Sequential(
        *block(1, width),
        nn.MaxPool2d(2),
        *block(width, 2 * width),
        nn.MaxPool2d(2),
        *block(2 * width, 4 * width),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(4 * width * 7 * 7, outputs),
    )


def trained_cnn(
    X: np.ndarray,
    y: np.ndarray,
    *,
    width: int,
    epochs: int,
    batch_size: int,
    rate: float,
    dropout: float = 0.0,
    seed: int = 0,
    frozen: int = 0,
    augment: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None,
    device: str | torch.device | None = None,
) -> nn.Sequential:
    """``small_cnn`` trained as in 6.1b (AdamW, one-cycle up to ``rate``) on X (N, 1, 28, 28), y (N,).

    ``augment(x, generator)`` changes each batch of pictures (see ``batches``). The kernels of the first
    ``frozen`` convolutions stay as they began. The network is returned on the CPU and in eval mode.
    """
    generator = seed_everything(seed)
    network = small_cnn(width=width, dropout=dropout)
    for layer in [layer for layer in network if isinstance(layer, nn.Conv2d)][:frozen]:
        layer.weight.requires_grad_(False)
    feed = batches(X, y, batch_size=batch_size, shuffle=True, generator=generator, augment=augment)
    learning = [weights for weights in network.parameters() if weights.requires_grad]
    optimizer = torch.optim.AdamW(learning, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=len(feed) * epochs)
    fit(network, feed, F.cross_entropy, optimizer, epochs=epochs, schedule=schedule, device=device)
    return network.cpu().eval()
