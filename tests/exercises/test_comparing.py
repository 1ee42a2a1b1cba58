"""One sentence says what is different between an answer and what was expected."""

import copy

import numpy as np
import pytest

from exercises.comparing import as_array, as_code, difference, identical


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
        (np.str_("yes"), "yes"),
        (2**70, 2**70),
        (2**70, 2.0**70),
        ({"a": np.ones(2)}, {"a": np.ones(2)}),
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
        ({"a": 2}, {"a": 1}, "at 'a': wrong value"),
        ({"b": 1}, {"a": 1}, "expected the keys ['a'], got ['b']"),
        ({"a": [1.0, 3.0]}, {"a": [1.0, 2.0]}, "at 'a': item 1: wrong value"),
        ("no", "yes", "another value than expected"),
        (2**70, 2**70 + 1, "wrong value"),
        (2**70, 2, "wrong value"),
        (3.0, 2**70, "wrong value"),
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
    assert difference(torch.tensor(2.0), 2.0) == "expected a float, got a torch Tensor"
    assert difference(2.0, torch.tensor(2.0)) == "expected a torch Tensor, got a float"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (28, "28"),
        (0.1, "0.1"),
        ("text", "'text'"),
        (float("nan"), "np.nan"),
        ([1.0, float("inf")], "[1.0, np.inf]"),
        ((1,), "(1,)"),
        ({"w": np.array([0.5], np.float32), "n": 2}, "{'w': np.array([0.5], dtype=np.float32), 'n': 2}"),
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


class Disguised:
    """What answers to .numpy() without being an array of a framework."""

    shape, dtype = (), np.dtype(float)

    def numpy(self):
        return np.float64(1.0)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_what_only_looks_like_an_array_or_a_number_is_refused():
    hidden = np.ma.masked_array([1.0, 2.0], [False, True])
    assert difference(hidden, np.array([1.0, 5.0])) == "expected a numpy array, got a masked array"
    assert difference(np.ma.masked, 1.0) == "expected a float, got a numpy MaskedConstant"
    assert difference(np.matrix([[1.0]]), np.ones((1, 1))) == "expected a numpy array, got a numpy matrix"
    assert difference(Disguised(), 1.0).startswith("expected a float, got a ")


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ([1, 2], [1, 3]),
        ([1, 2], [1]),
        ([1], [1.0]),
        ([1], [None]),
        (["a"], ["b"]),
        ({"a": 1}, {"a": 2}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.zeros(2), np.zeros((2, 1))),
        (np.zeros(2), -np.zeros(2)),
        (np.zeros(2), np.zeros(2, np.float32)),
        ([np.array([1.0])], [np.array([2.0])]),
    ],
)
def test_identical_means_to_the_last_bit(value, other):
    assert identical(value, copy.deepcopy(value))
    assert not identical(value, other)
    assert not identical(other, value)


def test_nan_is_identical_to_nan_and_tensors_are_looked_at():
    torch = pytest.importorskip("torch")
    assert identical(np.array([np.nan]), np.array([np.nan]))
    assert identical(torch.ones(2), torch.ones(2))
    assert not identical(torch.ones(2), torch.zeros(2))


def test_a_tensor_through_which_slopes_flow_is_not_replaced_by_one_that_is_cut_off():
    torch = pytest.importorskip("torch")
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert difference((2 * x).detach(), 2 * x) == (
        "right values, but no slope reaches the inputs (is something detached?)"
    )
    assert difference(x + x, 2 * x) is None
    assert difference(2 * x, (2 * x).detach()) is None
    assert "differ" in difference((3 * x).detach(), 2 * x)
