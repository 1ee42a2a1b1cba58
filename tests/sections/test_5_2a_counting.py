"""Section 5.2a: the models that count do what the text says, and need the bits that it names."""

import math
import random
import re
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from helpers.chapters import language
from tests.sections.same_code import assert_same_code
from tools.notebooks import ENGLISH, cells_of, define

NOTEBOOK = ENGLISH / "5_language/2a_counting_and_bits.ipynb"


@pytest.fixture(scope="module")
def nb():
    """What the notebook defines."""
    return SimpleNamespace(**define(NOTEBOOK, whole=("imports", "constants", "data-load")))


def test_by_hand_a_discount_of_three_quarters_after_an_a_of_abracadabra(nb):
    after_a = nb.count_next("abracadabra", 2)["a"]
    shared = [nb.share_out(after_a, c, 1 / 5) for c in "abcdr"]
    assert shared == pytest.approx([0.1125, 0.425, 0.175, 0.175, 0.1125])
    assert nb.share_out(after_a, "b", 1 / 5) * 4 == pytest.approx(1.70)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_an_ngram_gives_probabilities_after_any_context(nb, order):
    p = nb.kneser_ney(nb.train_text[:5_000], order, len(nb.alphabet))
    for context in ("", "t", "the s", "\n\n\n\n\n", "never 床 seen", nb.val_text[:200]):
        ps = [p(context, character) for character in nb.alphabet]
        assert min(ps) > 0
        assert sum(ps) == pytest.approx(1)


def test_the_counts_of_the_helpers_are_those_of_the_notebook_word_for_word():
    names = ("count_next", "bits", "share_out", "discounted", "different", "kneser_ney")
    assert_same_code(NOTEBOOK, language, names)


def test_on_paper_two_bs_after_an_a_in_abab_give_0_8125(nb):
    """(2 - 0.75) / 2 and, from the empty context, 0.75 / 2 of one half."""
    assert nb.kneser_ney("abab", 2, 2)("a", "b") == pytest.approx(0.8125)


def test_by_the_first_thought_alone_order_5_is_best_with_2_49_bits_and_order_6_needs_2_55(nb):
    V = len(nb.alphabet)
    often = [nb.count_next(nb.train_text, n) for n in range(1, 8)]

    def needed(order):
        return nb.bits(lambda context, c: nb.discounted(often[:order], context, c, V), nb.val_text)

    by_order = {order: needed(order) for order in range(4, 8)}
    assert by_order[6] == pytest.approx(2.55, abs=0.006)
    assert by_order[5] == pytest.approx(2.49, abs=0.006)
    assert min(by_order, key=by_order.get) == 5


def test_francisco_is_more_frequent_than_tea_and_came_after_one_word_only(nb):
    (cell,) = cells_of(NOTEBOOK, "francisco")
    names = {"draw_before": lambda *_: None}
    exec(cell.source, names)
    said = names["SAID"]
    assert (said.count("Francisco"), said.count("tea")) == (4, 3)
    after_nothing = nb.different(nb.count_next(said, 2))[()]
    assert (after_nothing["Francisco"], after_nothing["tea"]) == (1, 3)
    p = nb.kneser_ney(said, 2, len({*said}))
    assert p(("iced",), "tea") > 2 * p(("iced",), "Francisco")  # iced was never seen
    plain = [nb.count_next(said, n) for n in (1, 2)]
    by_plain = [nb.discounted(plain, ("iced",), word, len({*said})) for word in ("tea", "Francisco")]
    assert by_plain == pytest.approx([3 / 28, 4 / 28])  # the wrong order; all words came
    assert nb.discounted([nb.count_next(said, 1)], (), "tea", 99) < nb.discounted(
        [nb.count_next(said, 1)], (), "Francisco", 99
    )


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
    by_1 = {n: nb.bits(nb.add_k(nb.train_text, n, V, 1), judged) for n in (3, 7)}
    ours = {n: nb.bits(nb.kneser_ney(nb.train_text, n, V), judged) for n in (5, 6, 7)}
    assert by_1[7] > by_1[3] + 0.5
    assert ours[7] < min(ours.values()) + 0.1


def test_a_text_of_another_name_is_refused():
    with pytest.raises(ValueError, match="'novels'"):
        language.load_text("novels")


def test_what_never_came_costs_infinitely_many_bits(nb):
    assert nb.bits(nb.share("abcab", 2), "cac", given=1) == math.inf
    assert nb.bits(nb.add_k("abcab", 2, 3, k=1), "cac", given=1) < math.inf


def test_a_plain_share_is_add_k_with_nothing_added_and_0_after_what_never_came(nb):
    plain, smoothed = nb.share("abracadabra", 2), nb.add_k("abracadabra", 2, 5, 0)
    for context, character in product("abcdr", repeat=2):
        assert plain(context, character) == smoothed(context, character)
    assert plain("x", "a") == 0


def test_of_the_held_out_characters_36_percent_have_a_new_context_of_six_and_22_percent_a_rare_one(nb):
    after, text = nb.count_next(nb.train_text, 7), nb.val_text
    totals = np.array([sum(after.get(text[i - 6 : i], {}).values()) for i in range(6, len(text))])
    assert np.mean(totals == 0) == pytest.approx(0.36, abs=0.005)
    assert np.mean((totals == 1) | (totals == 2)) == pytest.approx(0.22, abs=0.005)


def test_one_held_out_word_in_ten_never_came_without_capitals_and_punctuation(nb):
    came, wanted = (re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower()) for text in (nb.train_text, nb.val_text))
    known = {*came}
    assert np.mean([word not in known for word in wanted]) == pytest.approx(0.10, abs=0.005)


def test_46_of_the_53_spaces_after_very_follow_every(nb):
    assert (nb.train_text.count("very "), nb.train_text.count(" very ")) == (53, 6)
    assert nb.train_text.count("every ") + nb.train_text.count("Every ") == 46


def test_witten_and_bell_need_2_46_bits_at_best_at_order_5_and_kneser_and_ney_2_33(nb):
    V, place = len(nb.alphabet), {c: i for i, c in enumerate(nb.alphabet)}
    levels, witten_bell = [nb.count_next(nb.train_text, n) for n in range(1, 7)], find("5.2.2").solution

    seen = {}

    def after(context):
        if context not in seen:
            lower = after(context[1:]) if context else np.full(V, 1 / V)
            counts = levels[len(context)].get(context, {})
            seen[context] = witten_bell([counts.get(c, 0) for c in nb.alphabet], lower)
        return seen[context]

    def needed(order):
        ps = [after(text[max(0, i - order + 1) : i])[place[text[i]]] for i in range(len(text))]
        return -np.mean(np.log2(ps))

    text = nb.val_text
    assert [needed(order) for order in (4, 5, 6)] == pytest.approx([2.55, 2.46, 2.55], abs=0.006)
    assert nb.bits(nb.kneser_ney(nb.train_text, 6, V), text) == pytest.approx(2.33, abs=0.006)


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
