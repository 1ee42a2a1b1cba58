"""Section 5.2: its models, its tokeniser and its knobs keep their promises, on bad input too."""

import json
import math
import random
from types import SimpleNamespace

import pytest
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from exercises.finding import find
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "5_language/2_language_models.ipynb"
WHOLE = ("imports", "constants", "data-load", "bpe-merge", "encode")  # of the other cells, what they define
CHANGES = [(), ("rotary",), ("norm",), ("glance",), ("rotary", "norm", "glance")]


@pytest.fixture(scope="module")
def nb():
    """What the notebook defines."""
    threads = torch.get_num_threads()
    names = define(NOTEBOOK, whole=WHOLE, namespace={"__name__": "language_models", "merges": []})
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


def a_gpt(nb, changes=None, seed=0, **size):
    """A small GPT with random weights large enough to prefer some characters; None: the form of GPT-2."""
    torch.manual_seed(seed)
    block = nb.Block if changes is None else lambda width, heads: nb.NewBlock(width, heads, changes)
    size = {"width": 32, "layers": 2, "heads": 2, "length": 16, **size}
    model = nb.GPT(block, places="rotary" not in (changes or ()), **size)
    for p in model.parameters():
        if p.ndim == 2:
            torch.nn.init.normal_(p, std=0.2)
    return model.eval()


def by_library(nb, text, n):
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(nb.PIECE.pattern), "isolated")
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytewise])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=256 + n, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


# ---------------------------------------------------------------- counting


@pytest.mark.parametrize("order", [1, 2, 5])
def test_an_ngram_gives_probabilities_after_any_context(nb, order):
    model = nb.NGram(nb.train_text[:5_000], order, nb.alphabet)
    for context in ("", "t", "the s", "\n\n\n\n\n", "never 床 seen", nb.val_text[:200]):
        ps = [model.p(context, character) for character in nb.alphabet]
        assert min(ps) > 0
        assert sum(ps) == pytest.approx(1)


def test_kneser_and_ney_count_neighbours_not_occurrences(nb):
    text = (
        "San Francisco " * 50 + "a cat on a mat, a rat on a hat"
    )  # "o" is frequent, but only after c or " "
    model = nb.NGram(text, 2, sorted(set(text)))
    often, various = text.count("o"), text.count("t")
    assert often > various
    assert model.p("z", "t") > 0
    levels = model.levels[0][0]
    assert levels["o"] == len({text[i - 1] for i in range(1, len(text)) if text[i] == "o"})


def test_text_that_cannot_be_judged_is_refused(nb):
    with pytest.raises(ValueError, match="empty"):
        nb.bits(nb.bigram("abc"), "")
    with pytest.raises(ValueError, match="0 characters"):
        nb.NGram("", 2, "ab")
    with pytest.raises(ValueError, match="order 0"):
        nb.NGram("abab", 0, "ab")
    with pytest.raises(ValueError, match="é"):
        nb.NGram("abab", 2, "ab").p("a", "é")
    assert nb.bits(nb.bigram("abcab"), "ac", given="c") == math.inf


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize("seed", range(4))
def test_our_merges_are_the_librarys_where_nearly_all_pairs_are_equally_frequent(nb, seed):
    draw = random.Random(seed)
    text = " ".join("".join(draw.choices("abcé床前", k=draw.randint(1, 6))) for _ in range(60))
    merges, number = nb.train_bpe(text, 80)
    library = by_library(nb, text, 80)
    theirs = json.loads(library.to_str())["model"]
    assert merges == [tuple(pair) for pair in theirs["merges"]]
    assert number == theirs["vocab"]
    nb.encode_bpe.__globals__["number"] = number
    for other in (text[::-1], "床 é🙂\r\n\t x²!", "", " ", "a" * 300):
        assert nb.encode_bpe(other, merges) == library.encode(other).ids
        assert library.decode(nb.encode_bpe(other, merges)) == other


@pytest.mark.parametrize("text", ["", "a", "ab ab", "a b c"])
def test_merging_stops_when_nothing_is_left_to_join(nb, text):
    merges, number = nb.train_bpe(text, 50)
    theirs = json.loads(by_library(nb, text, 50).to_str())["model"]
    assert merges == [tuple(pair) for pair in theirs["merges"]]
    assert number == theirs["vocab"]


def test_the_exercise_and_the_notebook_merge_alike(nb):
    draw = random.Random(0)
    for _ in range(200):
        word = tuple(draw.choices("ab", k=draw.randint(0, 8)))
        numbers = [ord(symbol) for symbol in word]
        pair = tuple(draw.choices("ab", k=2))
        mine = find("5.2.3").solution(numbers, tuple(map(ord, pair)), 999)
        assert mine == [ord(symbol) if len(symbol) == 1 else 999 for symbol in nb.merge(word, pair)]


def test_characters_outside_the_alphabet_are_named(nb):
    with pytest.raises(ValueError, match="床"):
        nb.encode("a 床")
    assert nb.encode("").shape == (0,)


# ---------------------------------------------------------------- networks


