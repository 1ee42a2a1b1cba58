"""Section 4.2b: LoRA equals peft's at every size, and neither it nor its merging touches what is frozen."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from helpers.chapters.fine_tuning import (
    NEW,
    characters,
    exchange,
    labelled,
    pretrained,
    rows_of_steps,
    small_resnet,
    train_parts,
)
from tools.notebooks import ENGLISH, define

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_thread")
merged, forgetting = find("4.2.4").solution, find("4.2.5").solution


@pytest.fixture(scope="module")
def part():
    """What 4.2b defines, with the course's answers to its exercises."""
    X, y = characters(NEW, range(12))
    names = {"merged": merged, "forgetting": forgetting, "body": pretrained(), "X": X, "y": y}
    names |= {"X_test": X, "y_test": y, "X_old": X, "y_old": y}
    ids = ("imports", "constants", "data", "adapt", "library", "lora", "insert", "merge", "measure")
    return SimpleNamespace(**define(ENGLISH / "4_training" / "2b_lora_and_forgetting.ipynb", ids, names))


def randomised(part, rank, seed=0):
    """A network whose LoRAs are not at their start, in double precision."""
    network = part.with_lora(part.start(seed), rank).double()
    generator = torch.Generator().manual_seed(seed)
    for name in part.CONVOLUTIONS:
        up = network.get_submodule(name).B.weight
        up.data = torch.randn(up.shape, generator=generator, dtype=torch.float64) / 10
    return network.eval()


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_merged_weights_do_what_both_paths_do_at_every_rank(part, rank):
    network = randomised(part, rank)
    X = part.X.double()
    plain = exchange(copy.deepcopy(network), part.CONVOLUTIONS, part.one_convolution)
    with torch.inference_mode():
        torch.testing.assert_close(plain(X), network(X), rtol=1e-9, atol=1e-9)
        assert (network(X) - part.start(0).double().eval()(X)).abs().max() > 0.1
    assert not any("A.weight" in name for name in plain.state_dict())


@pytest.mark.parametrize("rank", [1, 8])
def test_each_rank_adds_993_numbers_over_all_convolutions(part, rank):
    network = part.with_lora(part.start(0), rank)
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 993 * rank + 330


@pytest.mark.parametrize("rank", [1, 4])
def test_our_lora_is_pefts_with_the_same_numbers(part, rank):
    ours, theirs = randomised(part, rank), part.from_library(0, rank).double().eval()
    for name in part.CONVOLUTIONS:
        mine, other = ours.get_submodule(name), theirs.base_model.model.get_submodule(name)
        other.lora_A.default.weight.data = mine.A.weight.data.clone()
        other.lora_B.default.weight.data = mine.B.weight.data.clone()
    X = part.X.double()
    with torch.inference_mode():
        torch.testing.assert_close(theirs(X), ours(X), rtol=1e-9, atol=1e-9)
        plain = exchange(copy.deepcopy(ours), part.CONVOLUTIONS, part.one_convolution)
        torch.testing.assert_close(theirs.merge_and_unload()(X), plain(X), rtol=1e-9, atol=1e-9)


def test_only_thin_matrices_and_the_head_change_in_training(part):
    network = part.with_lora(part.start(0), 2)
    before = copy.deepcopy(network.state_dict())
    rows = labelled(part.y, 5, seed=0)
    part.adapt(network, [(part.X[rows], part.y[rows])] * 5)
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    thin = {f"{name}.{letter}.weight" for name in part.CONVOLUTIONS for letter in "AB"}
    assert changed == thin | {"head.weight", "head.bias"}


def test_without_its_lora_a_trained_network_has_the_features_of_before(part):
    network = part.with_lora(part.start(0), 2)
    part.adapt(network, [(part.X[:40], part.y[:40])] * 10)
    exchange(network, part.CONVOLUTIONS, lambda lora: lora.conv)
    with torch.inference_mode():  # another layout in memory, so not bit for bit
        torch.testing.assert_close(network.features(part.X), part.body.features(part.X), rtol=1e-4, atol=1e-4)


