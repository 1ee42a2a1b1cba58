"""Section 5.2c: the steps have the text's numbers; the GPT is the library's, and sees nothing ahead."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from exercises.finding import find
from helpers.chapters import gpt, language, language_drawings
from helpers.chapters.attention import attention
from tests.sections.run_cell import run_cell
from tests.sections.same_code import assert_same_code
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "5_language/2c_a_gpt_piece_by_piece.ipynb"


@pytest.fixture(scope="module")
def nb():
    """What the notebook defines, with a GPT at random weights, and the tables of `team` of its four steps."""
    threads = torch.get_num_threads()
    names = {
        "look_back": find("5.2.9").solution,
        "draw_attention": lambda *_: None,
        "draw_rows": lambda *_: None,
    }
    names = define(NOTEBOOK, namespace=names, whole=("constants", "text"))
    torch.manual_seed(0)
    library = language.small_gpt2(names["V"], names["LENGTH"], names["D"], names["LAYERS"], names["HEADS"])
    names["gpt"] = names["from_gpt2"](library.transformer.state_dict(), names["HEADS"])
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


def a_library(nb, seed):
    torch.manual_seed(seed)
    return language.small_gpt2(nb.V, nb.LENGTH, nb.D, nb.LAYERS, nb.HEADS)


def test_the_gpt_of_the_helpers_is_the_one_of_the_notebook_word_for_word():
    assert_same_code(NOTEBOOK, gpt, ("split", "Attention", "MLP", "Block", "GPT", "from_gpt2"))


@pytest.mark.parametrize("seed", range(3))
def test_the_gpt_is_the_librarys_gpt2_as_it_comes(nb, seed):
    library, ids = a_library(nb, seed), nb.val_ids[: 3 * nb.LENGTH].view(3, -1)
    for length in (1, 7, nb.LENGTH):
        ours = nb.from_gpt2(library.transformer.state_dict(), nb.HEADS)(ids[:, :length])
        torch.testing.assert_close(ours, library(ids[:, :length]).logits, atol=1e-4, rtol=0)


def test_with_the_exact_gelu_it_would_be_another_function(nb):
    library, ids = a_library(nb, 0), nb.val_ids[: nb.LENGTH][None]
    config = GPT2Config(**library.config.to_dict() | {"activation_function": "gelu"})
    exact = GPT2LMHeadModel(config).eval()
    exact.load_state_dict(library.state_dict())
    ours = nb.from_gpt2(library.transformer.state_dict(), nb.HEADS)(ids)
    assert (ours - library(ids).logits).abs().max() < 0.1 * (ours - exact(ids).logits).abs().max()


def test_gpt2s_gelu_comes_within_a_thousandth_of_the_exact_one_and_not_nearer_than_a_ten_thousandth():
    z = torch.linspace(-6, 6, 12_001).double()
    apart = (F.gelu(z) - F.gelu(z, approximate="tanh")).abs().max()
    assert 1e-4 < apart < 1e-3


def test_gelu_is_flat_from_about_minus_3_on_and_not_at_minus_1():
    z = torch.tensor([-4.0, -3.0, -1.0], requires_grad=True)
    F.gelu(z).sum().backward()
    assert z.grad[:2].abs().max() < 0.015 < 0.05 < z.grad[2].abs()


def test_what_each_block_reads_has_one_scale_and_the_sum_grows(nb):
    ids, scales = nb.val_ids[: nb.LENGTH][None], []
    x = nb.gpt.wte(ids) + nb.gpt.wpe.weight
    for block in nb.gpt.h:
        torch.testing.assert_close(
            block.ln_1(x).std(2, correction=0), torch.ones(1, nb.LENGTH), atol=0.02, rtol=0
        )
        scales.append(x.std().item())
        x = block(x)
    assert x.std() > scales[0]


def test_gpt2_has_124_million_weights(nb):
    with torch.device("meta"):
        large = nb.GPT(50_257, 1_024, 768, 12, 12)
    counted = sum(weight.numel() for weight in large.parameters())
    assert counted == 124_439_808
    estimate = 12 * (3 + 1 + 4 + 4) * 768**2 + 50_257 * 768  # of the text
    assert estimate == pytest.approx(counted, rel=0.01)


def test_nearly_all_weights_are_in_the_blocks_and_two_thirds_of_a_block_in_its_mlp(nb):
    boxes, parts = language_drawings.boxes_of(nb.gpt, 2, nb.LENGTH)
    of_box, of_part = ({name: n for name, _, n in found} for found in (boxes, parts))
    weights = sum(weight.numel() for weight in nb.gpt.parameters())
    assert sum(of_box.values()) == weights
    in_blocks = sum(n for name, n in of_box.items() if name.startswith("block"))
    assert in_blocks > 0.9 * weights
    assert sum(of_part.values()) == of_box["block 0"]
    mlp = of_part["mlp.c_fc"] + of_part["mlp.c_proj"]
    assert mlp / of_box["block 0"] == pytest.approx(2 / 3, abs=0.01)


def peeks(model, ids):
    """Whether any logit at an earlier position changes when the last character of ids (1, T) does."""
    changed = torch.cat([ids[:, :-1], ids[:, -1:] + 1], dim=1)
    return not torch.allclose(model(ids)[:, :-1], model(changed)[:, :-1], atol=1e-5)


def test_no_position_sees_what_comes_after_it_and_without_the_mask_it_does(nb, monkeypatch):
    ids = nb.encode("The room was very sma")[None]
    assert not peeks(nb.gpt, ids)
    everywhere = F.scaled_dot_product_attention
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda *qkv, is_causal: everywhere(*qkv))
    assert peeks(nb.gpt, ids)


# ---------------------------------------------------------------- attention, step by step


@pytest.fixture(scope="module")
def steps(nb):
    """{cell: the names after it} for the cells with the word `team`."""
    undrawn = {"draw_attention": lambda *_: None, "draw_rows": lambda *_: None}
    found = {}
    for cell in ("team", "scores", "weights", "mixture", "mask", "matrices"):
        nb = found[cell] = run_cell(NOTEBOOK, nb, cell, **undrawn)
    return found


def test_the_numbers_that_the_text_names_are_those_of_the_tables(steps):
    def near(number):
        return pytest.approx(number, abs=0.005)

    t, e, a, m = range(4)
    assert steps["scores"].scores[m].tolist() == [2, 0, 0, 1]
    assert steps["scores"].scores[a].tolist() == [0, 2, 4, 0]
    weights = steps["weights"].weights
    assert (weights[m, t], weights[e, a], weights[a, a], weights[a, e]) == tuple(
        map(near, (0.61, 0.61, 0.85, 0.12))
    )
    masked = steps["mask"].masked.softmax(1)
    assert masked[t].tolist() == [1, 0, 0, 0]
    assert (masked[e, t], masked[e, e]) == (near(0.27), near(0.73))
    assert torch.equal(masked[m], weights[m])
    asked = steps["matrices"]
    assert (asked.q @ asked.k.T)[m].tolist() == [0, 1, 2, 0]
    assert (asked.weights[m, a], asked.weights[m, e], asked.weights[a, t]) == tuple(
        map(near, (0.51, 0.25, 0.89))
    )


def test_step_by_step_is_the_attention_of_3_4a(steps):
    asked = steps["matrices"]
    answers, weights = attention(asked.q, asked.k, asked.v, ~asked.later)
    torch.testing.assert_close(weights, asked.weights)
    torch.testing.assert_close(answers, asked.weights @ asked.v)


def test_the_exercise_is_causal_attention_of_one_head():
    look_back = find("5.2.9").solution
    for seed in range(5):
        q, k, v = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(seed)).double()
        theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        torch.testing.assert_close(torch.tensor(look_back(q.numpy(), k.numpy(), v.numpy())), theirs)
