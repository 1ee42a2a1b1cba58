"""Section 4.2a: the invented script, the network and its file, and what training leaves alone."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from helpers.chapters import fine_tuning
from helpers.chapters.fine_tuning import (
    NEW,
    OLD,
    OTHER,
    characters,
    parts_of,
    pretrained,
    rows_of_steps,
    small_resnet,
    train_parts,
    written,
)
from helpers.chapters.many_draws import abreast, apart, feed_of, train_draws
from tools.notebooks import ENGLISH, define

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_thread")
few_rows, part_rates, bytes_to_store = (find(f"4.2.{n}").solution for n in (1, 2, 3))


@pytest.fixture(scope="module")
def part():
    """What 4.2a defines, with the course's answers to its exercises."""
    X, y = characters(NEW, range(10))
    names = {"few_rows": few_rows, "part_rates": part_rates, "bytes_to_store": bytes_to_store}
    names |= {"X": X, "y": y, "X_test": X, "y_test": y, "body": pretrained()}
    return SimpleNamespace(**define(ENGLISH / "4_training" / "2a_few_labels.ipynb", namespace=names))


# ---------------------------------------------------------------- the script


def test_a_hand_writes_the_same_whatever_is_asked_for_with_it():
    np.testing.assert_array_equal(written(3, range(5, 9))[2], written(3, [7])[0])
    X, y = characters([8, 3], [7, 1])
    assert y.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(X[2, 0] * fine_tuning.SPREAD + fine_tuning.MEAN, written(3, [7])[0], atol=1e-6)


def test_characters_and_hands_differ_and_all_ink_is_from_0_to_1():
    pictures = np.stack([written(character, range(3)) for character in range(60)])
    assert pictures.shape == (60, 3, 16, 16)
    assert pictures.min() == 0
    assert 0.9 < pictures.max() <= 1
    assert len({picture.tobytes() for picture in pictures.reshape(180, -1)}) == 180


def test_old_new_and_other_characters_have_none_in_common():
    assert len({*OLD, *NEW, *OTHER}) == len(OLD) + len(NEW) + len(OTHER) == 60


def test_the_pixels_of_the_old_characters_are_normalised():
    X, _ = characters(OLD, range(10))
    assert abs(X.mean()) < 0.05
    assert abs(X.std() - 1) < 0.05


@pytest.mark.parametrize(("which", "numbers"), [([], [1]), ([1], [])])
def test_no_character_or_no_hand_is_refused(which, numbers):
    with pytest.raises(ValueError, match="at least one of each"):
        characters(which, numbers)


# ---------------------------------------------------------------- the file


def test_the_network_of_the_file_knows_the_old_characters_by_new_hands():
    X, y = characters(OLD, range(60, 70))
    with torch.inference_mode():
        right = (pretrained()(X).argmax(1) == y).float().mean()
    assert right > 0.93
    assert fine_tuning.WEIGHTS.stat().st_size < 2_000_000


@pytest.mark.parametrize("damage", [lambda b: b[:-100], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b""])
def test_a_file_that_is_cut_off_or_changed_is_refused_with_its_name(tmp_path, damage):
    file = tmp_path / "weights.safetensors"
    file.write_bytes(damage(fine_tuning.WEIGHTS.read_bytes()))
    with pytest.raises(ValueError, match=r"weights.safetensors.*pretrain\(\)"):
        pretrained(file)


def test_a_pickle_is_refused_and_nothing_in_it_is_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    file = tmp_path / "weights.safetensors"
    torch.save(Trap(), file)
    with pytest.raises(ValueError, match="SHA-256"):
        pretrained(file)
    assert not (tmp_path / "executed").exists()


def test_a_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"pretrain\(\)"):
        pretrained(tmp_path / "none.safetensors")


# ---------------------------------------------------------------- the training


def test_rows_come_pass_after_pass_each_row_once_a_pass():
    rows = rows_of_steps(10, 5, batch_size=4, seed=1)
    assert rows.shape == (5, 4)
    first, second = rows.reshape(-1)[:10], rows.reshape(-1)[10:]
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("frozen", [0, 2, 4])
def test_a_frozen_part_keeps_weights_and_averages_and_the_others_change(frozen):
    X, y = characters(NEW, range(4))
    network, before = pretrained(), pretrained()
    network.head = small_resnet(10).head
    before.head = copy.deepcopy(network.head)
    train_parts(network, X, y, part_rates(5, 0.01, frozen=frozen), steps=3)
    for place, (old, new) in enumerate(zip(parts_of(before), parts_of(network), strict=True)):
        pairs = zip(old.state_dict().values(), new.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) == (place < frozen)
    assert not network.training


def test_a_part_learns_as_fast_as_its_rate_says():
    X, y = characters(NEW, range(4))
    moved = []
    for rates in (part_rates(5, 0.1, factor=3), part_rates(5, 0.1)):
        network, before = pretrained(), pretrained()
        train_parts(network, X, y, rates, steps=2)
        moved.append((network.stem[0][0].weight - before.stem[0][0].weight).abs().max().item())
    np.testing.assert_allclose(moved[1] / moved[0], 81, rtol=0.2)  # a step of Adam is as long as its rate


@pytest.mark.parametrize("rates", [[0.1] * 4, [0] * 5, [0.1, 0.1, 0.1, 0.1, -0.1]])
def test_rates_that_fit_no_network_are_refused(rates):
    X, y = characters(NEW, range(2))
    with pytest.raises(ValueError, match="5 numbers from 0 up"):
        train_parts(small_resnet(10), X, y, rates, steps=1)


