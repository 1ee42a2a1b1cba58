"""Section 6.1: its exercises agree with the libraries, and what the text of its parts says is so."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt

from exercises import WrongAnswer, check
from exercises.ch6_vision import s1_image_classification as ch
from exercises.finding import find
from helpers.chapters.drawn_digits import small_digits
from tools.notebooks import ENGLISH, define, read_notebook

torch = pytest.importorskip("torch")
F, nn = torch.nn.functional, torch.nn
PARTS = {
    "1a_pictures_and_filters": ("6.1.1", "6.1.9"),
    "1b_training": ("6.1.3", "6.1.10"),
    "1c_batch_normalisation": ("6.1.2",),
    "1d_a_look_inside": ("6.1.11",),
    "1e_judging_a_classifier": ("6.1.6", "6.1.7"),
    "1f_the_same_in_keras": ("6.1.8",),
    "1g_pictures_that_move": ("6.1.4",),
}
A, B, C, D, E, _, G = (ENGLISH / "6_vision" / f"{part}.ipynb" for part in PARTS)


@pytest.fixture(autouse=True)
def without_open_figures():
    """Close what a test has drawn."""
    yield
    plt.close("all")


def defined(path, *ids, **names):
    """What these cells of a notebook define, beside the names given."""
    return SimpleNamespace(**define(path, ids, dict(names)))


# ---------------------------------------------------------------- exercises


def test_the_solutions_of_6_1_agree_with_the_libraries():
    scipy_ndimage = pytest.importorskip("scipy.ndimage")
    metrics = pytest.importorskip("sklearn.metrics")

    random = np.random.default_rng(0)
    layers = [("conv", 4, 5, 2), ("pool", 3), ("conv", 6, 2, 0), ("pool", 2), ("flatten",)]
    x, shapes = torch.zeros(1, 3, 20, 27), ch.layer_shapes(layers, (3, 20, 27))
    modules = (
        nn.Conv2d(3, 4, 5, padding=2),
        nn.MaxPool2d(3),
        nn.Conv2d(4, 6, 2),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    for module, shape in zip(modules, shapes, strict=True):
        x = module(x)
        assert tuple(x.shape[1:]) == shape
    layers = [
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.Linear(16 * 2 * 2, 10),
    ]
    assert sum(p.numel() for layer in layers for p in layer.parameters()) == ch.N_PARAMETERS == 1_922
    images = random.normal(size=(2, 3, 5, 4))
    for dy, dx in [(0, 0), (1, -2), (-4, 3), (5, 0), (-9, 9)]:
        np.testing.assert_array_equal(
            ch.shift_image(images, dy, dx), scipy_ndimage.shift(images, (0, 0, dy, dx), order=0)
        )
    y_true, y_pred = random.integers(0, 4, size=(2, 50))
    np.testing.assert_array_equal(
        ch.confusion_matrix(y_true, y_pred, 5), metrics.confusion_matrix(y_true, y_pred, labels=range(5))
    )
    y, scores = np.array([0, 1] * 20), random.integers(0, 12, size=40) / 12
    for recall in (0.05, 0.3, 0.5, 0.95, 1.0):
        enough = [t for t in scores if metrics.recall_score(y, scores >= t) >= recall]
        assert ch.threshold_for_recall(y, scores, recall) == max(enough)
    losses, sizes = random.random(7), random.integers(1, 9, 7)
    assert ch.epoch_mean(losses, sizes) == pytest.approx(np.average(losses, weights=sizes))
    photo, kernel = random.normal(size=(3, 9, 7)), random.normal(size=(3, 4, 2))
    theirs = F.conv2d(torch.tensor(photo)[None], torch.tensor(kernel)[None])[0, 0]
    np.testing.assert_allclose(ch.colour_map(photo, kernel), theirs)
    weight, maps = random.normal(size=(5, 2 * 3 * 4)), random.normal(size=(7, 2, 3, 4))
    np.testing.assert_allclose(
        maps.transpose(0, 2, 3, 1).reshape(7, -1) @ ch.keras_order(weight, 2, 3, 4),
        maps.reshape(7, -1) @ weight.T,
    )


def test_one_number_a_channel_in_batch_normalisation_has_its_own_sentence():
    with pytest.raises(WrongAnswer, match="more than one number for each of its channels") as caught:
        check("6.1.2", 1898)
    assert "Which numbers of a batch normalisation are trained?" in str(caught.value)


@pytest.mark.parametrize("part", PARTS)
def test_the_solutions_run_with_the_imports_of_their_part(part):
    cells = {cell.id: cell for cell in read_notebook(ENGLISH / "6_vision" / f"{part}.ipynb").cells}
    names = {}
    exec(cells["imports"].source, names)
    for number in PARTS[part]:
        solution = find(number).solution
        if callable(solution):
            exec(inspect.getsource(solution), names)
            check(number, names[solution.__name__])


# ---------------------------------------------------------------- 6.1a to 6.1d


def test_the_network_of_the_text_is_that_of_the_helper():
    """6.1b writes it down; the other parts take the helper's: two spellings, one network."""
    from helpers.chapters.small_cnn import small_cnn

    x = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    answers = []
    for network in (defined(B, "torch-net-code", nn=nn, WIDTH=8).torch_cnn, small_cnn):
        torch.manual_seed(0)
        answers.append(network(width=8, dropout=0.0)(x))
    assert torch.equal(*answers)


