"""Section 3.2a: what its notebook builds equals the libraries, and what its text says is so."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy import signal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exercises.finding import find
from helpers import check_grad, load_keras
from helpers.chapters.windows import cut_windows, draw_grids, draw_window, seen_pixels, two_discs
from helpers.checking import CheckFailed
from tools.notebooks import ENGLISH, define

torch = pytest.importorskip("torch")
F, nn = torch.nn.functional, torch.nn
NOTEBOOK = ENGLISH / "3_architectures" / "2a_windows_that_slide.ipynb"
FOUR = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 9, 8], [5, 6, 7, 8]])
KERNEL = np.array([[1.0, 2], [3, 4]])

cross_correlate, im2col, receptive_field = (find(f"3.2.{n}").solution for n in (1, 3, 4))


@pytest.fixture(scope="module")
def windows():
    """What 3.2a defines, with the course's answers to its exercises."""
    names = {f.__name__: f for f in (cross_correlate, im2col, receptive_field)}
    threads = torch.get_num_threads()
    names = define(NOTEBOOK, namespace=names, whole=("constants", "data-code"))
    plt.close("all")
    yield SimpleNamespace(**names)
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def without_open_figures():
    """Close what a test has drawn."""
    yield
    plt.close("all")


def layer(channels, filters, size, shape, seed=0):
    """A random picture, weights and biases in float64."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(channels, *shape)),
        rng.normal(size=(filters, channels, size, size)),
        rng.normal(size=filters),
    )


# ---------------------------------------------------------------- one window


@pytest.mark.parametrize(("picture", "kernel"), [((5, 7), (2, 3)), ((4, 4), (4, 4)), ((1, 6), (1, 1))])
def test_sliding_is_what_scipy_and_torch_compute_and_turning_makes_it_a_convolution(windows, picture, kernel):
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=picture), rng.normal(size=kernel)
    theirs = F.conv2d(torch.tensor(x)[None, None], torch.tensor(k)[None, None])[0, 0]
    np.testing.assert_allclose(cross_correlate(x, k), theirs.numpy(), atol=1e-12)
    np.testing.assert_allclose(cross_correlate(x, k), signal.correlate2d(x, k, "valid"), atol=1e-12)
    np.testing.assert_allclose(windows.convolve(x, k), signal.convolve2d(x, k, "valid"), atol=1e-12)


def test_the_numbers_by_hand_are_right_and_the_worked_example_is_not():
    z = cross_correlate(FOUR / 10, KERNEL / 10)
    np.testing.assert_allclose(z, [[0.44, 0.54, 0.64], [0.84, 0.86, 0.82], [0.68, 0.74, 0.78]])
    assert (KERNEL / 10).sum() == pytest.approx(1)
    assert z.min() >= FOUR.min() / 10 > 0.06


def test_blur_and_the_strength_of_edges_cannot_tell_the_two_apart_but_one_to_nine_can(windows):
    picture = np.random.default_rng(0).normal(size=(6, 6))
    edges = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    for kernel, same in (
        (np.full((3, 3), 1 / 9), True),
        (edges, True),
        (np.arange(1.0, 10).reshape(3, 3), False),
    ):
        pair = abs(cross_correlate(picture, kernel)), abs(windows.convolve(picture, kernel))
        assert np.allclose(*pair) is same


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize("size", range(1, 9))
def test_sizes_are_those_of_torch_and_where_no_window_fits_both_refuse(windows, size):
    for kernel, stride, padding in np.ndindex(4, 3, 3):
        kernel, stride = kernel + 1, stride + 1
        module = nn.Conv1d(1, 1, kernel, stride, padding)
        if kernel > size + 2 * padding:
            with pytest.raises(ValueError, match=f"window of {kernel} on {size} pixels, padding {padding}"):
                windows.conv_output_size(size, kernel, stride, padding)
            with pytest.raises(RuntimeError):
                module(torch.zeros(1, 1, size))
        else:
            expected = module(torch.zeros(1, 1, size)).shape[-1]
            assert windows.conv_output_size(size, kernel, stride, padding) == expected


def test_three_pairs_leave_nothing_and_padding_repairs_it(windows):
    size, sizes = 32, []
    for kernel, stride, padding in ((5, 1, 2), (2, 2, 0)) * 3:
        size = windows.conv_output_size(size, kernel, stride, padding)
        sizes.append(size)
    assert sizes == [32, 16, 16, 8, 8, 4]
    assert windows.conv_output_size(windows.conv_output_size(224, 7, 2, 3), 3, 2, 1) == find("3.2.2").solution


# ---------------------------------------------------------------- layers


CASES = [(3, 4, 3, (7, 9), 1, 0), (1, 1, 1, (1, 1), 1, 0), (2, 3, 2, (6, 5), 2, 1), (3, 2, 5, (5, 8), 3, 2)]


@pytest.mark.parametrize(("channels", "filters", "size", "shape", "stride", "padding"), CASES)
def test_the_layer_is_that_of_torch(windows, channels, filters, size, shape, stride, padding):
    arrays = layer(channels, filters, size, shape)
    theirs = F.conv2d(*map(torch.tensor, arrays), stride=stride, padding=padding).numpy()
    np.testing.assert_allclose(windows.conv2d(*arrays, stride, padding), theirs, atol=1e-12)
    if stride == 1 and padding == 0:
        np.testing.assert_allclose(windows.conv2d_slow(*arrays), theirs, atol=1e-12)


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, 1), (3, 2), (2, 3)])
def test_the_columns_are_those_of_torchs_unfold(size, stride):
    x = np.random.default_rng(0).normal(size=(2, 5, 6))
    theirs = F.unfold(torch.tensor(x)[None], size, stride=stride)[0].numpy()
    np.testing.assert_array_equal(im2col(x, size, stride), theirs)


@pytest.mark.parametrize(("channels", "filters", "size", "shape"), [case[:4] for case in CASES[:3]])
def test_the_slopes_of_the_layer_are_those_of_torch(windows, channels, filters, size, shape):
    arrays = layer(channels, filters, size, shape)
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    z = F.conv2d(*tensors)
    g = torch.randn(z.shape, generator=torch.Generator().manual_seed(0), dtype=z.dtype)
    z.backward(g)
    for mine, theirs in zip(windows.conv2d_slopes(*arrays[:2], g.numpy()), tensors, strict=True):
        np.testing.assert_allclose(mine, theirs.grad.numpy(), atol=1e-12)


def test_without_the_turn_the_shapes_fit_and_only_the_measured_slope_complains(windows):
    x, weight, bias = layer(2, 2, 3, (6, 6))
    g = windows.conv2d(x, weight, bias)

    def loss(x):
        return (windows.conv2d(x, weight, bias) ** 2).sum() / 2

    unturned = windows.conv2d(g, weight.swapaxes(0, 1), np.zeros(2), padding=2)
    assert unturned.shape == x.shape
    check_grad("turned", loss, x, grads=windows.conv2d_slopes(x, weight, g)[0])
    with pytest.raises(CheckFailed, match="slope"):
        check_grad("not turned", loss, x, grads=unturned)


@pytest.mark.parametrize("stride", [1, 2])
def test_layer_slopes_and_pooling_are_those_of_keras(windows, stride):
    keras, tf = load_keras(), pytest.importorskip("tensorflow")
    x, weight, bias = layer(3, 4, 3, (9, 8))
    module = keras.layers.Conv2D(4, 3, strides=stride, dtype="float64")
    pictures = tf.Variable(x.transpose(1, 2, 0)[None])  # Keras has the channels last
    module.build(pictures.shape)
    module.set_weights([weight.transpose(2, 3, 1, 0), bias])
    with tf.GradientTape() as tape:
        z = module(pictures)
        loss = tf.reduce_sum(z * z) / 2
    mine = windows.conv2d(x, weight, bias, stride)
    np.testing.assert_allclose(mine, z[0].numpy().transpose(2, 0, 1), atol=1e-6)
    if stride == 1:
        theirs = tape.gradient(loss, [pictures, *module.trainable_variables])
        slopes = windows.conv2d_slopes(x, weight, mine)
        turned = (
            theirs[0][0].numpy().transpose(2, 0, 1),
            theirs[1].numpy().transpose(3, 2, 0, 1),
            theirs[2].numpy(),
        )
        for slope, other in zip(slopes, turned, strict=True):
            np.testing.assert_allclose(slope, other, rtol=1e-5, atol=1e-8)
    for how, name in ((np.max, "MaxPooling2D"), (np.mean, "AveragePooling2D")):
        pooled = getattr(keras.layers, name)(2)(z)[0].numpy().transpose(2, 0, 1)
        np.testing.assert_allclose(windows.pool(mine, 2, how), pooled, atol=1e-6)


def test_channels_that_do_not_fit_and_windows_that_are_too_large_are_refused(windows):
    x, weight, bias = layer(3, 4, 3, (7, 7))
    with pytest.raises(ValueError, match=r"x has 2 channels, each filter 3"):
        windows.conv2d(x[:2], weight, bias)
    with pytest.raises(ValueError, match="window of 3 on 2 pixels"):
        windows.conv2d(x[:, :2], weight, bias)
    with pytest.raises(ValueError, match="zip"):
        windows.conv2d_slow(x[:2], weight, bias)


@pytest.mark.parametrize("shape", [(4, 4), (5, 7), (3, 3)])
def test_pooling_is_that_of_torch_also_where_the_last_pixels_are_left_over(windows, shape):
    x = np.random.default_rng(0).normal(size=(2, *shape))
    for s in (1, 2, 3):
        for how, theirs in ((np.max, F.max_pool2d), (np.mean, F.avg_pool2d)):
            np.testing.assert_allclose(
                windows.pool(x, s, how), theirs(torch.tensor(x), s).numpy(), atol=1e-12
            )


def test_a_mean_divides_by_the_square_of_the_side(windows):
    means = windows.pool(FOUR[None], 2, np.mean)[0]
    np.testing.assert_array_equal(means, [[3.5, 5.5], [7.5, 8]])
    too_large = windows.pool(FOUR[None], 2, lambda windows, axis: windows.sum(axis) / 2)
    assert too_large.max() == 16 > FOUR.max()
    np.testing.assert_allclose(windows.pool(np.full((1, 6, 6), 0.7), 3, np.mean), 0.7)


# ---------------------------------------------------------------- how far a network sees


@pytest.mark.parametrize("seed", range(8))
def test_the_field_that_is_measured_is_the_field_that_is_computed(seed):
    rng = np.random.default_rng(seed)
    layers = [(int(rng.integers(1, 5)), int(rng.integers(1, 3))) for _ in range(rng.integers(1, 5))]
    field = seen_pixels(layers, side=81) > 0
    assert field.any(axis=0).sum() == field.any(axis=1).sum() == receptive_field(layers)


def test_millions_of_paths_lead_to_the_middle_of_ten_layers_and_one_to_the_corner():
    paths = np.array([1])
    for _ in range(10):
        paths = np.convolve(paths, [1, 1, 1])
    assert len(paths) == receptive_field([(3, 1)] * 10) == 21
    assert paths[0] == 1
    assert paths[10] ** 2 > 50_000_000
    field = seen_pixels([(3, 1)] * 10)
    np.testing.assert_allclose(field[10:31, 10:31], np.outer(paths, paths) / 9**10, rtol=1e-4)
    assert field[16:25, 16:25].sum() / field.sum() == pytest.approx(0.85, abs=0.005)


# ---------------------------------------------------------------- the network


def test_the_numbers_of_weights_are_those_of_the_text(windows):
    def count(module):
        return sum(parameter.numel() for parameter in module.parameters())

    assert count(nn.Conv2d(3, 16, 3)) == 16 * (3 * 3 * 3 + 1) == 448
    assert (3 * 28 * 28 + 1) * 16 * 26 * 26 == 25_450_048
    plain = nn.Sequential(nn.Linear(28 * 28, 64), nn.Linear(64, 3))
    assert count(windows.convnet()) == 8 * 50 + 16 * (8 * 25 + 1) + 3 * 17
    assert round(count(plain) / count(windows.convnet())) == 14


def test_the_network_slid_over_a_picture_answers_as_for_each_window(windows):
    torch.manual_seed(0)
    model = windows.convnet().double()
    picture = torch.randn(1, 1, 34, 40, dtype=torch.double)
    answers = model(picture)
    assert answers.shape == (1, 3, 4, 7)
    for i, j in np.ndindex(4, 7):
        window = picture[:, :, 2 * i : 2 * i + 28, 2 * j : 2 * j + 28]
        torch.testing.assert_close(model(window)[0, :, 0, 0], answers[0, :, i, j])


def test_the_convolutions_win_from_another_start_too(windows):
    torch.manual_seed(1)
    plain, model = (
        nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 3)),
        windows.convnet(),
    )
    assert windows.train(model, seed=1) > max(0.9, windows.train(plain, seed=1) + 0.2)

    def still_right(network, pixels):
        moved, y = cut_windows(np.roll(windows.photos, -pixels, axis=2), (0, 320), windows.WINDOWS, seed=0)
        return (network(torch.tensor(moved)).flatten(1).argmax(dim=1).numpy() == y).mean()

    assert still_right(plain, 0) > 0.95
    assert still_right(plain, 4) < 0.75
    assert still_right(model, 4) > still_right(model, 0) - 0.02 > 0.92


def test_a_map_moves_with_the_picture(windows):
    x, weight, bias = layer(2, 3, 3, (9, 12))
    moved = np.roll(x, 2, axis=2)
    z = windows.conv2d(x, weight, bias)
    np.testing.assert_allclose(windows.conv2d(moved, weight, bias)[:, :, 2:], z[:, :, :-2], atol=1e-12)


def test_three_numbers_chosen_by_hand_tell_the_materials_apart(windows):
    def by_hand(X):
        X = X.numpy()[:, 0]
        below, right = (abs(np.diff(X, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2))
        return np.stack([below, right, X.std(axis=(1, 2))], axis=1)

    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(by_hand(windows.X), windows.y)
    assert model.score(by_hand(windows.X_test), windows.y_test) == pytest.approx(0.98, abs=0.005)


def test_the_photographs_say_nothing_by_brightness_and_no_row_is_in_both_sets(windows):
    np.testing.assert_allclose(windows.photos.mean(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(windows.photos.std(axis=(1, 2)), 1, atol=1e-5)
    rows = np.broadcast_to(np.arange(512.0)[None, :, None], (3, 512, 512))
    train, _ = cut_windows(rows, (0, 320), 300, seed=0)
    test, _ = cut_windows(rows, (320, 512), 300, seed=1)
    assert (train.min(), train.max(), test.min(), test.max()) == (0, 319, 320, 511)


# ---------------------------------------------------------------- helpers


def test_windows_are_cut_from_the_photograph_whose_number_they_bear():
    photographs = np.broadcast_to(np.arange(3.0)[:, None, None], (3, 40, 30))
    X, y = cut_windows(photographs, (5, 40), 4, seed=0)
    assert X.shape == (12, 1, 28, 28)
    assert y.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    np.testing.assert_array_equal(X[:, 0, 0, 0], y)
    with pytest.raises(ValueError, match="no window of 28 fits into the rows 20 to 40"):
        cut_windows(photographs, (20, 40), 4, seed=0)
    with pytest.raises(ValueError, match="window of 31"):
        cut_windows(photographs, (0, 40), 4, seed=0, side=31)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_a_window_is_drawn_with_the_sums_up_to_its_place():
    picture, kernel, sums = draw_window(FOUR, KERNEL, place=2)
    assert len(texts(picture)) == 16
    assert texts(kernel) == [*"1234"]
    assert texts(sums) == ["44", "54"]
    assert texts(draw_window(FOUR, KERNEL, place=99, stride=2)[2]) == ["44", "64", "68", "78"]
    assert draw_window(FOUR, KERNEL, 1, padding=1)[2].get_title() == "sums z, 5 × 5"
    with pytest.raises(ValueError, match=r"\(5, 5\) does not fit into a picture of \(4, 4\)"):
        draw_window(FOUR, np.ones((5, 5)))


def test_grids_are_drawn_beside_each_other_with_their_titles_and_windows():
    axes = draw_grids([[[1, 2]], [[3], [4]]], ["a", "b"], windows=[(0, 1, 1, 1)])
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    assert [len(ax.patches) for ax in axes] == [1, 0]
    with pytest.raises(ValueError, match="1 titles for 2 grids"):
        draw_grids([[[1]], [[2]]], ["a"])


def test_all_cells_are_drawn_alike_also_under_a_long_title():
    axes = draw_grids(
        [np.ones((5, 5)), np.ones((3, 3)), [[1]]], ["picture", "cross-correlation", "a long title"]
    )
    axes[0].figure.canvas.draw()
    cells = []
    for ax in axes:
        box = ax.get_window_extent()
        columns, rows = abs(np.diff(ax.get_xlim())[0]), abs(np.diff(ax.get_ylim())[0])
        cells.append((box.width / columns, box.height / rows, box.y1))
    np.testing.assert_allclose(cells, [cells[0]] * 3, atol=0.01)


def test_two_discs_lie_in_the_first_photograph():
    picture, kind = two_discs(np.broadcast_to(np.array([10.0, 20, 30])[:, None, None], (3, 40, 100)))
    np.testing.assert_array_equal(picture, 10 * (kind + 1))
    assert [kind[20, column] for column in (0, 27, 50, 73, 99)] == [0, 1, 0, 2, 0]
    assert (kind[:4] == 0).all()
    with pytest.raises(ValueError, match=r"\(2, 4, 4\); expected \(3, H, W\)"):
        two_discs(np.ones((2, 4, 4)))
