"""The checks: what is close passes with one line that never changes, all else fails and says where."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from helpers import check_close, check_grad, check_true
from helpers.checking import CheckFailed

ROOT = Path(__file__).resolve().parents[2]
NAN, INF = float("nan"), float("inf")


def refused(*arguments, **options) -> str:
    """The message with which check_close refuses."""
    with pytest.raises(CheckFailed) as error:
        check_close("x", *arguments, **options)
    return str(error.value)


# check_close accepts

CLOSE = {
    "numpy": (np.arange(3.0), np.arange(3.0)),
    "one last place": (np.float64(0.1) + np.float64(0.2), 0.3),
    "Python float": (0.5, 0.5),
    "Python integer and NumPy's": (3, np.int64(3)),
    "Python boolean and NumPy's": (True, np.bool_(True)),
    "list and array": ([[1.0, 2.0]], np.array([[1.0, 2.0]])),
    "float32 and float64": (np.float32([0.1, 0.2]), np.array([0.1, 0.2])),
    "int32 and uint8": (np.int32([1, 2]), np.uint8([1, 2])),
    "torch and numpy": (torch.tensor([1.0, 2.0]), np.array([1.0, 2.0])),
    "torch that requires grad": (torch.ones(2, requires_grad=True), torch.ones(2)),
    "result of a torch graph": (torch.ones(2, requires_grad=True) * 2, [2.0, 2.0]),
    "bfloat16": (torch.tensor([1.5, -2.0], dtype=torch.bfloat16), np.float32([1.5, -2.0])),
    "float16": (torch.tensor([1.5], dtype=torch.float16), [1.5]),
    "list of torch losses": ([torch.tensor(1.0, requires_grad=True), torch.tensor(2.0)], [1.0, 2.0]),
    "complex": (np.array([1 + 2j]), np.array([1 + 2j + 1e-9])),
    "torch's lazy conjugate": (torch.tensor([1 + 2j]).conj(), np.array([1 - 2j])),
    "nan in the same place": ([1.0, NAN], [1.0, NAN]),
    "the same infinities": ([INF, -INF], [INF, -INF]),
    "at the absolute limit": (1e-6, 0.0),
    "at the relative limit": (1e6 + 10.0, 1e6),
    "no entries": (np.zeros((0, 3)), np.zeros((0, 3))),
}


@pytest.mark.parametrize("case", CLOSE)
def test_what_is_close_passes(capsys, case):
    check_close("x", *CLOSE[case])
    assert capsys.readouterr().out.startswith("ok   x   ")


def test_a_tensorflow_bfloat16_is_taken_for_a_float():
    import ml_dtypes  # what a TensorFlow bfloat16 tensor becomes in NumPy; comes with TensorFlow

    check_close("x", np.array([1.5, 2], dtype=ml_dtypes.bfloat16), np.float32([1.5, 2]))
    assert "first at [1]" in refused(np.array([1.5, 2], dtype=ml_dtypes.bfloat16), np.float32([1.5, 3]))


def test_the_inputs_are_left_as_they_are():
    mine, reference = np.float32([[0.1, 0.2]]), torch.ones(1, 2, dtype=torch.bfloat16, requires_grad=True)
    with pytest.raises(CheckFailed):
        check_close("x", mine, reference)
    assert np.array_equal(mine, np.float32([[0.1, 0.2]]))
    assert reference.dtype == torch.bfloat16
    assert reference.requires_grad


# the line


@pytest.mark.parametrize("value", [0.125, 0.987654321, 1e-30, -7.0])
def test_the_line_holds_name_shape_and_type_and_no_value(capsys, value):
    check_close("name", np.full((1, 3), value, np.float32), np.full((1, 3), value))
    assert capsys.readouterr() == ("ok   name   (1, 3) float32\n", "")


def test_the_line_for_one_number_has_no_shape(capsys):
    check_close("area", 0.5, np.float64(0.5))
    assert capsys.readouterr().out == "ok   area   float64\n"


def test_the_type_in_the_line_is_mine(capsys):
    check_close("x", np.zeros(2), np.zeros(2, np.float32))
    check_close("y", torch.zeros(2), np.zeros(2))
    assert capsys.readouterr().out == "ok   x   (2,) float64\nok   y   (2,) float32\n"


def test_a_refusal_prints_nothing(capsys):
    refused([1.0], [2.0])
    assert capsys.readouterr() == ("", "")


# check_close refuses


@pytest.mark.parametrize(
    ("mine", "reference"),
    [
        (np.zeros((3, 1)), np.zeros(3)),
        (np.zeros(3), np.zeros((3, 1))),
        (np.zeros(1), np.zeros(())),
        (0.0, np.zeros(3)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(0), np.zeros(1)),
        (torch.zeros(3, 1), np.zeros(3)),
    ],
)
def test_another_shape_is_refused_though_it_would_broadcast(mine, reference):
    message = refused(mine, reference)
    assert message == f"x: wrong shape: mine {tuple(np.shape(mine))}, reference {np.shape(reference)}"


@pytest.mark.parametrize(
    ("mine", "reference", "types"),
    [
        (3, 3.0, "mine int64, reference float64"),
        (3.0, 3, "mine float64, reference int64"),
        (True, 1, "mine bool, reference int64"),
        (np.array([True]), np.array([1.0]), "mine bool, reference float64"),
        (np.array([1 + 0j]), np.array([1.0]), "mine complex128, reference float64"),
        (torch.tensor([1]), torch.tensor([1.0]), "mine int64, reference float32"),
    ],
)
def test_another_kind_of_number_is_refused_though_the_values_agree(mine, reference, types):
    assert refused(mine, reference) == f"x: wrong type: {types}"


def test_wrong_values_are_counted_and_the_first_is_shown():
    mine = np.arange(6.0).reshape(2, 3)
    reference = mine.copy()
    reference[0, 2] = 2.5
    reference[1, 1] = -4
    assert refused(mine, reference) == (
        "x: right shape, wrong values: 2 of 6 differ by more than atol=1e-06 + rtol=1e-05; "
        "first at [0, 2]: mine 2.0, reference 2.5"
    )


def test_one_wrong_number_has_no_place():
    assert "1 of 1 differ by more than" in refused(1.0, 2.0)
    assert refused(1.0, 2.0).endswith("; first: mine 1.0, reference 2.0")


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_integers_must_be_equal_however_wide_the_limits(kind):
    message = refused(np.array([100, 7], kind), np.array([101, 7], kind), rtol=1, atol=1)
    assert message == "x: right shape, wrong values: 1 of 2 differ; first at [0]: mine 100, reference 101"
    assert "mine 1000000000, reference 1000000001" in refused(10**9, 10**9 + 1)


def test_unsigned_integers_do_not_wrap_around():
    assert "first at [0]: mine 255, reference -1" in refused(np.uint8([255]), np.int8([-1]))


def test_booleans_must_be_equal():
    assert "1 of 2 differ; first at [1]" in refused([True, False], [True, True])


@pytest.mark.parametrize(
    ("mine", "reference", "place"),
    [
        ([1.0, NAN], [1.0, 2.0], "first at [1]: mine nan, reference 2.0"),
        ([1.0, 2.0], [1.0, NAN], "first at [1]: mine 2.0, reference nan"),
        ([NAN, 1.0], [1.0, NAN], "first at [0]: mine nan, reference 1.0"),
        ([INF], [1e300], "first at [0]: mine inf, reference 1e+300"),
        ([1e300], [INF], "first at [0]: mine 1e+300, reference inf"),
        ([INF], [-INF], "first at [0]: mine inf, reference -inf"),
        ([NAN], [INF], "first at [0]: mine nan, reference inf"),
    ],
)
def test_nan_and_infinity_in_another_place_are_refused(mine, reference, place):
    assert place in refused(mine, reference)


@pytest.mark.parametrize(
    "value", [None, "text", ["a", "b"], {"a": 1}, [1.0, None], print, np.datetime64("2024-01-01")]
)
@pytest.mark.parametrize("swap", [False, True])
def test_what_is_not_a_number_is_refused_on_either_side(value, swap):
    pair = (1.0, value) if swap else (value, 1.0)
    assert refused(*pair).startswith("x: not an array of numbers: mine ")
    assert refused(value, value).startswith("x: not an array of numbers: mine ")


def test_rows_of_different_length_are_refused():
    assert refused([[1.0, 2.0], [3.0]], [1.0]).startswith("x: not an array of numbers: ")


def test_just_beyond_the_limits_is_refused():
    refused(1.1e-6, 0.0)
    refused(1e6 + 11.0, 1e6)
    refused(np.float32(0.1), 0.1, rtol=0, atol=0)


def test_the_relative_limit_is_of_the_reference_not_of_mine():
    check_close("x", 1.0, 2.0, rtol=0.5, atol=0)
    refused(2.0, 1.0, rtol=0.5, atol=0)


def test_wider_limits_let_more_pass(capsys):
    check_close("x", 1.01, 1.0, rtol=0.02)
    check_close("x", 0.01, 0.0, atol=0.02)
    assert capsys.readouterr().out.count("ok") == 2
    assert "atol=1e-06 + rtol=0.005" in refused(1.01, 1.0, rtol=0.005)


def test_a_notebook_shows_the_message_alone():
    with pytest.raises(AssertionError) as error:
        check_close("x", 1.0, 2.0)
    assert error.value._render_traceback_() == [f"CheckFailed: {error.value}"]


# check_true


@pytest.mark.parametrize("holds", [0.95 >= 0.93, np.float32(1) > 0, np.array(True), torch.tensor(2.0) > 1])
def test_a_claim_that_holds_prints_the_claim_alone(capsys, holds):
    check_true("accuracy at least 0.93", holds)
    assert capsys.readouterr() == ("ok   accuracy at least 0.93\n", "")


@pytest.mark.parametrize("holds", [0.92 >= 0.93, np.float32(-1) > 0, np.array(False), torch.tensor(0.0) > 1])
def test_a_claim_that_does_not_hold_is_refused_by_its_name(capsys, holds):
    with pytest.raises(CheckFailed, match=r"^accuracy at least 0\.93: "):
        check_true("accuracy at least 0.93", holds)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "holds", [1, 0, 0.95, "yes", "", None, [True], [], np.ones(3) > 0, torch.ones(1) > 0]
)
def test_what_is_not_one_truth_value_is_an_error_whatever_python_takes_it_for(holds):
    with pytest.raises(TypeError, match=r"^x: .* is not one truth value"):
        check_true("x", holds)


# check_grad

RNG = np.random.default_rng(5)
X, W = RNG.standard_normal((4, 3)), RNG.standard_normal((3, 2))


def loss(x, w):
    return (np.tanh(x @ w) ** 2).sum()


def loss_grads(x, w):
    t = np.tanh(x @ w)
    z = 2 * t * (1 - t**2)
    return z @ w.T, x.T @ z


def refused_grad(fn, *inputs, grads, **options) -> str:
    with pytest.raises(CheckFailed) as error:
        check_grad("g", fn, *inputs, grads=grads, **options)
    return str(error.value)


def spoilt(i: int, spoil) -> list[np.ndarray]:
    """The right gradients of ``loss``, the one of input ``i`` changed."""
    grads = [g.copy() for g in loss_grads(X, W)]
    grads[i] = spoil(grads[i])
    return grads


def one_entry_wrong(gradient):
    gradient[-1, 0] *= 1.01
    return gradient


def test_right_gradients_of_several_inputs_pass(capsys):
    check_grad("tanh layer", loss, X, W, grads=loss_grads(X, W))
    assert capsys.readouterr() == ("ok   tanh layer   gradient of 2 inputs\n", "")


def test_gradients_may_be_given_by_a_function(capsys):
    check_grad("tanh layer", loss, X, W, grads=loss_grads)
    check_grad("square", lambda x: (x**2).sum(), X, grads=lambda x: 2 * x)
    check_grad("square", lambda x: (x**2).sum(), X, grads=[2 * X])
    assert capsys.readouterr().out.splitlines()[1] == "ok   square   gradient of 1 input"


WRONG = {
    "zero": np.zeros_like,
    "sign": np.negative,
    "twice": lambda g: 2 * g,
    "mean for sum": lambda g: g / 4,
    "one entry": one_entry_wrong,
    "rows swapped": lambda g: g[::-1],
    "nan": lambda g: g * np.nan,
    "infinite": lambda g: g + np.inf,
}


@pytest.mark.parametrize("i", [0, 1])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_gradient_of_either_input_is_refused(capsys, wrong, i):
    message = refused_grad(loss, X, W, grads=spoilt(i, WRONG[wrong]))
    assert message.startswith(f"g, input {i}: slope along a random direction: expected ")
    assert "(central difference), got " in message
    assert capsys.readouterr().out == ""


def test_the_message_shows_both_slopes():
    message = refused_grad(lambda x: 3 * x.sum(), np.array([1.0]), grads=np.array([-3.0]))
    expected, got = (float(message.partition(word)[2].split()[0]) for word in ("expected ", "got "))
    assert expected == pytest.approx(-got)
    assert expected != 0


@pytest.mark.parametrize("i", [0, 1])
def test_a_gradient_of_another_shape_is_refused(i):
    shape = (X, W)[i].shape
    for wrong in (lambda g: g.T, lambda g: g.sum(), lambda g: g[:1]):
        message = refused_grad(loss, X, W, grads=spoilt(i, wrong))
        assert message.startswith(f"g, input {i}: gradient (")
        assert message.endswith(f"input {shape}")


def test_another_number_of_gradients_is_refused():
    gx, gw = loss_grads(X, W)
    assert refused_grad(loss, X, W, grads=[gx]) == "g: 1 gradients for 2 inputs"
    assert refused_grad(loss, X, W, grads=[gx, gw, gw]) == "g: 3 gradients for 2 inputs"
    assert refused_grad(lambda x: x.sum(), X, grads=[gx, gx]) == "g: 2 gradients for 1 inputs"


@pytest.mark.parametrize("scale", [1e-7, 1e-3, 1.0, 1e6])
def test_a_gradient_of_zeros_is_refused_however_flat_the_function(scale, capsys):
    check_grad("g", lambda x: scale * x.sum(), X, grads=np.full_like(X, scale))
    assert "got 0 from" in refused_grad(lambda x: scale * x.sum(), X, grads=np.zeros_like(X))


def test_a_gradient_of_zeros_is_right_where_the_function_does_not_change(capsys):
    check_grad("constant", lambda x: 1.0, X, grads=np.zeros_like(X))
    check_grad("minimum", lambda x: ((x - X) ** 2).sum(), X, grads=np.zeros_like(X))
    check_grad("cut off", lambda x: np.maximum(x, 0).sum(), -np.abs(X) - 1, grads=np.zeros_like(X))
    check_grad("but for rounding", lambda x: (np.log(np.exp(x)) - x).sum(), X, grads=np.zeros_like(X))
    assert capsys.readouterr().out.count("ok") == 4


def test_a_function_that_is_infinite_nearby_is_refused_whatever_the_gradient():
    def step(x):  # x is moved to both sides of 0
        return np.inf if x[0] > 0 else 0.0

    for gradient in ([0.0], [np.inf], [-np.inf]):
        assert "expected " in refused_grad(step, np.zeros(1), grads=np.array(gradient))


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
def test_the_rounding_of_a_large_value_is_no_reason_to_refuse(capsys, offset):
    check_grad("g", lambda x: offset + np.sin(x).sum(), X, grads=np.cos(X))
    assert capsys.readouterr().out.startswith("ok")


def test_float32_inputs_are_judged_in_float64(capsys):
    seen = []

    def square(x):
        seen.append(x.dtype)
        return (x**2).sum()

    check_grad("g", square, X.astype(np.float32), grads=2 * X.astype(np.float32))
    assert set(seen) == {np.dtype(np.float64)}
    refused_grad(square, X.astype(np.float32), grads=2.001 * X.astype(np.float32))


def test_torch_functions_are_judged_too(capsys):
    labels = torch.tensor([0, 2, 1, 2])

    def of_torch(x):
        return cross_entropy(torch.from_numpy(x), labels)

    logits = torch.from_numpy(X).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(logits, labels), logits)
    check_grad("cross-entropy", of_torch, X, grads=gradient)
    check_grad("cross-entropy", of_torch, torch.from_numpy(X), grads=[gradient.numpy()])
    assert capsys.readouterr().out == "ok   cross-entropy   gradient of 1 input\n" * 2
    onehot = torch.nn.functional.one_hot(labels, 3)
    sum_for_mean = torch.softmax(torch.from_numpy(X), 1) - onehot
    refused_grad(of_torch, X, grads=sum_for_mean)


def test_functions_that_write_into_their_inputs_change_neither_verdict_nor_inputs(capsys):
    def doubled(x, y):
        y *= 2
        return (x * y).sum()

    def grads(x, y):
        x *= 2
        return 2 * y, x

    before = X.copy()
    check_grad("g", doubled, X, X, grads=grads)
    assert np.array_equal(X, before)
    assert capsys.readouterr().out.startswith("ok")


@pytest.mark.parametrize("fn", [lambda x: x, lambda x: x.sum(0), lambda x: torch.from_numpy(x).sum(1)])
def test_a_function_that_returns_more_than_one_number_is_an_error_that_says_so(fn):
    with pytest.raises(ValueError, match="g: fn must return one number, not shape"):
        check_grad("g", fn, X, grads=X)


def test_the_verdict_is_the_same_in_every_run():
    messages = {refused_grad(loss, X, W, grads=spoilt(1, one_entry_wrong)) for _ in range(3)}
    assert len(messages) == 1


# what the import costs


def test_importing_the_checks_loads_no_large_library():
    large = ["torch", "matplotlib", "sklearn", "tensorflow", "keras", "pooch", "scipy"]
    code = f"""
import sys
from helpers import check_close, check_grad
check_close("x", [1.0], [1.0])
print([name for name in {large} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "ok   x   (1,) float64\n[]\n"
    assert done.stderr == ""
