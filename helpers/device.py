"""Where and how a notebook runs: profile, device, precision, seed. Every choice says why."""

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.settings import DEVICES, PROFILES, setting

if TYPE_CHECKING:
    import torch


def profile(*, quick: Any, full: Any) -> Any:
    """Return ``quick`` or ``full``, whichever COURSE_PROFILE asks for (unset or blank: quick).

    Raises ValueError for any other value of COURSE_PROFILE.
    """
    chosen = setting("COURSE_PROFILE") or "quick"
    if chosen not in PROFILES:
        raise ValueError(
            f"COURSE_PROFILE is {chosen!r}; it must be 'quick' (small data, CPU, offline) or 'full' "
            "(real data, accelerator). Set it before the kernel starts, or restart the kernel."
        )
    return full if chosen == "full" else quick


def _available(kind: str) -> bool:
    import torch

    return torch.get_device_module(kind).is_available()


def pick_device(prefer: str | None = None, *, verbose: bool = True) -> "torch.device":
    """Return the ``torch.device`` to use and print the choice with its reason.

    The first available of cuda, mps, xpu, cpu; ``prefer`` (or the variable COURSE_DEVICE) overrules.
    Raises ValueError if the wanted device is unknown or not there.
    """
    import torch

    wanted = str(prefer or setting("COURSE_DEVICE"))
    there = [kind for kind in DEVICES if _available(kind)]
    if wanted:
        kind = wanted.partition(":")[0]
        if kind not in DEVICES:
            raise ValueError(f"device {wanted!r} is unknown; choose one of {', '.join(DEVICES)}")
        if kind not in there:
            raise ValueError(
                f"device {wanted!r} is not available here; available: {', '.join(there)}. "
                "Leave the choice open (pick_device()) or unset COURSE_DEVICE."
            )
        try:
            device, reason = torch.device(wanted), "asked for"
        except RuntimeError as error:
            raise ValueError(f"device {wanted!r} is malformed; write for example 'cuda:0'") from error
        count = torch.get_device_module(kind).device_count()
        if device.index is not None and device.index >= count:
            raise ValueError(
                f"device {wanted!r} is not available here: {count} of its kind, numbered from 0. "
                f"Leave the number out ({kind!r}) or choose a smaller one."
            )
    else:
        device = torch.device(there[0])
        reason = "no accelerator found" if there[0] == "cpu" else "first accelerator found"
    if verbose:
        print(f"device: {device} ({reason})")
    return device


def pick_precision(device: Any) -> tuple[Any, str]:
    """Return ``(dtype, reason)`` for mixed precision on ``device``; pass the dtype to ``fit``.

    bfloat16 where the card computes in it, float16 (with loss scaling) on older CUDA cards, otherwise
    float32, which switches mixed precision off. Some CPUs compute faster in bfloat16 (``avx512_bf16``),
    others slower although they name it: only measuring tells.
    """
    import torch

    device = torch.device(device)
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16, "this GPU computes in bfloat16, which has float32's range"
        return torch.float16, "this GPU has no bfloat16; float16 needs loss scaling, which fit does"
    if device.type == "xpu":
        return torch.bfloat16, "Intel GPUs compute in bfloat16"
    return torch.float32, f"the safe choice on {device.type}; measure what bfloat16 would gain"


def seed_everything(seed: int = 0) -> "torch.Generator":
    """Seed Python, NumPy, torch and, if it is loaded, Keras; return a CPU ``torch.Generator`` seeded alike.

    Give the generator to ``batches``, so that the order of the data has a stream of its own.
    """
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries still draw from the global generator
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)  # seeds torch too
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Send file descriptor 2 nowhere: TensorFlow's C++ parts log there before anyone can ask them not to."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def load_keras() -> ModuleType:
    """Import Keras on its TensorFlow backend and return it, without the start-up noise (4 to 7 seconds).

    TensorFlow is told to take GPU memory as it needs it, not all at once, so that torch can share the card.
    Raises RuntimeError if Keras is already running on another backend, or KERAS_BACKEND asks for one.
    """
    loaded = sys.modules.get("keras")
    backend = loaded.backend.backend() if loaded else os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        raise RuntimeError(
            f"Keras {'already runs' if loaded else 'was told to run'} on {backend!r}, the course uses "
            "TensorFlow: unset KERAS_BACKEND, restart the kernel, and call load_keras() before anything "
            "imports keras"
        )
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _silent_stderr():
        import keras
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
    return keras
