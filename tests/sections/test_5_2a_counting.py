"""Section 5.2a: counting and tokens do what the text says, the tokens are the library's."""

import json
import math
import random
import re
from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from helpers import load_reviews
from helpers.chapters import language
from tests.sections.same_code import assert_same_code
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "5_language/2a_counting_and_tokens.ipynb"
WHOLE = ("imports", "constants", "data-load", "bpe-words")


@pytest.fixture(scope="module")
def nb():
    """What the notebook defines, with the course's answers to its exercises."""
    names = {"merge_pair": find("5.2.3").solution, "merges": {}}
    return SimpleNamespace(**define(NOTEBOOK, namespace=names, whole=WHOLE))


# ---------------------------------------------------------------- counting


@pytest.mark.parametrize("order", [1, 2, 5])
def test_an_ngram_gives_probabilities_after_any_context(nb, order):
    p = nb.kneser_ney(nb.train_text[:5_000], order, len(nb.alphabet))
    for context in ("", "t", "the s", "\n\n\n\n\n", "never 床 seen", nb.val_text[:200]):
        ps = [p(context, character) for character in nb.alphabet]
        assert min(ps) > 0
        assert sum(ps) == pytest.approx(1)


def test_the_counts_of_the_helpers_are_those_of_the_notebook_word_for_word():
    names = ("count_next", "discounted", "different", "kneser_ney")
    assert_same_code(NOTEBOOK, language, names)


def test_on_paper_two_bs_after_an_a_in_abab_give_0_8125(nb):
    """(2 - 0.75) / 2 and, from the empty context, 0.75 / 2 of one half."""
    assert nb.kneser_ney("abab", 2, 2)("a", "b") == pytest.approx(0.8125)


def test_by_the_first_thought_alone_order_6_needs_2_55_bits(nb):
    V = len(nb.alphabet)
    often = [nb.count_next(nb.train_text, n) for n in range(1, 7)]
    needed = nb.bits(lambda context, c: nb.discounted(often, context, c, V), nb.val_text)
    assert needed == pytest.approx(2.55, abs=0.006)


def test_kneser_and_ney_count_neighbours_not_occurrences(nb):
    text = (
        "San Francisco " * 50 + "a cat on a mat, a rat on a hat"
    )  # "o" is frequent, but only after c or " "
    assert text.count("o") > text.count("t")
    p = nb.kneser_ney(text, 2, len(set(text)))
    assert p("z", "o") / p("z", "t") == pytest.approx(_different_before(text, "o", p, len(set(text))))


def _different_before(text, character, p, V):
    """What the shares of `character` and t are by the formula, from the different characters before them."""
    pairs = {text[i : i + 2] for i in range(len(text) - 1)}
    after = {c: sum(pair[1] == c for pair in pairs) for c in {pair[1] for pair in pairs}}
    share = {c: (after[c] - 0.75) / len(pairs) + 0.75 * len(after) / len(pairs) / V for c in (character, "t")}
    return share[character] / share["t"]


def test_the_longer_context_helps_only_where_the_shorter_one_is_asked(nb):
    """Add 1 is worse at order 7 than at order 3; Kneser and Ney's is near its best there."""
    V, judged = len(nb.alphabet), nb.val_text[:6_000]
    by_1 = {n: nb.bits(nb.share(nb.train_text, n, V, 1), judged) for n in (3, 7)}
    ours = {n: nb.bits(nb.kneser_ney(nb.train_text, n, V), judged) for n in (5, 6, 7)}
    assert by_1[7] > by_1[3] + 0.5
    assert ours[7] < min(ours.values()) + 0.1


def test_a_text_of_another_name_is_refused():
    with pytest.raises(ValueError, match="'novels'"):
        language.load_text("novels")


def test_what_never_came_costs_infinitely_many_bits(nb):
    assert nb.bits(nb.share("abcab", 2, 3), "cac", given=1) == math.inf
    assert nb.bits(nb.share("abcab", 2, 3, k=1), "cac", given=1) < math.inf


