"""Section 5.2c: the GPT is the library's GPT-2, and sees nothing ahead; beside the counts a mixture helps."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from exercises.finding import find
from helpers.chapters import decoders, gpt, language
from helpers.chapters.attention import attention
from tests.sections.same_code import assert_same_code
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "5_language/2c_a_gpt_piece_by_piece.ipynb"


@pytest.fixture(scope="module")
def nb():
    """What the notebook defines, with a GPT trained for a while."""
    threads = torch.get_num_threads()
    names = define(NOTEBOOK, whole=("imports", "constants", "text"))
    torch.manual_seed(0)
    library = language.small_gpt2(names["V"], names["LENGTH"], names["D"], names["LAYERS"], names["HEADS"])
    names["gpt"] = names["from_gpt2"](library.transformer.state_dict(), names["HEADS"])
    optimiser = torch.optim.AdamW(names["gpt"].parameters(), lr=0.006)
    language.train(names["gpt"], names["train_ids"], [optimiser], **names["HOW"] | {"steps": 300})
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


def test_gpt2_has_124_million_weights(nb):
    with torch.device("meta"):
        large = nb.GPT(50_257, 1_024, 768, 12, 12)
    counted = sum(weight.numel() for weight in large.parameters())
    assert counted == 124_439_808
    estimate = 12 * 12 * 768**2 + 50_257 * 768  # of the text
    assert estimate == pytest.approx(counted, rel=0.01)


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


def test_after_300_steps_it_is_better_than_a_table_of_pairs(nb):
    held_out = decoders.held_out(nb.gpt, nb.val_ids[:10_000], nb.LENGTH)
    assert held_out < decoders.count_pairs(nb.train_ids, nb.val_ids[:10_000])


def test_the_short_context_at_the_beginning_of_each_window_costs_little(nb):
    starts = torch.arange(0, 10_000, nb.LENGTH)
    windows = nb.val_ids[starts[:, None] + torch.arange(nb.LENGTH + 1)]
    with torch.no_grad():
        p = nb.gpt(windows[:, :-1]).softmax(2).gather(2, windows[:, 1:, None])[..., 0]
    by_position = -p.log2().mean(dim=0)
    assert by_position[0] > by_position[nb.LENGTH // 2 :].mean()
    assert by_position.mean() < by_position[nb.LENGTH // 2 :].mean() + 0.1


def test_the_network_draws_more_characters_than_the_text_has(nb):
    assert nb.HOW["steps"] * nb.HOW["batch"] * nb.HOW["length"] > len(nb.train_text)


def test_one_head_of_the_first_block_looks_mostly_one_position_back(nb):
    ids, block = nb.encode("The room was cold, and nobody came."), nb.gpt.h[0]
    with torch.no_grad():
        q, k, v = block.attn.heads(block.ln_1(nb.gpt.wte(ids[:30]) + nb.gpt.wpe.weight[:30])[None])
    weights = attention(q, k, v, torch.ones(30, 30, dtype=torch.bool).tril())[1][0]
    back = weights.diagonal(-1, dim1=1, dim2=2).mean(dim=1)
    assert back.max() > 0.3  # after 300 steps; far more after the 800 of the notebook
    assert back.max() > 2 * back.median()


def test_a_mixture_helps_where_the_models_err_at_different_characters():
    best_mix = find("5.2.5").solution
    shares = [k / 20 for k in range(21)]
    assert best_mix([0.5, 0.1], [0.1, 0.5], shares)[1] < best_mix([0.5, 0.1], [0.1, 0.5], [0, 1])[1]
    assert best_mix([0.5, 0.4], [0.3, 0.1], shares)[0] == 1  # one is better everywhere
