"""Section 4.3b: what the text says of 16 bits, of scales, of traffic and of graph breaks is so."""

from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from helpers.chapters.memory import milliseconds
from tools.notebooks import ENGLISH, define

torch = pytest.importorskip("torch")
half_step = find("4.3.4").solution


@pytest.fixture(scope="module")
def part():
    """What 4.3b defines."""
    ids = ("imports", "constants", "seeds-code", "traffic", "pieces")
    threads = torch.get_num_threads()
    names = define(
        ENGLISH / "4_training" / "3b_bits_and_speed.ipynb", ids=ids, whole=("constants", "seeds-code")
    )
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


# ---------------------------------------------------------------- 16 bits


def test_the_next_number_above_four_is_the_one_of_the_exercise():
    four = torch.tensor(4.0, dtype=torch.bfloat16)
    following = (four.view(torch.int16) + 1).view(torch.bfloat16)
    assert float(following) == find("4.3.3").solution


def test_the_range_of_float16_is_what_the_text_says():
    assert torch.finfo(torch.float16).max == 65_504
    assert torch.tensor(2.0**-24).half() == 2.0**-24
    assert torch.tensor(2.9e-8).half() == 0
    assert torch.tensor(3.1e-8).half() > 0


@pytest.mark.parametrize("scale", [1.0, 256.0, 65_536.0])
def test_scaling_agrees_with_torchs_float16(scale):
    gradients = np.array([1e-9, -3e-7, 0.2, -0.9])
    came, following = half_step(gradients, scale)
    half = (torch.tensor(gradients) * scale).half()
    expected = half.double() / scale if half.isfinite().all() else torch.zeros(4, dtype=torch.float64)
    np.testing.assert_array_equal(came, expected.numpy())
    assert following == (scale if half.isfinite().all() else scale / 2)


def test_torchs_scaler_halves_and_skips_as_the_exercise_does():
    weight = torch.nn.Parameter(torch.ones(2))
    sgd = torch.optim.SGD([weight], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20)
    (scaler.scale(weight.sum() * 0.5)).backward()
    weight.grad = weight.grad.half().float()  # 0.5 · 2^20 does not fit
    scaler.step(sgd)
    scaler.update()
    assert scaler.get_scale() == half_step(np.array([0.5, 0.5]), 2.0**20)[1] == 2.0**19
    assert torch.equal(weight.detach(), torch.ones(2))


def test_the_three_kinds_keep_their_weights_where_they_say(part):
    part.trained.__globals__["EPOCHS"] = 1
    kinds = {kind: part.trained(kind, 0)[0].weight.dtype for kind in ("float32", "mixed", "bfloat16")}
    assert kinds == {"float32": torch.float32, "mixed": torch.float32, "bfloat16": torch.bfloat16}


# ---------------------------------------------------------------- traffic and speed


def test_traffic_counts_what_goes_in_and_what_comes_out(part):
    x, y = torch.randn(10), torch.randn(10)
    with part.Traffic() as traffic:
        x + y
    assert traffic.moved == 3 * x.nbytes


@pytest.mark.parametrize("size", [1, 16_384, 16_385, 100_000])
def test_gelu_in_pieces_is_gelu_and_gelu_is_torchs(part, size):
    x = torch.linspace(-6, 6, size)
    torch.testing.assert_close(part.gelu_in_pieces(x), part.gelu(x))
    expected = torch.nn.functional.gelu(x, approximate="tanh")
    torch.testing.assert_close(part.gelu(x), expected, atol=1e-5, rtol=1e-5)


def test_the_least_time_of_several_calls_is_taken_after_a_first_one():
    calls = []
    assert milliseconds(lambda: calls.append(len(calls)), rounds=3) >= 0
    assert calls == [0, 1, 2, 3]
