"""Section 5.2f: the model is nanoGPT's, each change is what the text says, the figures are those measured."""

import math
import re
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from scipy import stats
from transformers import GPT2Config, GPT2LMHeadModel

from exercises.finding import find
from helpers.chapters import language
from tools.notebooks import ENGLISH, ROOT, define

NOTEBOOK = ENGLISH / "5_language/2f_five_changes.ipynb"


@pytest.fixture(scope="module")
def nb():
    threads = torch.get_num_threads()
    names = {"rate": find("5.2.7").solution, "gain": find("5.2.8").solution}
    names = define(NOTEBOOK, namespace=names, whole=("imports", "constants", "text"))
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


def a_gpt(nb, name):
    """A model of the list of changes, with weights large enough to prefer some characters."""
    gpt = nb.built(0, **nb.CHANGES[name][0])
    for weight in gpt.parameters():
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.2)
    return gpt.eval()


def in_the_library(nb, gpt, activation):
    """A GPT2LMHeadModel with our weights: its biases stay 0, and its matrices are stored transposed."""
    config = GPT2Config(
        vocab_size=nb.V,
        n_positions=nb.LENGTH,
        n_embd=nb.WIDTH,
        n_layer=nb.LAYERS,
        n_head=nb.HEADS,
        activation_function=activation,
        bos_token_id=0,
        eos_token_id=0,
    )
    theirs = GPT2LMHeadModel(config).eval()
    state = {name: torch.zeros_like(weight) for name, weight in theirs.state_dict().items()}
    names = {"norm1": "ln_1", "attention.qkv": "attn.c_attn", "attention.out": "attn.c_proj"}
    names |= {"norm2": "ln_2", "up": "mlp.c_fc", "down": "mlp.c_proj"}
    for name, weight in gpt.state_dict().items():
        if name.startswith("blocks."):
            _, block, rest = name.split(".", 2)
            layer = names[rest.removesuffix(".weight")]
            state[f"transformer.h.{block}.{layer}.weight"] = weight.T if "." in layer else weight
    state |= {"transformer.wte.weight": gpt.vectors.weight, "lm_head.weight": gpt.vectors.weight}
    state |= {"transformer.wpe.weight": gpt.positions, "transformer.ln_f.weight": gpt.norm.weight}
    theirs.load_state_dict(state)
    return theirs


def test_the_recipes_model_is_the_librarys_gpt2_with_the_exact_gelu_only(nb):
    gpt, ids = a_gpt(nb, "nanoGPT's recipe"), nb.val_ids[None, : nb.LENGTH]
    with torch.no_grad():
        ours = gpt(ids)
        exact, formula = (in_the_library(nb, gpt, name)(ids).logits for name in ("gelu", "gelu_new"))
    torch.testing.assert_close(ours, exact, atol=1e-4, rtol=0)
    assert (ours - exact).abs().max() < 0.1 * (ours - formula).abs().max()


def test_no_model_sees_what_comes_after_a_position(nb):
    ids = nb.val_ids[None, : nb.LENGTH]
    changed = torch.cat([ids[:, :-1], (ids[:, -1:] + 1) % nb.V], dim=1)
    for name in nb.CHANGES:
        gpt = a_gpt(nb, name)
        with torch.no_grad():
            torch.testing.assert_close(gpt(ids)[:, :-1], gpt(changed)[:, :-1], atol=1e-4, rtol=0)


def test_rotary_products_depend_on_the_distance_and_on_it_alone(nb):
    q, k = torch.randn(2, 1, 1, 1, 16, generator=torch.Generator().manual_seed(0)).double()
    q, k = nb.turned(q.expand(1, 1, 64, 16)), nb.turned(k.expand(1, 1, 64, 16))
    scores = (q @ k.transpose(2, 3))[0, 0]
    assert scores.diagonal(-5).std() < 1e-5
    assert (scores[5, 0] - scores[6, 0]).abs() > 0.01


def test_normalised_scores_are_at_most_the_root_of_the_size_of_a_head(nb):
    size = nb.WIDTH // nb.HEADS
    q, k, _ = nb.NormedRotary(nb.WIDTH, nb.HEADS).heads(100 * torch.randn(2, nb.LENGTH, nb.WIDTH))
    assert (q @ k.transpose(2, 3) / size**0.5).max() <= size**0.5 * 1.0001


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


def test_the_rate_of_the_training_loop_is_the_one_of_the_exercise():
    rate = find("5.2.7").solution
    for steps in (1, 10, 59, 400):
        for step in range(steps):
            assert language.warm_then_cosine(step, steps) == rate(step, steps)


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


def test_nanogpts_cosine_begins_later_and_is_higher_by_up_to_4_hundredths():
    """nanoGPT: (step - warm) / (steps - warm) along the cosine, from 1 to a tenth."""
    warm, steps = 100, 2_000
    gaps = [
        0.55
        + 0.45 * math.cos(math.pi * (step - warm) / (steps - warm))
        - language.warm_then_cosine(step, steps)
        for step in range(warm, steps)
    ]
    assert min(gaps) > 0
    assert round(max(gaps), 2) == 0.04


def test_in_the_full_profile_the_networks_draw_more_characters_than_shakespeare_has():
    assert 2_000 * 12 * 64 > 1_115_394  # characters of the file; nine tenths of them are learnt from
