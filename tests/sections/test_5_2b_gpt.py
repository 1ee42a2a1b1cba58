"""Section 5.2b: the GPT is the library's GPT-2, it sees nothing ahead, and its knobs keep their promises."""

import re
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from exercises.finding import find
from helpers.chapters import decoders, language
from helpers.chapters.attention import attention
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "5_language/2b_a_gpt_piece_by_piece.ipynb"


@pytest.fixture(scope="module")
def nb():
    """What the notebook defines, with a GPT trained for a while."""
    threads = torch.get_num_threads()
    names = define(NOTEBOOK, whole=("imports", "constants", "text"))
    torch.manual_seed(0)
    library = language.small_gpt2(
        names["V"], names["LENGTH"], names["WIDTH"], names["LAYERS"], names["HEADS"]
    )
    names["gpt"] = names["with_weights"](library.transformer.state_dict())
    optimiser = torch.optim.AdamW(names["gpt"].parameters(), lr=0.006)
    language.train(names["gpt"], names["train_ids"], [optimiser], **names["HOW"] | {"steps": 300})
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


def a_library(nb, seed):
    torch.manual_seed(seed)
    return language.small_gpt2(nb.V, nb.LENGTH, nb.WIDTH, nb.LAYERS, nb.HEADS)


@pytest.mark.parametrize("seed", range(3))
def test_the_gpt_is_the_librarys_gpt2_as_it_comes(nb, seed):
    library, ids = a_library(nb, seed), nb.val_ids[: 3 * nb.LENGTH].view(3, -1)
    for length in (1, 7, nb.LENGTH):
        ours = nb.with_weights(library.transformer.state_dict())(ids[:, :length])
        torch.testing.assert_close(ours, library(ids[:, :length]).logits, atol=1e-4, rtol=0)


def test_with_the_exact_gelu_it_would_be_another_function(nb):
    library, ids = a_library(nb, 0), nb.val_ids[: nb.LENGTH][None]
    config = GPT2Config(**library.config.to_dict() | {"activation_function": "gelu"})
    exact = GPT2LMHeadModel(config).eval()
    exact.load_state_dict(library.state_dict())
    ours = nb.with_weights(library.transformer.state_dict())(ids)
    assert (ours - library(ids).logits).abs().max() < 0.1 * (ours - exact(ids).logits).abs().max()


def peeks(model, ids):
    """Whether any logit at an earlier place changes when the last character of ids (1, T) does."""
    changed = torch.cat([ids[:, :-1], ids[:, -1:] + 1], dim=1)
    return not torch.allclose(model(ids)[:, :-1], model(changed)[:, :-1], atol=1e-5)


def test_no_place_sees_what_comes_after_it_and_without_the_mask_it_does(nb, monkeypatch):
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
    by_place = -p.log2().mean(dim=0)
    assert by_place[0] > by_place[nb.LENGTH // 2 :].mean()
    assert by_place.mean() < by_place[nb.LENGTH // 2 :].mean() + 0.1


def test_the_network_draws_more_characters_than_the_text_has(nb):
    assert nb.HOW["steps"] * nb.HOW["batch"] * nb.HOW["length"] > len(nb.train_text)


@pytest.mark.parametrize("first", [1, 10, 31])
def test_reading_on_with_a_cache_gives_the_logits_of_reading_at_once(nb, first):
    ids, cache = nb.val_ids[None, : nb.LENGTH], [[] for _ in nb.gpt.h]
    parts = [nb.read_on(nb.gpt, part, cache) for part in (ids[:, :first], *ids[:, first:].split(1, dim=1))]
    torch.testing.assert_close(torch.cat(parts, dim=1), nb.gpt(ids), atol=1e-4, rtol=0)
    assert cache[0][0].shape[2] == nb.LENGTH


def test_one_head_of_the_first_block_looks_mostly_one_place_back(nb):
    ids, block = nb.encode("The room was cold, and nobody came."), nb.gpt.h[0]
    with torch.no_grad():
        q, k, v = block.attn.heads(block.ln_1(nb.gpt.wte(ids[:30]) + nb.gpt.wpe.weight[:30])[None])
    weights = attention(q, k, v, torch.ones(30, 30, dtype=torch.bool).tril())[1][0]
    back = weights.diagonal(-1, dim1=1, dim2=2).mean(dim=1)
    assert back.max() > 0.3  # after 300 steps; far more after the 800 of the notebook
    assert back.max() > 2 * back.median()


# ---------------------------------------------------------------- knobs


def test_knobs_at_their_ends(nb):
    for seed in range(20):
        logits = torch.randn(9, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(nb.top_k(logits, 9), logits)
        assert torch.equal(nb.top_p(logits, 1.0), logits)
        assert torch.equal(nb.top_p(logits, 1e-9), nb.top_k(logits, 1))
        assert nb.top_k(logits, 1).isfinite().nonzero().item() == logits.argmax()


def test_by_hand_top_2_keeps_two_and_top_p_with_0_9_three(nb):
    logits = torch.tensor([0.15, 0.5, 0.05, 0.3]).log()
    assert nb.top_k(logits, 2).isfinite().tolist() == [False, True, False, True]
    assert nb.top_p(logits, 0.9).isfinite().tolist() == [True, True, False, True]
    assert nb.top_p(torch.zeros(2), 0.5).isfinite().sum() == 1  # one of two equal ones has the share already


def test_near_temperature_0_it_goes_round_in_circles_and_hot_it_falls_apart(nb):
    lexicon = set(re.findall(r"\w+", nb.train_text))

    def known(text):
        words = re.findall(r"\w+", text)
        return sum(word in lexicon for word in words) / len(words)

    def variety(text, n=8):
        return len({text[i : i + n] for i in range(len(text) - n)}) / (len(text) - n)

    cold, mild, hot = (nb.write("The room ", 300, lambda z, t=t: z / t) for t in (0.01, 0.7, 1.5))
    assert variety(cold) < 0.6
    assert variety(mild) > 0.9
    assert known(hot) < known(mild)


def test_the_same_seed_writes_the_same_and_long_prompts_are_read_at_their_end(nb):
    prompt = nb.val_text[:200]
    assert nb.write(prompt, 20)[200:] == nb.write(prompt[-nb.LENGTH :], 20)[nb.LENGTH :]
    assert nb.write("T", 20, seed=1) != nb.write("T", 20, seed=2)


def test_a_mixture_helps_where_the_models_err_in_different_places():
    best_mix = find("5.2.5").solution
    shares = [k / 20 for k in range(21)]
    assert best_mix([0.5, 0.1], [0.1, 0.5], shares)[1] < best_mix([0.5, 0.1], [0.1, 0.5], [0, 1])[1]
    assert best_mix([0.5, 0.4], [0.3, 0.1], shares)[0] == 1  # one is better everywhere