def test_a_draw_is_as_many_of_each_class_from_its_first_turn_on():
    _, y = characters(NEW, range(6))
    rows = labelled(y, 4, seed=2)
    assert np.bincount(y[rows]).tolist() == [4] * 10
    assert sorted(y[rows[:10]].tolist()) == list(range(10))
    assert rows.tolist() != labelled(y, 4, seed=3).tolist()
    with pytest.raises(ValueError, match="class 0 has only 6 rows"):
        labelled(y, 7, seed=0)


def test_a_class_without_a_row_is_refused():
    with pytest.raises(ValueError, match="only 0 rows"):
        labelled(torch.tensor([0, 0, 2, 2]), 1, seed=0)


def test_exchange_reaches_every_convolution(part):
    network, seen = copy.deepcopy(part.body), []
    exchange(network, part.CONVOLUTIONS, lambda conv: seen.append(conv) or torch.nn.Identity())
    assert len(seen) == len(part.CONVOLUTIONS) == 9
    assert not any(isinstance(module, torch.nn.Conv2d) for module in network.modules())


@pytest.mark.parametrize("seed", [0, 1])
def test_the_characters_of_the_third_task_are_easy_for_the_pretrained_network(seed):
    """As the third task they come to 0.53 or so; straight from the pretrained network to 0.83 or more."""
    X, y = characters(range(60, 70), range(100))
    X_exam, y_exam = characters(range(60, 70), range(200, 230))
    network, rows = pretrained(), labelled(y, 20, seed)
    network.head = small_resnet(30, seed=seed).head
    train_parts(network, X[rows], y[rows], [0.01] * 5, steps=25, seed=seed)
    with torch.inference_mode():
        assert (network(X_exam)[:, :10].argmax(1) == y_exam).float().mean() > 0.75


def test_a_fresh_head_gives_the_third_task_back_most_of_what_it_lost():
    """So what makes the third task hard is the head that two others have trained, not the features."""
    groups = (NEW, range(50, 60), range(60, 70))
    network, after = pretrained(), {}
    network.head = small_resnet(30, seed=0).head
    for i, group in enumerate(groups[:2]):
        X, y = characters(group, range(100))
        rows = labelled(y, 20, seed=0)
        train_parts(network, X[rows], y[rows] + 10 * i, [0.01] * 5, steps=25)
    X, y = characters(groups[2], range(100))
    X_exam, y_exam = characters(groups[2], range(200, 230))
    rows = labelled(y, 20, seed=0)
    for head in (network.head, small_resnet(30, seed=0).head):
        third = copy.deepcopy(network)
        third.head = copy.deepcopy(head)
        train_parts(third, X[rows], y[rows] + 20, [0.01] * 5, steps=25)
        with torch.inference_mode():
            right = (third(X_exam)[:, 20:].argmax(1) == y_exam).float().mean().item()
        after["used" if head is network.head else "fresh"] = right
    assert after["fresh"] > after["used"] + 0.15


@pytest.mark.parametrize("rank", [1, 8])
def test_loras_trained_side_by_side_are_those_trained_alone(part, rank):
    rows = [labelled(part.y, 2, seed) for seed in range(3)]
    data = [part.X[r].double() for r in rows], [part.y[r] for r in rows]
    alone, networks = (
        [part.with_lora(part.start(seed), rank).double() for seed in range(3)] for _ in range(2)
    )
    for network, X, y, seed in zip(alone, *data, range(3), strict=True):
        part.adapt(network, [(X[some], y[some]) for some in rows_of_steps(20, 5, 8, seed)])
    part.apart(part.adapt(part.abreast(networks), part.feed_of(*data, 5, 8)), networks)
    for one, other in zip(alone, networks, strict=True):
        for name, value in one.state_dict().items():
            torch.testing.assert_close(other.state_dict()[name], value, rtol=1e-6, atol=1e-8)
