"""For section 4.3: what autograd keeps in memory, as 4.3a builds it, and the time of a call."""

from __future__ import annotations

import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


def kept_over_time(step: Callable[[], Any], weights: Iterable[Tensor]) -> list[int]:
    """Bytes that autograd keeps for the backward pass, after each change while ``step()`` runs.

    Each storage counts once, whatever views of it are kept; that of ``weights`` does not count. The largest
    entry is the highest point. Built in 4.3a.
    """
    own, alive, history = {w.untyped_storage().data_ptr() for w in weights}, Counter(), []

    def change(storage: tuple[int, int], by: int) -> None:
        alive[storage] += by
        history.append(sum(size for (place, size), times in alive.items() if times and place not in own))

    def pack(tensor: Tensor) -> Tensor:
        kept, place = tensor.detach(), tensor.untyped_storage()
        change((place.data_ptr(), place.nbytes()), +1)
        weakref.finalize(kept, change, (place.data_ptr(), place.nbytes()), -1)
        return kept

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept):
        step()
    return history


def milliseconds(action: Callable[[], Any], rounds: int = 5) -> float:
    """The least time of ``rounds`` calls, in milliseconds, after one call for warming up."""
    action()
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return 1000 * min(seconds)