def test_the_numbers_by_hand_of_6_1a_and_6_1c_are_right():
    batch_norm = define(C, ("norm-code",), {"torch": torch, "nn": nn})["batch_norm"]
    z = torch.tensor([2.0, 2, 6, 6], dtype=torch.float64).reshape(4, 1, 1, 1)
    for gamma, beta, expected in ((1.0, 0.0, [-1, -1, 1, 1]), (3.0, 1.0, [-2, -2, 4, 4])):
        made = batch_norm(z, torch.tensor([gamma]), torch.tensor([beta])).ravel()
        np.testing.assert_allclose(made, expected, atol=1e-4)
    bar = torch.tensor([[0.0, 0, 1, 1, 0]] * 3)
    kernel = torch.tensor([[-1.0, 0, 1]] * 3)
    assert F.conv2d(bar[None, None], kernel[None, None]).ravel().tolist() == [3, 3, -3]
    assert -np.log(0.1) == pytest.approx(2.3, abs=0.01)  # a guess among ten
    assert find("6.1.2").solution == 72 + 16 + 1_152 + 32 + 650


def test_two_frames_beside_a_wall_that_has_no_edge():
    """6.1a: a border of zeros on an even ground of 0.8 gives 2.4 on the left and -2.4 on the right."""
    kernel = torch.tensor([[-1.0, 0, 1]] * 3)[None, None]
    framed = F.conv2d(torch.full((1, 1, 3, 6), 0.8), kernel, padding=1)[0, 0, 1]
    np.testing.assert_allclose(framed, [2.4, 0, 0, 0, 0, -2.4], atol=1e-6)


def test_enlarged_repeats_each_number_and_changes_none():
    from helpers.chapters.windows import enlarged

    small = torch.arange(8.0).view(2, 2, 2)
    assert torch.equal(enlarged(small, 6), small.repeat_interleave(3, dim=1).repeat_interleave(3, dim=2))
    assert enlarged(small).shape == (2, 112, 112)


