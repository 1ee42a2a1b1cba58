"""What is different between an answer and what is expected, in one sentence; values as text and as code.

Numbers are compared by the rule of `helpers.check_close`. Imports no framework.
"""

import re
import reprlib
from typing import Any

import numpy as np

from helpers.checking import close, kind_of, to_numpy

ONE = {"boolean": "a bool", "integer": "an int", "float": "a float", "complex number": "a complex number"}
FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "jaxlib")


class Difference(str):
    """What is different, one sentence; `about` says what it concerns: "type", "shape" or "value"."""

    about: str

    def __new__(cls, sentence: str, about: str) -> "Difference":
        """A text that carries what it is about."""
        made = super().__new__(cls, sentence)
        made.about = about
        return made


def as_array(value: Any) -> np.ndarray | None:
    """A number, an array or a framework's tensor as a NumPy array of numbers; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return np.asarray(float(value) if abs(value) < 2**1023 else np.inf * np.sign(value))
    if not isinstance(value, (bool, int, float, complex, np.ndarray, np.generic)) and not is_tensor(value):
        return None
    array = to_numpy(value)
    return array if kind_of(array) else None


def is_tensor(value: Any) -> bool:
    """Whether it is an array of a framework."""
    return _library(value) in FRAMEWORKS and hasattr(value, "shape") and hasattr(value, "dtype")


def difference(got: Any, expected: Any, *, rtol: float = 1e-6, atol: float = 1e-9) -> Difference | None:
    """The first thing that is wrong with `got`, as a sentence (a Difference); None when it is as expected.

    Looked at in this order: its type, its shape, its kind of numbers (integers, floats …; the width does not
    matter), its values (`close`). A tuple may be a list. Arrays are NumPy's own (no np.matrix, no masked
    array) or a framework's, as `expected` is; a single number is Python's or NumPy's, not a tensor. A torch
    tensor from which slopes can be computed is expected where `expected` is one (it has a `grad_fn`).
    """
    if isinstance(expected, (tuple, list)):
        return _different_items(got, expected, rtol, atol)
    if isinstance(expected, dict) and isinstance(got, dict):
        return _different_entries(got, expected, rtol, atol)
    if _is_int(expected) and _is_int(got):
        return None if int(got) == int(expected) else Difference("wrong value", "value")
    wanted, numbers = as_array(expected), as_array(got)
    if wanted is None and (
        type(got) is type(expected) or (isinstance(expected, str) and type(got) is np.str_)
    ):
        return None if got == expected else Difference("another value than expected", "value")
    if wanted is None or numbers is None or not _of_one_library(got, expected):
        return Difference(f"expected {_type_name(expected)}, got {_type_name(got)}", "type")
    if numbers.shape != wanted.shape:
        return Difference(f"wrong shape: expected {wanted.shape}, got {numbers.shape}", "shape")
    return (
        _wrong_kind(numbers, wanted)
        or _wrong_values(numbers, wanted, rtol, atol)
        or _without_slopes(got, expected)
    )


def identical(value: Any, other: Any) -> bool:
    """Whether two values are the same to the last bit: numbers, texts, arrays, tensors, and containers."""
    if type(value) is not type(other):
        return False
    if isinstance(value, (list, tuple)):
        return len(value) == len(other) and all(map(identical, value, other))
    if isinstance(value, dict):
        return list(value) == list(other) and all(identical(value[key], other[key]) for key in value)
    array, other_array = as_array(value), as_array(other)
    if array is None or other_array is None:
        return value == other if isinstance(value, (str, bytes)) else True
    same = array.shape == other_array.shape and array.dtype == other_array.dtype
    return same and array.tobytes() == other_array.tobytes()


def show(value: Any) -> str:
    """A value as short text: a float to 12 digits, small arrays in full, large ones as their shape."""
    array = as_array(value)
    if array is None or (array.ndim == 0 and not is_tensor(value)):
        short = reprlib.Repr()
        short.maxstring = short.maxother = short.maxlong = 100
        value = value.item() if isinstance(value, np.generic) else value
        return repr(float(f"{value:.12g}")) if isinstance(value, float) else short.repr(value)
    what = f"{_type_name(value)} of shape {array.shape}, {value.dtype}"
    if array.size > 40:
        return what
    return f"{np.array2string(array, precision=6, max_line_width=100)}\n{what}"


def as_code(value: Any) -> str:
    """A value as Python that makes it again, on one line; an array of more than 40 numbers as its shape."""
    array = as_array(value)
    if isinstance(value, (list, tuple)):
        items = ", ".join(as_code(item) for item in value)
        return f"[{items}]" if isinstance(value, list) else f"({items}{',' * (len(value) == 1)})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_code(key)}: {as_code(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (float, np.floating)) and not np.isfinite(value):
        return _name_specials(repr(float(value)))
    if array is None or isinstance(value, (bool, int, float, complex, np.generic)):
        return repr(value)
    if array.size > 40 or _library(value) not in ("numpy", "torch"):
        return f"<{_type_name(value)} of shape {array.shape}, {value.dtype}>"
    if not array.size:
        default, code = "float64", f"np.zeros({array.shape}"
    else:
        numbers = array.tolist()
        default, code = str(np.array(numbers).dtype), f"np.array({_name_specials(repr(numbers))}"
    if _library(value) == "torch":
        default = default.replace("float64", "float32")
        code = code.replace("np.array(", "torch.tensor(").replace("np.zeros(", "torch.zeros(")
        return f"{code})" if str(value.dtype) == f"torch.{default}" else f"{code}, dtype={value.dtype})"
    return f"{code})" if array.dtype.name == default else f"{code}, dtype=np.{array.dtype.name})"


def _name_specials(numbers: str) -> str:
    """Write np.nan and np.inf for nan and inf, which are no Python."""
    return re.sub(r"\b(nan|inf)\b", r"np.\1", numbers)


def _different_items(got: Any, expected: tuple | list, rtol: float, atol: float) -> Difference | None:
    if not isinstance(got, (tuple, list)):
        wanted = f"{_type_name(expected)} of {len(expected)} items"
        return Difference(f"expected {wanted}, got {_type_name(got)}", "type")
    if len(got) != len(expected):
        return Difference(f"expected {len(expected)} items, got {len(got)}", "shape")
    for index, (item, wanted) in enumerate(zip(got, expected, strict=True)):
        if (found := difference(item, wanted, rtol=rtol, atol=atol)) is not None:
            return Difference(f"item {index}: {found}", found.about)
    return None


def _different_entries(got: dict, expected: dict, rtol: float, atol: float) -> Difference | None:
    if got.keys() != expected.keys():
        return Difference(f"expected the keys {list(expected)}, got {list(got)}", "value")
    for key, wanted in expected.items():
        if (found := difference(got[key], wanted, rtol=rtol, atol=atol)) is not None:
            return Difference(f"at {key!r}: {found}", found.about)
    return None


def _is_int(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _of_one_library(got: Any, expected: Any) -> bool:
    if is_tensor(got) or is_tensor(expected):
        return _library(got) == _library(expected)
    if isinstance(got, np.ndarray):
        return type(got) is np.ndarray  # no masked array, no matrix
    return not isinstance(expected, np.ndarray) or expected.ndim == 0


def _wrong_kind(numbers: np.ndarray, wanted: np.ndarray) -> Difference | None:
    kind, wanted_kind = kind_of(numbers), kind_of(wanted)
    if kind == wanted_kind or (wanted.ndim == 0 and (kind, wanted_kind) == ("integer", "float")):
        return None  # the single number 2 is as good as 2.0
    if wanted.ndim == 0:
        return Difference(f"wrong kind of number: expected {ONE[wanted_kind]}, got {ONE[kind]}", "type")
    return Difference(f"right shape, wrong kind of numbers: expected {wanted_kind}s, got {kind}s", "type")


def _wrong_values(numbers: np.ndarray, wanted: np.ndarray, rtol: float, atol: float) -> Difference | None:
    right = close(numbers, wanted, rtol=rtol, atol=atol)
    if np.all(right):
        return None
    if wanted.ndim == 0:
        return Difference("wrong value", "value")
    wide = complex if wanted.dtype.kind == "c" else float  # so that uint8 and bool can be subtracted
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(numbers.astype(wide) - wanted.astype(wide))
    distance = np.where(right, -1.0, np.where(np.isnan(distance), np.inf, distance))
    where = tuple(int(i) for i in np.unravel_index(np.argmax(distance), distance.shape))
    return Difference(
        f"right shape, wrong values: {np.count_nonzero(~right)} of {wanted.size} differ, largest difference "
        f"{distance[where]:.3g} at {where if len(where) > 1 else where[0]}: "
        f"expected {wanted[where].item():.6g}, got {numbers[where].item():.6g}",
        "value",
    )


def _without_slopes(got: Any, expected: Any) -> Difference | None:
    if getattr(expected, "grad_fn", None) is None or got.grad_fn is not None:
        return None
    return Difference("right values, but no slope reaches the inputs (is something detached?)", "value")


def _library(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _type_name(value: Any) -> str:
    if value is None or value is Ellipsis:
        return "None" if value is None else "... (three dots)"
    name = type(value).__name__
    if _library(value) == "builtins":
        return f"{'an' if name[0] in 'aeiouAEIO' else 'a'} {name}"
    if type(value) is np.ma.MaskedArray:
        return "a masked array"
    return f"a {_library(value)} {'array' if type(value) is np.ndarray else name}"