def test_the_training_of_the_notebook_is_that_of_the_helper(part):
    rows = part.draw(2, seed=3)
    for way in ("head", "discriminative"):
        ours = part.train(part.start(way, 1), part.X[rows], part.y[rows], part.WAYS[way], seed=1, steps=4)
        theirs = train_parts(part.start(way, 1), part.X[rows], part.y[rows], part.WAYS[way], steps=4, seed=1)
        for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
            assert torch.equal(a, b)


def test_a_draw_has_as_many_of_each_class_and_each_seed_others(part):
    rows = part.draw(3, seed=0)
    assert np.bincount(part.y[rows]).tolist() == [3] * 10
    assert rows.tolist() != part.draw(3, seed=1).tolist()
    with pytest.raises(ValueError, match="class 0 has 10"):
        part.draw(11, seed=0)


def test_scratch_begins_at_random_and_the_other_ways_from_the_body(part):
    scratch, full = part.start("scratch", 0), part.start("full", 0)
    assert torch.equal(scratch.head.weight, full.head.weight)
    assert torch.equal(full.stages[2][0].parts[0][0].weight, part.body.stages[2][0].parts[0][0].weight)
    assert not torch.equal(scratch.stages[2][0].parts[0][0].weight, full.stages[2][0].parts[0][0].weight)
    assert not torch.equal(part.start("full", 1).head.weight, full.head.weight)


def test_what_the_ways_leave_to_be_stored(part):
    """Head: its 330 numbers. Partial: stage 3 with averages and three counters of eight bytes as well."""
    rows = part.draw(2, seed=0)
    sizes = {}
    for way in ("head", "partial", "full"):
        network = part.train(part.start(way, 0), part.X[rows], part.y[rows], part.WAYS[way], steps=3)
        (beside,) = part.trained([part.start(way, 0)], 2, part.WAYS[way], steps=3)
        assert bytes_to_store(part.state(part.body), part.state(beside)) == bytes_to_store(
            part.state(part.body), part.state(network)
        )
        sizes[way] = bytes_to_store(part.state(part.body), part.state(network))
    assert sizes["head"] == 4 * 330
    assert sizes["partial"] == 4 * (330 + 14_528 + 3 * 64) + 3 * 8
    assert sizes["full"] == sum(value.nbytes for value in part.state(network).values())


# ---------------------------------------------------------------- many draws at once


def three_starts(classes=10):
    networks = [pretrained().double() for _ in range(3)]
    for seed, network in enumerate(networks):
        network.head = small_resnet(classes, seed=seed).head.double()
    return networks


@pytest.mark.parametrize("frozen", [0, 2, 4])
@pytest.mark.parametrize("seeds", [None, (7, 7, 2)])
def test_networks_trained_side_by_side_have_the_numbers_of_those_trained_alone(frozen, seeds):
    X, y = characters(NEW, range(6))
    rows = [torch.arange(place, 60, 2 + place)[:20] for place in range(3)]
    data = [X[some].double() for some in rows], [y[some] for some in rows]
    rates = part_rates(5, 0.02, factor=2, frozen=frozen)
    alone = [
        train_parts(network, *theirs, rates, steps=6, seed=seed, batch_size=8, decay=0.05)
        for network, *theirs, seed in zip(three_starts(), *data, seeds or range(3), strict=True)
    ]
    beside = train_draws(three_starts(), *data, rates, steps=6, seeds=seeds, batch_size=8, decay=0.05)
    for one, other in zip(alone, beside, strict=True):
        assert not other.training
        for name, value in one.state_dict().items():
            torch.testing.assert_close(other.state_dict()[name], value, rtol=1e-7, atol=1e-9)
        for name, parameter in one.named_parameters():
            assert other.get_parameter(name).requires_grad == parameter.requires_grad


def test_each_group_answers_only_its_own_pictures_and_goes_back_to_its_own_network():
    networks = [network.eval() for network in three_starts()]
    X = [characters(NEW, [hand])[0].double() for hand in range(3)]
    with torch.inference_mode():
        logits = abreast(networks)(torch.cat(X, dim=1))
        for place, network in enumerate(networks):
            torch.testing.assert_close(logits[:, :, place], network(X[place]), rtol=1e-9, atol=1e-9)
    back = apart(abreast(networks), three_starts()[::-1])
    for one, other in zip(networks, back, strict=True):
        assert torch.equal(one.head.weight, other.head.weight)


def test_networks_of_different_shapes_or_none_are_refused():
    for networks, words in (([], "0 networks"), ([small_resnet(10), small_resnet(11)], "2 networks of 2")):
        with pytest.raises(ValueError, match=words):
            abreast(networks)


def test_the_batches_of_each_network_are_those_of_its_seed():
    X, y = [torch.arange(6.0).view(6, 1, 1, 1) + 10 * place for place in range(2)], [torch.arange(6)] * 2
    feed = feed_of(X, y, steps=4, batch_size=3, seeds=(5, 1))
    for place, seed in enumerate((5, 1)):
        rows = rows_of_steps(6, 4, 3, seed)
        assert torch.equal(torch.stack([labels[:, place] for _, labels in feed]), rows)
        assert torch.equal(torch.stack([maps[:, place, 0, 0] for maps, _ in feed]), rows + 10.0 * place)
