"""One sentence says what is different between an answer and what was expected."""

import numpy as np
import pytest

from helpers.comparing import as_array, as_code, difference


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (2, 2),
        (2, 2.0),
        (np.float32(0.5), 0.5),
        (np.array(3), 3),
        (0.1 + 0.2, 0.3),
        (float("nan"), float("nan")),
        (float("inf"), float("inf")),
        ([1, 2], (1, 2)),
        ((1, np.ones(2)), (1, np.ones(2))),
        ("yes", "yes"),
        ({"a": 1}, {"a": 1}),
        (True, True),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
        (np.ones(2, np.float32), np.ones(2)),
        (np.ones(2, np.uint8), np.ones(2, int)),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (None, None),
    ],
)
def test_equal_answers_are_equal(got, expected):
    assert difference(got, expected) is None


@pytest.mark.parametrize(
    ("got", "expected", "said"),
    [
        (None, 2, "expected an int, got None"),
        (..., 2, "expected an int, got ... (three dots)"),
        ((1, None), (1, 2), "item 1: expected an int, got None"),
        (2.0, 2, "wrong kind of number: expected an int, got a float"),
        (True, 1, "wrong kind of number: expected an int, got a bool"),
        (3, 2, "wrong value"),
        (float("nan"), 1.0, "wrong value"),
        ("2", 2, "expected an int, got a str"),
        (2, "2", "expected a str, got an int"),
        ([1, 2, 3], (1, 2), "expected 2 items, got 3"),
        (1, (1, 2), "expected a tuple of 2 items, got an int"),
        ((1, 3), (1, 2), "item 1: wrong value"),
        ({"a": 2}, {"a": 1}, "another value than expected"),
        ([1.0], np.ones(1), "expected a numpy array, got a list"),
        (np.ones((3, 1)), np.ones(3), "wrong shape: expected (3,), got (3, 1)"),
        (np.ones(3), np.ones((1, 3)), "wrong shape: expected (1, 3), got (3,)"),
        (np.ones(2), np.ones(2, int), "right shape, wrong kind of numbers: expected integers, got floats"),
        (np.ones(2, int), np.ones(2), "right shape, wrong kind of numbers: expected floats, got integers"),
        (
            np.array([0, 255], np.uint8),
            np.array([1, 0], np.uint8),
            "right shape, wrong values: 2 of 2 differ, largest difference 255 at 1: expected 0, got 255",
        ),
        (
            np.array([[1.0, np.nan], [2.0, 3.0]]),
            np.array([[1.0, 1.0], [5.0, 3.0]]),
            "right shape, wrong values: 2 of 4 differ, largest difference inf at (0, 1): expected 1, got nan",
        ),
    ],
)
def test_the_first_difference_is_named(got, expected, said):
    assert difference(got, expected) == said


def test_tensors_are_compared_like_arrays_but_not_with_arrays():
    torch = pytest.importorskip("torch")
    one = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    assert difference(one, torch.ones(2)) is None
    assert difference(one, torch.ones(2, dtype=torch.long)).startswith("right shape, wrong kind")
    assert difference(torch.ones(2), np.ones(2)) == "expected a numpy array, got a torch Tensor"
    assert difference(np.ones(2), torch.ones(2)) == "expected a torch Tensor, got a numpy array"
    assert difference(torch.tensor(2.0), 2.0) is None


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (28, "28"),
        (0.1, "0.1"),
        ("text", "'text'"),
        (float("nan"), "np.nan"),
        ([1.0, float("inf")], "[1.0, np.inf]"),
        ((1,), "(1,)"),
        (list(range(12)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]"),
        (np.array([0, 1]), "np.array([0, 1])"),
        (np.array([[0.5, np.nan]]), "np.array([[0.5, np.nan]])"),
        (np.array([True]), "np.array([True])"),
        (np.array([7, 8], np.uint8), "np.array([7, 8], dtype=np.uint8)"),
        (np.array([0.5], np.float32), "np.array([0.5], dtype=np.float32)"),
        (np.zeros((0, 3)), "np.zeros((0, 3))"),
        (np.zeros((2, 3, 7)), "<a numpy array of shape (2, 3, 7), float64>"),
    ],
)
def test_arguments_are_shown_as_python_that_makes_them(value, code):
    assert as_code(value) == code
    if not code.startswith("<"):
        again = eval(code, {"np": np})
        assert difference(again, value, rtol=0, atol=0) is None
        assert as_array(again) is None or as_array(again).dtype == as_array(value).dtype


def test_tensors_are_shown_as_python_that_makes_them():
    torch = pytest.importorskip("torch")
    for tensor in (torch.tensor([1.0]), torch.tensor([1]), torch.tensor([0.5], dtype=torch.bfloat16)):
        again = eval(as_code(tensor), {"torch": torch, "np": np})
        assert torch.equal(again, tensor)
        assert again.dtype == tensor.dtype
