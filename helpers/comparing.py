"""What is different between an answer and what was expected: one sentence, or None. Imports no framework."""

import re
import reprlib

import numpy as np

KIND_NAMES = {"b": "booleans", "i": "integers", "u": "integers", "f": "floats", "c": "complex numbers"}
_ONE = {
    "booleans": "a bool",
    "integers": "an int",
    "floats": "a float",
    "complex numbers": "a complex number",
}


class Difference(str):
    """What is different, one sentence; `about` says what it concerns: "type", "shape" or "value"."""

    def __new__(cls, sentence, about):
        made = super().__new__(cls, sentence)
        made.about = about
        return made


def difference(got, expected, *, rtol=1e-6, atol=1e-9):
    """The first thing that is wrong with `got`, as a sentence (a Difference); None when it is as expected.

    Looked at in this order: is there a value at all, its type, its shape, its kind of numbers (integers,
    floats …; the width does not matter), its values (floats within rtol and atol, all else exactly; nan
    equals nan). Arrays may be NumPy's or a framework's, of the same library as `expected`.
    """
    if isinstance(expected, (tuple, list)):
        if not isinstance(got, (tuple, list)):
            wanted = f"{_type_name(expected)} of {len(expected)} items"
            return Difference(f"expected {wanted}, got {_type_name(got)}", "type")
        if len(got) != len(expected):
            return Difference(f"expected {len(expected)} items, got {len(got)}", "shape")
        for index, (item, wanted) in enumerate(zip(got, expected, strict=True)):
            if (found := difference(item, wanted, rtol=rtol, atol=atol)) is not None:
                return Difference(f"item {index}: {found}", found.about)
        return None
    wanted, numbers = as_array(expected), as_array(got)
    if wanted is None and type(got) is type(expected):  # text, dictionary …
        return None if got == expected else Difference("another value than expected", "value")
    if wanted is None or numbers is None or (wanted.ndim and _library(got) != _library(expected)):
        return Difference(f"expected {_type_name(expected)}, got {_type_name(got)}", "type")
    if numbers.shape != wanted.shape:
        return Difference(f"wrong shape: expected {wanted.shape}, got {numbers.shape}", "shape")
    return _wrong_kind(numbers, wanted) or _wrong_values(numbers, wanted, rtol, atol)


def as_array(value):
    """A number, an array or a tensor as a NumPy array; None for anything else."""
    if hasattr(value, "detach"):  # torch: off the graph, off the device; bfloat16 does not exist in NumPy
        value = value.detach().cpu()
        value = value.double() if value.is_floating_point() else value
    if hasattr(value, "numpy"):
        value = value.numpy()
    if not isinstance(value, (bool, int, float, complex, np.ndarray, np.generic)):
        return None
    array = np.asarray(value)
    return array if array.dtype.kind in KIND_NAMES else None


def show(value):
    """A value as short text: small arrays in full, large ones as their shape."""
    array = as_array(value)
    if array is None or (array.ndim == 0 and not hasattr(value, "numpy")):
        short = reprlib.Repr()
        short.maxstring = short.maxother = 100
        return repr(value.item()) if isinstance(value, np.generic) else short.repr(value)
    what = f"{_type_name(value)} of shape {array.shape}, {value.dtype}"
    if array.size > 40:
        return what
    return f"{np.array2string(array, precision=6, max_line_width=100)}\n{what}"


def as_code(value):
    """A value as Python that makes it again, on one line; an array of more than 40 numbers as its shape."""
    array = as_array(value)
    if isinstance(value, (list, tuple)):
        items = ", ".join(as_code(item) for item in value)
        return f"[{items}]" if isinstance(value, list) else f"({items}{',' * (len(value) == 1)})"
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


def _name_specials(numbers):
    """nan and inf, which are no Python, as np.nan and np.inf."""
    return re.sub(r"\b(nan|inf)\b", r"np.\1", numbers)


def _wrong_kind(numbers, wanted):
    kind, wanted_kind = KIND_NAMES[numbers.dtype.kind], KIND_NAMES[wanted.dtype.kind]
    if kind == wanted_kind or (wanted.ndim == 0 and (kind, wanted_kind) == ("integers", "floats")):
        return None  # the single number 2 is as good as 2.0
    if wanted.ndim == 0:
        return Difference(f"wrong kind of number: expected {_ONE[wanted_kind]}, got {_ONE[kind]}", "type")
    return Difference(f"right shape, wrong kind of numbers: expected {wanted_kind}, got {kind}", "type")


def _wrong_values(numbers, wanted, rtol, atol):
    if wanted.dtype.kind in "fc":
        right = np.isclose(numbers, wanted, rtol=rtol, atol=atol, equal_nan=True)
    else:
        right = numbers == wanted
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


def _library(value):
    return type(value).__module__.partition(".")[0]


def _type_name(value):
    if value is None or value is Ellipsis:
        return "None" if value is None else "... (three dots)"
    library = _library(value)
    article = "an" if type(value).__name__[0] in "aeiouAEIO" else "a"
    if library == "builtins":
        return f"{article} {type(value).__name__}"
    name = "array" if isinstance(value, np.ndarray) else type(value).__name__
    return f"a {library} {name}"
