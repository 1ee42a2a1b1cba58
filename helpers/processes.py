"""Several processes that train one model together (torchrun). For one process all this does nothing."""

import atexit
import os
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.data import Sampler
from torch.utils.data.distributed import DistributedSampler

from helpers.device import pick_device
from helpers.feeding import parts_of


class Processes:
    """This process, ``rank`` of ``world`` that torchrun started: each takes its rows of every batch."""

    def __init__(self, device: torch.device):
        together = dist.is_available() and dist.is_initialized()
        self.rank, self.world = (dist.get_rank(), dist.get_world_size()) if together else (0, 1)
        self.device = device

    def share(self, batch: Any) -> tuple[Any, int]:
        """This process's part of a batch, and its number of rows."""
        if self.world == 1:
            return batch, len(batch[-1])
        rows = len(range(self.rank, len(batch[-1]), self.world))
        # a process without rows still takes part in the exchange of gradients, with weight 0
        return [part[self.rank :: self.world] if rows else part[:1] for part in batch], rows

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model whose gradients are exchanged."""
        return nn.parallel.DistributedDataParallel(model) if self.world > 1 else model

    def exchange(self, net: nn.Module, now: bool) -> None:
        """The next backward pass exchanges gradients ``now``, or only adds them up here."""
        if self.world > 1:
            net.require_backward_grad_sync = now

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.world == 1:
            return values
        values = values.to(self.device)
        dist.all_reduce(values)
        return values.cpu()

    def any(self, stop: bool) -> bool:
        """Whether one of them wants to stop, for then all do."""
        return stop if self.world == 1 else bool(self.total(torch.tensor(float(stop))))

    def share_statistics(self, model: nn.Module) -> None:
        """The running statistics of each process are those of its rows: keep those of rank 0."""
        for buffer in model.buffers() if self.world > 1 else ():
            dist.broadcast(buffer, 0)

    def meet(self) -> None:
        """Wait until all are here."""
        if self.world > 1:
            dist.barrier()


def join(device: torch.device, *loaders: Iterable) -> Processes:
    """Meet the other processes. Raises ValueError where they would not draw the same batches."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        for part in parts_of(*loaders):
            if isinstance(part, DistributedSampler):
                raise ValueError(
                    "under torchrun fit gives each process its rows of every batch: leave DistributedSampler "
                    "out, it would divide the data a second time"
                )
            draws = isinstance(part, Sampler) or getattr(part, "shuffle", False)
            if draws and getattr(part, "generator", part) is None:
                raise ValueError(
                    "under torchrun every process must draw the same order: give batches or the DataLoader a "
                    "seeded generator, batches(..., generator=seed_everything(0))"
                )
        if device.type == "cuda":
            torch.cuda.set_device(device)
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
            atexit.register(dist.destroy_process_group)
    return Processes(device)


def device_for(asked: str | torch.device | None) -> torch.device:
    """The device asked for, or the first there is; under torchrun each process has a GPU of its own."""
    device = pick_device(None if asked is None else str(asked), verbose=False)
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device
