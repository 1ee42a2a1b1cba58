"""Several processes that train one model together (torchrun). For one process all this does nothing."""

import atexit
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from helpers.device import pick_device


class Alone:
    """One process: nothing to divide, to add up or to wait for."""

    rank, world = 0, 1

    def share(self, batch: Any) -> tuple[Any, int]:
        """This process's part of a batch, and how many rows it has."""
        return batch, len(batch[-1])

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model as each process trains it."""
        return model

    def exchanging(self, net: nn.Module, now: bool) -> AbstractContextManager:
        """A backward pass inside exchanges gradients if ``now``, else it only adds them up here."""
        return nullcontext()

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        return values

    def agree_to_stop(self, stop: bool) -> bool:
        """One process that wants to stop stops all."""
        return stop

    def take_buffers_of_rank_0(self, model: nn.Module) -> None:
        """The running statistics of each process are those of its share: keep one set."""

    def meet(self) -> None:
        """Wait until all are here."""


class Together(Alone):
    """One of several processes, each of which trains on its rows of every batch."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.rank, self.world = torch.distributed.get_rank(), torch.distributed.get_world_size()

    def share(self, batch: Any) -> tuple[Any, int]:
        rows = len(range(self.rank, len(batch[-1]), self.world))
        # a process without rows still takes part in the exchange of gradients, with weight 0
        return [part[self.rank :: self.world] if rows else part[:1] for part in batch], rows

    def wrap(self, model: nn.Module) -> nn.Module:
        return nn.parallel.DistributedDataParallel(model)

    def exchanging(self, net: nn.Module, now: bool) -> Any:
        return nullcontext() if now else net.no_sync()

    def total(self, values: Tensor) -> Tensor:
        values = values.to(self.device)
        torch.distributed.all_reduce(values)
        return values.cpu()

    def agree_to_stop(self, stop: bool) -> bool:
        return bool(self.total(torch.tensor(float(stop))))

    def take_buffers_of_rank_0(self, model: nn.Module) -> None:
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, 0)

    def meet(self) -> None:
        torch.distributed.barrier()


def joined(device: torch.device) -> Alone:
    """The processes that ``join`` has brought together, or this one alone."""
    together = torch.distributed.is_available() and torch.distributed.is_initialized()
    return Together(device) if together else Alone()


def join(device: torch.device, loader: Iterable) -> Alone:
    """Meet the other processes that torchrun started. Raises ValueError if they would draw other batches."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return Alone()
    if getattr(loader, "shuffle", False) and getattr(loader, "generator", None) is None:
        raise ValueError(
            "under torchrun every process must draw the same order: give batches a seeded generator, "
            "batches(..., generator=seed_everything(0))"
        )
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(torch.distributed.destroy_process_group)
    return joined(device)


def device_for(asked: str | torch.device | None) -> torch.device:
    """The device asked for, or the first there is; under torchrun each process has a GPU of its own."""
    device = pick_device(None if asked is None else str(asked), verbose=False)
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device