def test_the_gpt_is_the_librarys_whatever_its_size(nb):
    for seed, size in enumerate(({}, {"width": 24, "heads": 3}, {"layers": 1, "length": 40})):
        model = a_gpt(nb, seed=seed, **size)
        ids = torch.randint(len(nb.alphabet), (3, model.length))
        with torch.no_grad():
            torch.testing.assert_close(model(ids), nb.in_the_library(model)(ids).logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("changes", CHANGES)
def test_no_place_sees_what_comes_after_it(nb, changes):
    ids = torch.randint(len(nb.alphabet), (16,), generator=torch.Generator().manual_seed(0))
    assert not nb.peeks(a_gpt(nb, changes), ids)


def test_without_the_mask_it_is_seen(nb):
    assert nb.peeks(nb.GPT(nb.OpenBook, width=32, heads=2, layers=1), nb.val_ids[:16])


@pytest.mark.parametrize("changes", [None, *CHANGES])
def test_the_cache_changes_no_character_even_beyond_the_context(nb, changes):
    model = a_gpt(nb, changes)
    for prompt in ("T", "The room was very small and cold, and so was the soup."):
        assert nb.write(model, prompt, 60) == nb.write(model, prompt, 60, cached=False)


@pytest.mark.parametrize("changes", [None, *CHANGES])
def test_logits_with_the_cache_are_those_without(nb, changes):
    model = a_gpt(nb, changes)
    ids, memory = nb.val_ids[None, :12], [{} for _ in model.blocks]
    with torch.no_grad():
        parts = [model(ids[:, :5], memory)] + [model(ids[:, i : i + 1], memory) for i in range(5, 12)]
        torch.testing.assert_close(torch.cat(parts, 1), model(ids), atol=1e-5, rtol=0)


def test_too_much_or_too_little_text_is_refused(nb):
    model = a_gpt(nb)
    with pytest.raises(ValueError, match="17 characters"):
        model(nb.val_ids[None, :17])
    with pytest.raises(ValueError, match="0 characters"):
        model(nb.val_ids[None, :0])
    memory = [{} for _ in model.blocks]
    model(nb.val_ids[None, :16], memory)
    with pytest.raises(ValueError, match="after 16"):
        model(nb.val_ids[None, :1], memory)
    for n in (0, 1, 64):
        with pytest.raises(ValueError, match=f"{n} characters are too few"):
            nb.held_out(model, nb.val_ids[:n])
    with pytest.raises(ValueError, match="empty"):
        nb.write(model, "", 5)


def test_every_held_out_character_but_the_first_is_judged_once(nb):
    class Uniform(torch.nn.Module):
        seen = 0

        def forward(self, ids):
            self.seen += ids.numel()
            return torch.zeros(*ids.shape, len(nb.alphabet))

    for n in (65, 128, 129, 64 * 300 + 5):
        model = Uniform()
        assert nb.held_out(model, nb.val_ids[:n]) == pytest.approx(math.log2(len(nb.alphabet)), rel=1e-5)
        assert model.seen == (n - 1) // 64 * 64


def test_of_a_long_prompt_only_the_end_is_read(nb):
    model, prompt = a_gpt(nb), nb.val_text[:500]
    assert nb.write(model, prompt, 30)[500:] == nb.write(model, prompt[-16:], 30)[16:]


@pytest.mark.parametrize("shape", [(32, 48), (48, 32), (20, 20)])
def test_muon_is_the_librarys_to_the_precision_of_its_16_bits(nb, shape):
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.ones(shape)) for _ in range(2))
    two = nb.Muon([ours], lr=0.1), torch.optim.Muon([theirs], lr=0.1, weight_decay=0.0)
    for _ in range(3):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        for optimizer in two:
            optimizer.step()
    torch.testing.assert_close(ours, theirs, atol=0.01, rtol=0)


# ---------------------------------------------------------------- knobs


@pytest.mark.parametrize("temperature", [-1, -0.001, math.nan])
def test_a_temperature_below_zero_is_refused(nb, temperature):
    with pytest.raises(ValueError, match=f"temperature is {temperature}"):
        nb.warm(torch.zeros(3), temperature)


@pytest.mark.parametrize("p", [0, -0.1, 1.01, math.nan])
def test_a_share_outside_0_to_1_is_refused(nb, p):
    with pytest.raises(ValueError, match=f"top_p is {p}"):
        nb.top_p(torch.zeros(3), p)


def test_knobs_at_their_ends(nb):
    logits = torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(nb.warm(logits, 0).isfinite().nonzero()[:, 1], logits.argmax(-1))
    assert torch.equal(nb.top_p(logits, 1.0), logits)
    assert torch.equal(nb.top_k(logits, 100), logits)
    assert torch.equal(nb.top_p(logits, 1e-9), nb.top_k(logits, 1))
    with pytest.raises(ValueError, match="top_k is 0"):
        nb.top_k(logits, 0)


def test_temperature_zero_writes_the_same_whatever_the_seed(nb):
    model = a_gpt(nb)
    assert nb.write(model, "T", 20, temperature=0, seed=1) == nb.write(model, "T", 20, temperature=0, seed=2)
