"""Section 5.2g: two changes are as the text says; the figures are those measured; luck is told from gain."""

import re
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from scipy import stats

from exercises.finding import find
from helpers.chapters import recipe
from tests.sections.same_code import assert_same_code
from tools.notebooks import ENGLISH, ROOT, define

NOTEBOOK = ENGLISH / "5_language/2g_gain_or_luck.ipynb"


@pytest.fixture(scope="module")
def nb():
    threads = torch.get_num_threads()
    names = {"gain": find("5.2.8").solution}
    names = define(NOTEBOOK, namespace=names, whole=("imports", "constants", "text", "learn", "changes"))
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


def test_the_changes_of_the_helpers_are_those_of_the_notebook_word_for_word(nb):
    assert_same_code(NOTEBOOK, recipe, ("NormAndConvolution", "orthogonal", "Muon", "with_muon"))
    assert list(nb.TWO_MORE)[1:] == list(recipe.CHANGES)[4:]
    ours, theirs = nb.TWO_MORE["+ Muon"][0], recipe.CHANGES["+ Muon"][0]
    assert ours.keys() == theirs.keys()
    assert (ours["attention"], ours["positions"]) == (theirs["attention"], theirs["positions"])
    assert ours["norm"].__name__ == theirs["norm"].__name__


def test_every_weight_has_one_optimiser_and_muon_has_the_matrices_of_the_blocks(nb):
    gpt = nb.built(0, **nb.SIZES | nb.LAST)
    muon, rest = nb.with_muon(gpt)
    ours, theirs = ({p for group in each.param_groups for p in group["params"]} for each in (muon, rest))
    assert ours | theirs == {*gpt.parameters()}
    assert not ours & theirs
    assert len(ours) == 4 * nb.LAYERS
    assert gpt.blocks[0].norm1.shares in theirs
    assert gpt.vectors.weight in theirs


def test_no_model_sees_what_comes_after_a_position(nb):
    ids = nb.val_ids[None, : nb.LENGTH]
    changed = torch.cat([ids[:, :-1], (ids[:, -1:] + 1) % nb.V], dim=1)
    gpt = nb.built(0, **nb.SIZES | nb.LAST)
    with torch.no_grad():
        for weight in gpt.parameters():
            weight.normal_(std=0.2)
        torch.testing.assert_close(gpt(ids)[:, :-1], gpt(changed)[:, :-1], atol=1e-4, rtol=0)


def test_a_short_convolution_begins_as_nothing_and_looks_one_and_two_positions_back(nb):
    half, x = nb.NormAndConvolution(nb.WIDTH), torch.randn(1, 6, nb.WIDTH)
    normed = half.norm(x)
    assert torch.equal(half(x), normed)
    with torch.no_grad():
        half.shares[0], half.shares[1] = 2.0, 3.0
        by_hand = normed[0, 4] + 2 * normed[0, 3] + 3 * normed[0, 2]
        torch.testing.assert_close(half(x)[0, 4], by_hand)
        torch.testing.assert_close(half(x)[0, 0], normed[0, 0])


@pytest.mark.parametrize("shape", [(32, 48), (48, 32), (20, 20)])
def test_muon_is_pytorchs_to_the_precision_of_its_16_bits(nb, shape):
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.ones(shape)) for _ in range(2))
    two = nb.Muon([ours], lr=0.1), torch.optim.Muon([theirs], lr=0.1, weight_decay=0.0)
    for _ in range(3):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        for optimiser in two:
            optimiser.step()
    torch.testing.assert_close(ours, theirs, atol=0.01, rtol=0)


def test_by_hand_a_singular_value_of_a_tenth_becomes_about_1_and_stays_near(nb):
    s, values = 0.1, []
    for _ in range(9):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        values.append(s)
    assert [round(value, 2) for value in values[:2]] == [0.34, 0.99]
    assert all(0.68 < value < 1.21 for value in values[1:])


def test_the_figures_of_the_full_profile_are_those_of_the_benchmark(nb):
    table = (ROOT / "benchmarks/language_models.md").read_text(encoding="utf-8").partition("## Time to")[0]
    rows = re.findall(r"^\| ([^|]+) \| [\d,]+ \| ([\d., ]+) \|", table, re.MULTILINE)
    measured = {name: [float(loss) for loss in losses.split(",")] for name, losses in rows}
    assert [*measured.values()][1:] == [*nb.MEASURED.values()]
    assert [name for name in measured if name.startswith("+")] == [*nb.MEASURED][1:]


def test_three_gains_are_nine_times_their_errors_rotary_four_and_normalisation_may_be_luck(nb):
    times = {}
    for (_, before), (name, after) in pairwise(nb.MEASURED.items()):
        mean, error = nb.gain(before, after)
        times[name] = mean / error
    assert [name for name in times if times[name] < 3] == ["+ query–key normalisation"]
    assert round(times["+ query–key normalisation"], 1) == 1.2
    assert sum(value > 9 for value in times.values()) == 3
    assert stats.t.sf(times["+ rotary positions"], df=2) == pytest.approx(1 / 40, rel=0.1)


def test_luck_reaches_six_errors_of_two_starts_three_of_three_and_two_of_many_once_in_twenty_or_less():
    assert stats.t.isf(0.05, df=1) == pytest.approx(6, abs=0.4)
    assert stats.t.isf(0.05, df=2) == pytest.approx(3, abs=0.1)
    assert stats.t.sf(2, df=1_000) < 0.05


def test_in_the_full_profile_the_networks_draw_more_characters_than_shakespeare_has():
    assert 2_000 * 12 * 64 > 1_115_394  # characters of the file; nine tenths of them are learnt from


def test_two_equal_models_differ_by_up_to_3_hundredths_and_of_normalisation_one_start_got_worse(nb):
    spreads = [max(losses) - min(losses) for losses in nb.MEASURED.values()]
    assert round(max(spreads), 2) == 0.03
    worse = {}
    for (_, before), (name, after) in pairwise(nb.MEASURED.items()):
        worse[name] = sum(b < a for b, a in zip(before, after, strict=True))
    assert {name: n for name, n in worse.items() if n} == {"+ query–key normalisation": 1}