def test_witten_and_bell_need_2_55_bits_and_kneser_and_ney_2_33(nb):
    V, place = len(nb.alphabet), {c: i for i, c in enumerate(nb.alphabet)}
    levels, witten_bell = [nb.count_next(nb.train_text, n) for n in range(1, 7)], find("5.2.2").solution

    seen = {}

    def after(context):
        if context not in seen:
            lower = after(context[1:]) if context else np.full(V, 1 / V)
            counts = levels[len(context)].get(context, {})
            seen[context] = witten_bell([counts.get(c, 0) for c in nb.alphabet], lower)
        return seen[context]

    text = nb.val_text
    needed = -np.mean([np.log2(after(text[max(0, i - 5) : i])[place[text[i]]]) for i in range(len(text))])
    assert needed == pytest.approx(2.55, abs=0.006)
    assert nb.bits(nb.kneser_ney(nb.train_text, 6, V), text) == pytest.approx(2.33, abs=0.006)


def test_chinese_costs_three_times_as_much_per_character_and_less_per_review(nb):
    per_review = {}
    for name, order, per_character in (("en", 6, 2.33), ("zh", 3, 7.34)):
        learn, judge = ("\n".join(review[name] for review in load_reviews(part)) for part in ("train", "dev"))
        cost = nb.bits(nb.kneser_ney(learn, order, len({*learn, *judge})), judge)
        assert cost == pytest.approx(per_character, abs=0.006)
        per_review[name] = round(cost * len(judge) / len(load_reviews("dev")))
    assert per_review == {"en": 445, "zh": 421}
    assert len({*judge} - {*learn}) == 108
    for other in (2, 4):  # order 3 is the best for Chinese
        assert nb.bits(nb.kneser_ney(learn, other, len({*learn, *judge})), judge) > 7.343


def test_most_words_of_order_6_are_real_and_few_of_order_1(nb):
    lexicon, share = set(re.findall(r"\w+", nb.train_text)), {}
    for n in (1, 6):
        after, written, draw = nb.count_next(nb.train_text, n), nb.train_text[: n - 1], random.Random(0)
        while len(written) < 400:
            counts = after[written[len(written) - n + 1 :]]
            written += draw.choices([*counts], [*counts.values()])[0]
        words = re.findall(r"\w+", written)
        share[n] = sum(word in lexicon for word in words) / len(words)
    assert share[6] > max(0.6, share[1] + 0.3)


# ---------------------------------------------------------------- tokens


def in_letters(merges, tokens):
    """Our merges and tokens, written as the library writes them."""
    letters = language.gpt2_letters()
    names = ["".join(letters[byte] for byte in token) for token in tokens]
    return [[names[a], names[b]] for a, b in merges], {name: i for i, name in enumerate(names)}


def of_library(library):
    model = json.loads(library.to_str())["model"]
    return [[*pair] for pair in model["merges"]], model["vocab"]


@pytest.mark.parametrize("seed", range(4))
def test_our_merges_are_the_librarys_where_nearly_all_pairs_are_equally_frequent(nb, seed):
    draw = random.Random(seed)
    text = " ".join("".join(draw.choices("abcé床前", k=draw.randint(1, 6))) for _ in range(60))
    merges, tokens = nb.train_bpe(text, 60)
    library = language.library_bpe(text, 60, nb.PIECE.pattern)
    assert in_letters(merges, tokens) == of_library(library)
    for other in (text[::-1], "床 é🙂\r\n\t x²!", "", " ", "a" * 300):
        assert nb.encode_bpe(other, merges) == library.encode(other).ids
        assert library.decode(nb.encode_bpe(other, merges)) == other


def test_on_the_reviews_all_200_merges_are_the_librarys_in_their_order(nb):
    both = "\n".join(review[name] for review in load_reviews("train")[:100] for name in ("en", "zh"))
    library = language.library_bpe(both, nb.MERGES, nb.PIECE.pattern)
    assert in_letters(*nb.train_bpe(both, nb.MERGES)) == of_library(library)


def test_banana_is_merged_as_it_is_drawn(nb):
    merges, tokens = nb.train_bpe("banana", 4)
    names = list(tokens)
    rows = [
        [names[number] for number in nb.encode_bpe("banana", dict([*merges.items()][:n]))] for n in range(5)
    ]
    drawn = ["b a n a n a", "b an an a", "ban an a", "ban ana", "banana"]
    assert [b" ".join(row).decode() for row in rows] == drawn


def test_a_character_of_chinese_is_three_bytes_mostly():
    assert all(len(character.encode()) == 3 for character in "床前明月光")
    assert all(len(character.encode()) == 1 for character in "abc!")