def test_biases_do_not_make_up_for_normalisation_and_a_higher_rate_does():
    """6.1c, two epochs, three seeds: a lead of about seven points at 0.001, and none at 0.01."""
    from helpers import batches, fit, predict, seed_everything
    from helpers.chapters.real_digits import load_pictures
    from helpers.chapters.small_cnn import small_cnn

    (X, y), (X_val, y_val) = (load_pictures("mnist-5k", split) for split in ("train", "val"))
    right = {}
    for rate in (1e-3, 1e-2):
        for norm in (True, False):
            for seed in range(3):
                generator, network = seed_everything(seed), small_cnn()
                if not norm:
                    parts = [part for part in network if not isinstance(part, nn.BatchNorm2d)]
                    for place, part in enumerate(parts):
                        if isinstance(part, nn.Conv2d):
                            parts[place] = nn.Conv2d(part.in_channels, part.out_channels, 3, padding=1)
                    network = nn.Sequential(*parts)
                feed = batches(X[:2000], y[:2000], batch_size=64, shuffle=True, generator=generator)
                optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
                fit(network, feed, F.cross_entropy, optimizer, epochs=2, device="cpu")
                share = (predict(network, X_val).argmax(dim=1).numpy() == y_val).mean()
                right.setdefault((rate, norm), []).append(share)
    print(right)
    leads = [np.mean(right[rate, True]) - np.mean(right[rate, False]) for rate in (1e-3, 1e-2)]
    assert leads[0] > 0.04
    assert abs(leads[1]) < 0.03


def test_a_linear_layer_misses_the_bound_of_6_1_10_and_the_courses_own_answer_has_room():
    X, y = ch._lesson()
    right = {"linear": [], "own": []}
    for seed in range(3):
        torch.manual_seed(seed)
        linear = ch._trained(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), X, y).eval()
        for name, network in (("linear", linear), ("own", ch.own_reader(X, y))):
            with torch.no_grad():
                answers = network(ch._exam()[0]).argmax(dim=1)
            right[name].append((answers == ch._exam()[1]).float().mean().item())
    print(right)
    assert max(right["linear"]) < 0.85 < min(right["own"]) - 0.02
    assert sum(p.numel() for p in ch.own_reader(X[:50], y[:50]).parameters()) == 9_146


def test_the_first_filters_hardly_turn_and_frozen_at_random_they_cost_nothing():
    from helpers import predict, seed_everything
    from helpers.chapters.real_digits import load_pictures
    from helpers.chapters.small_cnn import small_cnn, trained_cnn

    (X, y), (X_val, y_val) = (load_pictures("mnist-5k", split) for split in ("train", "val"))
    seed_everything(0)
    start = small_cnn()
    places, right, turned = (0, 4, 8, -1), [], []
    for frozen in (0, 1, 3):  # so many convolutions stay as they began
        settings = {"width": 8, "epochs": 6, "batch_size": 64, "rate": 1e-2, "device": "cpu"}
        network = trained_cnn(X[:2000], y[:2000], frozen=frozen, **settings)
        pairs = [(start[place].weight.detach(), network[place].weight.detach()) for place in places]
        assert [torch.equal(*pair) for pair in pairs] == [n < frozen for n in range(4)]
        assert all(not torch.equal(layer.weight, torch.ones_like(layer.weight)) for layer in network[1:10:4])
        turned.append(F.cosine_similarity(*(weight.flatten(1) for weight in pairs[0])).mean().item())
        right.append((predict(network, X_val).argmax(dim=1).numpy() == y_val).mean())
        if not frozen:
            moved = [(after - before).abs().mean().item() for before, after in pairs]
            first = [before.abs().mean().item() for before, _ in pairs]
    print(turned, right, moved, first)
    assert max(moved) < 2 * min(moved)  # about equally far
    assert first[0] > 2 * first[1] > 2 * first[2] > 4 * first[3]
    assert 0.85 < turned[0] < 1
    assert abs(right[1] - right[0]) < 0.02
    assert 1 - right[2] > 1.25 * (1 - right[1])


