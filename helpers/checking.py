"""Checks that speak: one line that is the same on every machine, or an error that shows the difference."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np


def _to_numpy(value: Any) -> np.ndarray:
    """A NumPy view of an array, a torch tensor (any device) or a Keras/TensorFlow tensor."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        if value.dtype == torch.bfloat16:  # NumPy has no bfloat16
            value = value.float()
        return value.numpy()
    return np.asarray(value)


def _describe(array: np.ndarray) -> str:
    return f"{array.shape} {array.dtype}" if array.ndim else f"{array.dtype}"


def check_close(name: str, mine: Any, reference: Any, *, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Print ``ok   name   shape dtype`` if ``mine`` equals ``reference``; raise AssertionError if not.

    Both are anything array-like: numbers, NumPy arrays, torch or TensorFlow tensors.  Shapes must be
    equal (no broadcasting), then each entry must satisfy |mine - reference| <= atol + rtol |reference|.
    Nan equals nan only in the same place.  Types may differ in width (float32 against float64) but not
    in kind (a float is not an integer, a boolean is neither).
    Source of the rule: numpy.testing.assert_allclose.
    """
    mine, reference = _to_numpy(mine), _to_numpy(reference)
    if mine.dtype == object or reference.dtype == object:
        raise AssertionError(f"{name}: not an array of numbers: mine {mine!r}, reference {reference!r}")
    if mine.shape != reference.shape:
        raise AssertionError(f"{name}: wrong shape: mine {mine.shape}, reference {reference.shape}")
    kinds = {"i": "integer", "u": "integer", "f": "float", "c": "complex", "b": "boolean", "U": "text"}
    mine_kind, reference_kind = (kinds.get(a.dtype.kind, a.dtype.kind) for a in (mine, reference))
    if mine_kind != reference_kind:
        raise AssertionError(f"{name}: wrong type: mine {mine.dtype}, reference {reference.dtype}")
    if mine_kind in ("float", "complex"):
        wide = np.complex128 if mine_kind == "complex" else np.float64
        a, b = mine.astype(wide), reference.astype(wide)
        close = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    else:
        close = np.asarray(mine == reference)
    if not close.all():
        where = tuple(int(i) for i in np.argwhere(~close)[0])
        place = f" at {list(where)}" if where else ""
        raise AssertionError(
            f"{name}: right shape, wrong values: {int((~close).sum())} of {close.size} differ by more than "
            f"atol={atol:g} + rtol={rtol:g}; first{place}: mine {mine[where]!s}, "
            f"reference {reference[where]!s}"
        )
    print(f"ok   {name}   {_describe(mine)}")


def check_grad(
    name: str, fn: Callable[..., Any], *inputs: np.ndarray, grads: Any, eps: float = 1e-6, rtol: float = 1e-5
) -> None:
    """Compare ``grads`` with central differences of the scalar ``fn(*inputs)`` in float64.

    ``grads`` is one array per input, each of its input's shape, or a function that returns them.
    Every input is moved by ±eps along random directions; the slope must agree with grad · direction
    to ``rtol``.  Prints one line; raises AssertionError with input, slope got and expected.  A gradient
    that is all zeros is refused where the function does change: a zero passes too many checks.
    """
    arrays = [np.asarray(_to_numpy(x), dtype=np.float64).copy() for x in inputs]
    claimed = grads(*arrays) if callable(grads) else grads
    claimed = [claimed] if len(arrays) == 1 and not isinstance(claimed, (list, tuple)) else list(claimed)
    if len(claimed) != len(arrays):
        raise AssertionError(f"{name}: {len(claimed)} gradients for {len(arrays)} inputs")
    directions = np.random.default_rng(0)
    for i, (x, gradient) in enumerate(zip(arrays, claimed, strict=True)):
        gradient = np.asarray(_to_numpy(gradient), dtype=np.float64)
        if gradient.shape != x.shape:
            raise AssertionError(f"{name}, input {i}: gradient {gradient.shape}, input {x.shape}")
        for _ in range(3):
            direction = directions.standard_normal(x.shape)
            ends = [
                float(_to_numpy(fn(*[x + step * direction if j == i else a for j, a in enumerate(arrays)])))
                for step in (eps, -eps)
            ]
            expected = (ends[0] - ends[1]) / (2 * eps)
            got = float((gradient * direction).sum())
            noise = 1e-14 * max(abs(ends[0]), abs(ends[1]), 1.0) / eps  # rounding in the difference
            if not abs(got - expected) <= rtol * abs(expected) + 100 * noise:
                raise AssertionError(
                    f"{name}, input {i}: slope along a random direction: expected {expected:.8g} "
                    f"(central difference), got {got:.8g} from the gradient"
                )
    print(f"ok   {name}   gradient of {len(arrays)} input{'s' if len(arrays) > 1 else ''}")
