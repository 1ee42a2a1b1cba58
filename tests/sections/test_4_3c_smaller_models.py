"""Section 4.3c: rulers, pruning and distillation do what the text says; bad files are refused in words."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from tools.notebooks import ENGLISH, define

torch = pytest.importorskip("torch")
small_models = pytest.importorskip("helpers.chapters.small_models")
nn = torch.nn
quantise = find("4.3.5").solution
PARTS = ("imports", "imports-course", "constants", "train-def", "result-code", "narrow-code", "knob")


@pytest.fixture(scope="module")
def part():
    """What 4.3c defines."""
    threads = torch.get_num_threads()
    ids = ("imports", "imports-course", "constants", "train-def", "prune-code", "narrow-code", "distil-code")
    names = define(ENGLISH / "4_training" / "3c_smaller_models.ipynb", ids=ids)
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


def network(*widths):
    torch.manual_seed(0)
    layers = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


@pytest.mark.usefixtures("one_thread")
def test_on_the_digits_a_network_that_was_small_from_the_start_beats_the_narrowed_one(monkeypatch):
    """As the text says of the quick profile; of Fashion-MNIST it says that they are level."""
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    names = define(ENGLISH / "4_training" / "3c_smaller_models.ipynb", PARTS, whole=["train-code"])
    part, lead = SimpleNamespace(**names), []
    for seed in range(2):
        large = part.train(part.mlp(256, seed), part.X, part.y, seed, epochs=20)
        narrowed = part.train(part.narrowed(large, 32), part.X, part.y, seed, epochs=10)
        small = part.train(part.mlp(32, seed), part.X, part.y, seed, epochs=30)
        lead.append(part.share_right(small) - part.share_right(narrowed))
    assert np.mean(lead) > 0.01


X = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)


def answers(path):
    return small_models.session(path).run(None, {"x": X})[0]


# ---------------------------------------------------------------- rulers


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_no_number_is_further_than_half_a_scale_from_its_mark(bits):
    x = np.random.default_rng(bits).normal(size=(30, 7))
    q, scale, zero = quantise(x, bits)
    assert abs(scale * (q - zero) - x).max() <= 0.5 * scale * (1 + 1e-9)
    assert q.min() == 0
    assert q.max() == 2**bits - 1
    assert scale * (quantise(np.append(x, 0.0), bits)[0][-1] - zero) == 0


def test_the_marks_mean_what_torchs_own_quantisation_makes_of_the_numbers():
    x = torch.tensor([-0.5, 0.3, 2.05, 1.0], dtype=torch.float64)
    q, scale, zero = quantise(x.numpy(), 8)
    theirs = torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, 255)
    np.testing.assert_allclose(scale * (q - zero), theirs.numpy(), atol=1e-6)


# ---------------------------------------------------------------- files


def test_the_onnx_file_answers_what_the_network_answers(tmp_path):
    net = network(6, 5, 4, 3)
    path = small_models.save_onnx(net, tmp_path / "net.onnx")
    np.testing.assert_allclose(answers(path), net(torch.tensor(X)).detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sample", [None, X])
def test_in_eight_bits_the_answers_are_near_and_the_file_is_smaller(tmp_path, sample, caplog):
    net = network(6, 64, 64, 3)
    path = small_models.save_onnx(net, tmp_path / "net.onnx")
    eight = small_models.quantised(path, tmp_path / "eight.onnx", sample)
    off = abs(answers(eight) - answers(path)).max()
    assert 0 < off < 0.1 * abs(answers(path)).max()
    assert eight.stat().st_size < 0.5 * path.stat().st_size
    assert caplog.records == []  # no advice on stderr


@pytest.mark.parametrize("keep", [0, 10, 300])
def test_a_truncated_file_is_refused_in_words(tmp_path, keep):
    path = small_models.save_onnx(network(6, 5, 3), tmp_path / "net.onnx")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"net\.onnx is no whole ONNX model"):
        small_models.session(path)


def test_a_file_that_is_missing_is_refused_in_words(tmp_path):
    with pytest.raises(ValueError, match=r"none\.onnx"):
        small_models.session(tmp_path / "none.onnx")


def test_a_network_of_another_kind_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="linear layers with a ReLU"):
        small_models.save_onnx(
            nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2)), tmp_path / "net.onnx"
        )
    assert list(tmp_path.iterdir()) == []


def test_the_peak_grows_with_the_rows_by_about_the_activations(tmp_path):
    path = small_models.save_onnx(network(6, 200, 3), tmp_path / "net.onnx")
    few, many = (small_models.peak_mb(path, rows, 6) for rows in (100, 50_000))
    if np.isnan(few):
        pytest.skip("no /proc here")
    one = 50_000 * 200 * 4 / 1e6
    assert 0.5 * one < many - few < 3 * one


# ---------------------------------------------------------------- pruning


def test_pruning_zeroes_the_smallest_and_its_masks_keep_them_zero_in_training(part):
    net = network(6, 20, 20, 3)
    less, masks = part.pruned(net, 0.75)
    for before, (after, mask) in zip([p for p in net.parameters() if p.ndim == 2], masks, strict=True):
        assert float((after == 0).float().mean()) == pytest.approx(0.75, abs=0.02)
        assert before[mask == 0].abs().max() <= before[mask == 1].abs().min()
    zeros = [after.clone() == 0 for after, _ in masks]
    part.train(less, torch.tensor(X), torch.zeros(50, dtype=torch.long), 0, epochs=3, masks=masks)
    assert all(bool((after[zero] == 0).all()) for (after, _), zero in zip(masks, zeros, strict=True))
    assert all(bool((weight != 0).any()) for weight in net.parameters())  # the first one stays whole


def test_taking_out_neurons_that_are_silent_changes_nothing(part):
    net = network(6, 8, 8, 3)
    with torch.no_grad():
        for layer, silent in ((net[0], (1, 4)), (net[2], (0, 7))):
            layer.weight[list(silent)] = 0
            layer.bias[list(silent)] = 0
    x = torch.tensor(X)
    less = part.narrowed(net, 6)
    assert [tuple(layer.weight.shape) for layer in (less[0], less[2], less[4])] == [(6, 6), (6, 6), (3, 6)]
    torch.testing.assert_close(less(x), net(x))
    assert (part.narrowed(net, 5)(x) - net(x)).abs().max() > 1e-3


# ---------------------------------------------------------------- distillation


@pytest.mark.parametrize("T", [0.5, 1.0, 4.0])
def test_the_loss_is_torchs_divergence_and_is_least_at_the_teachers_answers(part, T):
    student, teacher = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    halves = (student / T).log_softmax(1), (teacher / T).softmax(1)
    expected = T * T * nn.functional.kl_div(*halves, reduction="batchmean")
    torch.testing.assert_close(part.distillation(T)(student, teacher), expected)
    assert float(part.distillation(T)(teacher, teacher)) == pytest.approx(0, abs=1e-12)
    assert float(expected) > 0