def test_a_place_behind_the_third_convolution_sees_18_of_28_pixels():
    from helpers.chapters.small_cnn import small_cnn

    seen = []
    layers = [nn.AvgPool2d(2) if isinstance(layer, nn.MaxPool2d) else layer for layer in small_cnn()[:9]]
    layers = [layer for layer in layers if not isinstance(layer, (nn.BatchNorm2d, nn.ReLU))]
    for many in range(1, len(layers) + 1):
        x = torch.zeros(1, 1, 28, 28, requires_grad=True)
        made = nn.Sequential(*layers[:many])(x)
        made[0, 0, made.shape[2] * 4 // 7, made.shape[3] * 4 // 7].backward()
        rows = x.grad[0, 0].abs().sum(dim=1).nonzero()[:, 0]
        seen.append((len(rows), rows[0].item()))
    assert [size for size, _ in seen] == [3, 4, 8, 10, 18]
    assert seen[-1] == (18, 9)  # the orange window of the place in row 4, column 4


def test_6_1_10_names_the_mode_whatever_the_share_and_shows_the_share_itself():
    def short(X, y):
        return ch._trained(ch._small_network(), X, y, epochs=1)

    with pytest.raises(WrongAnswer, match="returns the network in training mode") as caught:
        check("6.1.10", short)
    assert "Which mode, and when?" in str(caught.value)
    with pytest.raises(WrongAnswer, match=r"'share right': 0\.\d+") as caught:
        check("6.1.10", lambda X, y: short(X, y).eval())
    assert "It hardly learns" in str(caught.value)


def test_a_score_on_people_s_digits_does_not_travel_to_drawn_ones_and_most_of_the_fall_is_their_place():
    from helpers import predict
    from helpers.chapters.real_digits import load_pictures
    from helpers.chapters.small_cnn import trained_cnn

    centred = defined(E, "centred-run", np=np).centred
    X, y = small_digits(2_500, 3_500)
    X = X / np.float32(255)
    settings = {"width": 8, "epochs": 6, "batch_size": 64, "rate": 1e-2, "device": "cpu"}
    for seed in (0, 1):
        network = trained_cnn(*load_pictures("mnist-5k", "train"), seed=seed, **settings)
        exams = (X, y), (centred(X), y), load_pictures("mnist-5k", "test")
        drawn, moved, test = ((predict(network, x).argmax(dim=1).numpy() == of).mean() for x, of in exams)
        print(drawn, moved, test)
        assert drawn < 0.8
        assert moved - drawn > max(0.1, 0.7 * (test - drawn))  # the text: about four fifths


# ---------------------------------------------------------------- slopes (6.1d), rates (6.1e)


def small_and_exact():
    """A network of 6.1b in 64 bits, untrained, and pictures of noise, so that no pooling ties."""
    from helpers.chapters.small_cnn import small_cnn

    torch.manual_seed(0)
    return small_cnn(width=4).double().eval(), torch.rand(3, 1, 28, 28, dtype=torch.float64)


def test_the_saliency_map_holds_the_slopes_that_small_steps_measure():
    text = defined(D, "saliency-code", torch=torch)
    margin = define(D, ("margin-code",), {"torch": torch})["margin"]
    network, x = small_and_exact()
    for score in (text.winner, margin):
        promised = text.slopes(network, x, score)
        assert promised.shape == x.shape
        for place in (promised[0, 0].abs().argmax().item(), 300, 411):
            nudge = torch.zeros_like(x[:1])
            nudge.view(-1)[place] = 1e-7
            with torch.no_grad():
                measured = (score(network(x[:1] + nudge)) - score(network(x[:1] - nudge))) / 2e-7
            assert measured.item() == pytest.approx(promised[0].view(-1)[place].item(), rel=1e-3, abs=1e-7)


def test_by_hand_the_winner_sees_pixel_a_and_the_margin_pixel_b():
    text = defined(D, "saliency-code", torch=torch)
    margin = define(D, ("margin-code",), {"torch": torch})["margin"]
    before = torch.tensor([[5.0, 4.0]])
    steps = {"A": torch.tensor([[2.0, 2.0]]), "B": torch.tensor([[0.0, 1.5]])}
    slope = {
        (score, pixel): (torch.autograd.functional.jvp(function, before, steps[pixel])[1]).item()
        for score, function in (("winner", text.winner), ("margin", margin))
        for pixel in steps
    }
    assert slope == {("winner", "A"): 2, ("winner", "B"): 0, ("margin", "A"): 0, ("margin", "B"): -1.5}
    assert (before + steps["A"]).argmax() == 0
    assert (before + steps["B"]).argmax() == 1


def test_the_roc_curve_of_the_text_is_scikit_learns_ties_and_all():
    metrics = pytest.importorskip("sklearn.metrics")
    roc = define(E, ("roc-code",), {"np": np})["roc"]
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, scores = rng.permutation([0.0, 1.0] * 10), rng.integers(0, 6, size=20) / 5
        theirs = metrics.roc_curve(truth, scores, drop_intermediate=False)
        for mine, reference in zip(roc(truth, scores), theirs[:2], strict=True):
            np.testing.assert_allclose(mine, reference)
    alarms, recall = roc(np.array([1.0, 1, 0, 1, 0, 0]), np.array([0.9, 0.8, 0.6, 0.5, 0.3, 0.1]))
    drawn = next(cell for cell in read_notebook(E).cells if cell.id == "roc-drawing").source
    assert "plot([0, 0, 0, 1 / 3, 1 / 3, 2 / 3, 1], [0, 1 / 3, 2 / 3, 2 / 3, 1, 1, 1]" in drawn
    assert alarms.tolist() == [0, 0, 0, 1 / 3, 1 / 3, 2 / 3, 1]
    assert recall.tolist() == [0, 1 / 3, 2 / 3, 2 / 3, 1, 1, 1]


# ---------------------------------------------------------------- 6.1f and 6.1g


def test_keras_flattens_place_by_place_and_pytorch_channel_by_channel():
    maps = np.arange(8.0).reshape(2, 2, 2)
    assert nn.Flatten()(torch.tensor(maps[None]))[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert maps.transpose(1, 2, 0).ravel().tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


def test_augment_moves_each_picture_by_a_shift_of_its_own_and_by_0_not_at_all():
    augment = define(G, ("augmentation-code",), {"torch": torch, "F": F})["augment"]
    x = torch.rand(40, 2, 6, 9, generator=torch.Generator().manual_seed(0))
    moved = augment(x, torch.Generator().manual_seed(1), by=1)
    shifts = [ch.shift_image(x.numpy(), dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    found = [{n for n, all_ in enumerate(shifts) if np.array_equal(all_[i], moved[i])} for i in range(len(x))]
    assert all(found)
    assert len(set().union(*found)) == 9  # in 40 draws of nine
    assert torch.equal(augment(x, torch.Generator(), by=0), x)


def test_a_layer_of_keras_moves_pictures_in_training_only():
    from helpers import load_keras

    keras = load_keras()
    move = keras.layers.RandomTranslation(3 / 28, 3 / 28, fill_mode="constant", seed=0)
    pictures = np.random.default_rng(0).random((4, 28, 28, 1), dtype=np.float32)
    np.testing.assert_array_equal(move(pictures, training=False), pictures)
    assert (np.asarray(move(pictures, training=True)) != pictures).any()


def test_the_old_average_4_and_a_batch_of_mean_6_make_4_2_and_with_the_default_of_keras_4_02():
    from helpers import load_keras

    keras = load_keras()
    theirs = nn.BatchNorm1d(1)
    torch.nn.init.constant_(theirs.running_mean, 4.0)
    theirs(torch.tensor([[5.0], [7.0]]))
    assert theirs.running_mean.item() == pytest.approx(4.2)
    for momentum, expected in ((0.9, 4.2), (None, 4.02)):
        layer = keras.layers.BatchNormalization(**({"momentum": momentum} if momentum else {}))
        layer.build((None, 1))
        layer.moving_mean.assign([4.0])
        layer(np.array([[5.0], [7.0]], dtype=np.float32), training=True)
        assert float(layer.moving_mean[0]) == pytest.approx(expected)


@pytest.mark.parametrize(("pixels", "cut"), [(3, 0.01), (6, 0.35)])
def test_so_many_digits_lose_more_than_a_fiftieth_of_their_ink_at_the_edge(pixels, cut):
    from helpers.chapters.real_digits import load_pictures

    X, _ = load_pictures("mnist-5k", "val")
    left = ch.shift_image(X, 0, pixels).sum(axis=(1, 2, 3)) / X.sum(axis=(1, 2, 3))
    assert (left < 0.98).mean() == pytest.approx(cut, abs=0.005)
