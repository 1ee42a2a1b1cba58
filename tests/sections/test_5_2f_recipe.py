"""Section 5.2f: the model is nanoGPT's, its three changes are what the text says, the helper repeats them."""

import math
import re
import statistics
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from exercises.finding import find
from helpers.chapters import language, recipe
from tests.sections.same_code import assert_same_code
from tools.notebooks import ENGLISH, ROOT, define, read_notebook

NOTEBOOK = ENGLISH / "5_language/2f_a_recipe_and_three_changes.ipynb"


@pytest.fixture(scope="module")
def nb():
    threads = torch.get_num_threads()
    names = {"rate": find("5.2.7").solution}
    names = define(NOTEBOOK, namespace=names, whole=("imports", "constants", "text", "learn", "changes"))
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


def a_gpt(nb, name):
    """A model of the list of changes, with weights large enough to prefer some characters."""
    gpt = nb.built(0, **nb.SIZES | nb.CHANGES[name][0])
    for weight in gpt.parameters():
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.2)
    return gpt.eval()


def test_the_recipe_of_the_helpers_is_that_of_the_notebook_word_for_word(nb):
    names = ("Attention", "Block", "GPT", "built", "adamw", "only_adamw", "turned", "Rotary", "NormedRotary")
    assert_same_code(NOTEBOOK, recipe, names)
    assert list(nb.CHANGES) == list(recipe.CHANGES)[:4]
    for name, (parts, optimisers) in nb.CHANGES.items():
        theirs, their_optimisers = recipe.CHANGES[name]
        assert {key: getattr(part, "__name__", part) for key, part in parts.items()} == {
            key: getattr(part, "__name__", part) for key, part in theirs.items()
        }
        ours, other = (how(nb.built(0, **nb.SIZES))[0].defaults for how in (optimisers, their_optimisers))
        assert ours == other


def test_the_recipe_starts_with_small_weights_and_smaller_ones_at_the_end_of_each_half(nb):
    gpt = nb.built(0, **nb.SIZES).requires_grad_(False)
    assert gpt.positions.std().item() == pytest.approx(0.02, rel=0.05)
    for block in gpt.blocks:
        for wide in (block.attention.qkv, block.up):
            assert wide.weight.std().item() == pytest.approx(0.02, rel=0.05)
        for last in (block.attention.out, block.down):
            assert last.weight.std().item() == pytest.approx(0.02 / (2 * nb.LAYERS) ** 0.5, rel=0.05)


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


def test_the_rate_of_the_training_loop_is_the_one_of_the_exercise():
    rate = find("5.2.7").solution
    for steps in (1, 10, 59, 400):
        for step in range(steps):
            assert language.warm_then_cosine(step, steps) == rate(step, steps)


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


def test_the_finished_recipe_is_overtaken_after_about_60_of_its_160_steps(nb):
    """In the quick profile, seed 0, with the models of the helpers, as at the top of the notebook."""
    ends = {}
    for name in ("nanoGPT's recipe", "+ query–key normalisation"):
        parts, optimisers = recipe.CHANGES[name]
        gpt = recipe.built(0, **nb.SIZES | parts)
        ends[name] = nb.learn(gpt, optimisers(gpt), watch=20)
    (*_, (steps, finished)), other = ends.values()
    assert steps == 160
    assert next(step for step, bits in other if bits <= finished) in (40, 60, 80)


def test_with_two_other_starts_the_larger_rate_alone_is_worse_by_3_tenths(nb):
    ends = {}
    for name in ("nanoGPT's recipe", "+ a larger learning rate"):
        parts, optimisers = recipe.CHANGES[name]
        gpts = {seed: recipe.built(seed, **nb.SIZES | parts) for seed in (2, 3)}
        rows = [nb.learn(gpt, optimisers(gpt), seed=seed, watch=nb.STEPS)[-1] for seed, gpt in gpts.items()]
        ends[name] = statistics.mean(bits for _, bits in rows)
    recipes, larger = ends.values()
    assert larger - recipes == pytest.approx(0.3, abs=0.1)


def measured():
    """{model: its losses in the full profile}, of the benchmark."""
    table = (ROOT / "benchmarks/language_models.md").read_text(encoding="utf-8").partition("## Time to")[0]
    rows = re.findall(r"^\| ([^|]+) \| [\d,]+ \| ([\d., ]+) \|", table, re.MULTILINE)
    return {name: [float(loss) for loss in losses.split(",")] for name, losses in rows}


def test_the_figures_of_the_full_profile_are_those_of_the_benchmark():
    means = [statistics.mean(losses) for losses in measured().values()][1:]  # without the LSTM
    assert [round(means[place], 2) for place in (0, 3)] == [1.91, 1.73]
    gains = [round(before - after, 3) for before, after in pairwise(means[:4])]
    (read,) = [cell.source for cell in read_notebook(NOTEBOOK).cells if cell.id == "run-read"]
    assert gains == [0.133, 0.041, 0.007]
    assert all(str(gain) in read for gain in gains)
