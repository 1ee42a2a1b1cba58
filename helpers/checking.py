"""Checks that speak: one line that is the same on every machine, or an error that shows the difference."""

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "float", "c": "complex number"}


class CheckFailed(AssertionError):
    """What is checked is not so. A notebook shows the message only, without the calls that led here."""

    def _render_traceback_(self):
        return [f"CheckFailed: {self}"]


def to_numpy(value: Any) -> np.ndarray:
    """A NumPy array of an array, a torch tensor (any device), a Keras/TensorFlow tensor or a list of them.

    bfloat16, which NumPy does not have, becomes float32. Raises ValueError for a list whose rows differ in
    length.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu().resolve_conj()
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    if torch is not None and isinstance(value, (list, tuple)):
        value = [to_numpy(item) for item in value]
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array  # TensorFlow's


def kind_of(array: np.ndarray) -> str | None:
    """What an array holds, "boolean", "integer", "float" or "complex number"; None for anything else."""
    return KINDS.get(array.dtype.kind)


def close(mine: np.ndarray, reference: np.ndarray, *, rtol: float, atol: float) -> np.ndarray:
    """Where two arrays of one shape agree: an array of booleans.

    Floats and complex numbers: |mine - reference| <= atol + rtol |reference|, in float64, nan equal to nan;
    integers and booleans: equal. Source of the rule: numpy.testing.assert_allclose.
    """
    if kind_of(reference) not in ("float", "complex number"):
        return np.asarray(mine == reference)
    wide = np.complex128 if "c" in (mine.dtype.kind, reference.dtype.kind) else np.float64
    with np.errstate(invalid="ignore", over="ignore"):
        return np.isclose(mine.astype(wide), reference.astype(wide), rtol=rtol, atol=atol, equal_nan=True)


def check_close(name: str, mine: Any, reference: Any, *, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Print ``ok   name   shape dtype`` if ``mine`` equals ``reference``; raise CheckFailed if not.

    Both are anything that holds numbers: numbers, NumPy arrays, torch or TensorFlow tensors, lists of them.
    Shapes must be equal (no broadcasting), then each entry must satisfy
    |mine - reference| <= atol + rtol |reference|; integers and booleans must be equal.
    Nan equals nan only in the same place. Types may differ in width (float32 against float64) but not
    in kind (a float is not an integer, a boolean is neither).
    Source of the rule: numpy.testing.assert_allclose.
    """
    try:
        mine, reference = to_numpy(mine), to_numpy(reference)
    except ValueError as error:  # a list whose rows differ in length
        raise CheckFailed(f"{name}: not an array of numbers: {error}") from None
    if kind_of(mine) is None or kind_of(reference) is None:
        raise CheckFailed(f"{name}: not an array of numbers: mine {mine!r}, reference {reference!r}")
    if mine.shape != reference.shape:
        raise CheckFailed(f"{name}: wrong shape: mine {mine.shape}, reference {reference.shape}")
    if kind_of(mine) != kind_of(reference):
        raise CheckFailed(f"{name}: wrong type: mine {mine.dtype}, reference {reference.dtype}")
    right = close(mine, reference, rtol=rtol, atol=atol)
    if not right.all():
        limit = f" by more than atol={atol:g} + rtol={rtol:g}" if mine.dtype.kind in "fc" else ""
        where = tuple(int(i) for i in np.argwhere(~right)[0])
        place = f" at {list(where)}" if where else ""
        raise CheckFailed(
            f"{name}: right shape, wrong values: {int((~right).sum())} of {right.size} differ{limit}; "
            f"first{place}: mine {mine[where]!s}, reference {reference[where]!s}"
        )
    shape = f"{mine.shape} " if mine.ndim else ""
    print(f"ok   {name}   {shape}{mine.dtype}")


def check_true(claim: str, holds: Any) -> None:
    """Print ``ok   claim`` if ``holds`` is true; raise CheckFailed if not, in every profile.

    ``holds`` is one truth value (bool, NumPy or torch), for results that vary within bounds:
    ``check_true("accuracy at least 0.93", accuracy >= 0.93)``. Raises TypeError for anything else, such as
    an array of truth values: say .all() or .any().
    """
    value = to_numpy(holds)
    if value.dtype != bool or value.ndim:
        raise TypeError(f"{claim}: {holds!r} is not one truth value; compare, or say .all() or .any()")
    if not value:
        raise CheckFailed(f"{claim}: this is not so here")
    print(f"ok   {claim}")


def check_grad(
    name: str, fn: Callable[..., Any], *inputs: np.ndarray, grads: Any, eps: float = 1e-6, rtol: float = 1e-5
) -> None:
    """Compare ``grads`` with central differences of the scalar ``fn(*inputs)`` in float64.

    ``fn`` takes float64 NumPy arrays (for torch: ``torch.from_numpy`` inside it) and returns one number.
    ``grads`` is one array per input, each of its input's shape, or a function that returns them.
    Every input is moved by ±eps along random directions; the slope must agree with grad · direction
    to ``rtol``, or to the rounding of the difference: about 1e-8 max(1, |fn|) for the default eps.
    Prints one line; raises CheckFailed with input, slope got and expected, ValueError if ``fn`` does not
    return one number.
    """
    arrays = [np.asarray(to_numpy(x), dtype=np.float64).copy() for x in inputs]

    def value(*at: np.ndarray) -> float:
        result = to_numpy(fn(*(array.copy() for array in at)))  # a function may write into its input
        if result.size != 1:
            raise ValueError(f"{name}: fn must return one number, not shape {result.shape}: sum it, say")
        return float(result.item())

    claimed = grads(*(array.copy() for array in arrays)) if callable(grads) else grads
    claimed = [claimed] if len(arrays) == 1 and not isinstance(claimed, (list, tuple)) else list(claimed)
    if len(claimed) != len(arrays):
        raise CheckFailed(f"{name}: {len(claimed)} gradients for {len(arrays)} inputs")
    directions = np.random.default_rng(0)
    for i, (x, gradient) in enumerate(zip(arrays, claimed, strict=True)):
        gradient = np.asarray(to_numpy(gradient), dtype=np.float64)
        if gradient.shape != x.shape:
            raise CheckFailed(f"{name}, input {i}: gradient {gradient.shape}, input {x.shape}")
        for _ in range(3):
            direction = directions.standard_normal(x.shape)
            ahead, behind = (
                value(*arrays[:i], x + step * direction, *arrays[i + 1 :]) for step in (eps, -eps)
            )
            expected = (ahead - behind) / (2 * eps)
            with np.errstate(invalid="ignore"):  # of an infinite gradient
                got = float((gradient * direction).sum())
            noise = 1e-14 * max(abs(ahead), abs(behind), 1.0) / eps  # rounding in the difference
            if not (math.isfinite(expected) and abs(got - expected) <= rtol * abs(expected) + noise):
                raise CheckFailed(
                    f"{name}, input {i}: slope along a random direction: expected {expected:.8g} "
                    f"(central difference), got {got:.8g} from the gradient"
                )
    print(f"ok   {name}   gradient of {len(arrays)} input{'s' if len(arrays) > 1 else ''}")
