"""The reviews are what their data card says: balanced, varied, split cleanly, not solved by single words."""

import csv
import hashlib
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from helpers import load_reviews

REVIEWS = load_reviews()
DOMAINS = ("hotel", "restaurant", "film", "phone", "book", "course")
LANGUAGES = ("zh", "en")
ABOUT_THREE_STANDARD_ERRORS = 0.10  # of an accuracy near 0.75 on 180 reviews


def share(condition, rows=REVIEWS):
    return sum(map(condition, rows)) / len(rows)


def five_grams(text):
    text = text.lower()
    return {text[i : i + 5] for i in range(len(text) - 4)}


def largest_overlaps(texts):
    """For each pair with a common 5-gram: the share of the shorter one's 5-grams that both have."""
    grams, holders, overlaps = [five_grams(text) for text in texts], defaultdict(list), Counter()
    for i, mine in enumerate(grams):
        common = Counter(j for gram in mine for j in holders[gram])
        for j, count in common.items():
            overlaps[j, i] = count / min(len(mine), len(grams[j]))
        for gram in mine:
            holders[gram].append(i)
    return overlaps


def test_there_are_enough_reviews_with_different_ids_in_six_domains():
    assert len(REVIEWS) >= 1_200
    assert len({row["id"] for row in REVIEWS}) == len(REVIEWS)
    assert set(Counter(row["domain"] for row in REVIEWS)) == set(DOMAINS)
    assert min(Counter(row["domain"] for row in REVIEWS).values()) >= 200


@pytest.mark.parametrize(("split", "size"), [("train", 859), ("dev", 188), ("test", 177), (None, 1_224)])
def test_each_split_holds_its_own_reviews_and_no_other(split, size):
    rows = load_reviews(split)
    assert len(rows) == size
    assert [row["id"] for row in rows] == [row["id"] for row in REVIEWS if split in (None, row["split"])]


def test_a_review_is_what_its_line_of_the_file_says():
    first, last = REVIEWS[0], REVIEWS[-1]
    with (Path(__file__).parents[2] / "data" / "reviews.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    for row, line in ((first, lines[1]), (last, lines[-1])):
        plain = [re.sub(r"\[[A-Z]{3} ([^]]*)\]", r"\1", text) for text in line]
        assert [row[name] for name in ("id", "split", "domain", "hard", "zh", "en")] == [
            plain[lines[0].index(name)] for name in ("id", "split", "domain", "hard", "zh", "en")
        ]
        assert str(row["label"]) == line[lines[0].index("label")]
    praise = [row["label"] for row in REVIEWS if "love" in row["en"].lower()]
    assert np.mean(praise) > 0.7  # 1 is good, not bad: 35 of 46


@pytest.mark.parametrize("domain", DOMAINS)
def test_good_and_bad_are_balanced_in_every_domain(domain):
    rows = [row for row in REVIEWS if row["domain"] == domain]
    assert 0.48 <= share(lambda row: row["label"], rows) <= 0.52
    assert 0.19 <= share(lambda row: bool(row["hard"]), rows) <= 0.23


@pytest.mark.parametrize("kind", ["negation", "irony", "mixed", "faint"])
def test_each_kind_of_hard_review_has_both_labels(kind):
    labels = [row["label"] for row in REVIEWS if row["hard"] == kind]
    assert len(labels) >= 50
    assert 0.4 <= np.mean(labels) <= 0.6


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_reviews_have_more_than_half_of_their_five_grams_in_common(language):
    overlaps = largest_overlaps([row[language] for row in REVIEWS])
    assert max(overlaps.values()) <= 0.5


def test_a_near_duplicate_would_be_seen():
    text = REVIEWS[0]["en"]
    assert largest_overlaps([text, text.replace(" ", "  ", 1)])[0, 1] > 0.5
    assert not largest_overlaps(["nothing alike", "two other words"])


def test_no_opening_is_used_often():
    for opening in (
        lambda row: row["en"].lower().split()[0],
        lambda row: row["zh"][0],
    ):
        assert max(Counter(map(opening, REVIEWS)).values()) <= 0.08 * len(REVIEWS)
    for opening in (lambda row: " ".join(row["en"].lower().split()[:2]), lambda row: row["zh"][:2]):
        assert max(Counter(map(opening, REVIEWS)).values()) <= 0.03 * len(REVIEWS)


def test_lengths_are_spread():
    words = np.array([len(row["en"].split()) for row in REVIEWS])
    characters = np.array([len(row["zh"]) for row in REVIEWS])
    assert np.quantile(words, 0.1) < 13
    assert np.quantile(words, 0.9) > 45
    assert words.max() > 100
    assert np.quantile(characters, 0.1) < 25
    assert np.quantile(characters, 0.9) > 75


def test_the_split_follows_from_the_id_alone():
    for row in REVIEWS:
        place = int(hashlib.sha256(row["id"].encode()).hexdigest()[:8], 16) / 16**8
        assert row["split"] == ("train" if place < 0.7 else "dev" if place < 0.85 else "test")
    sizes = Counter(row["split"] for row in REVIEWS)
    assert min(sizes.values()) > 150
    for split in sizes:
        assert 0.44 <= share(lambda row: row["label"], load_reviews(split)) <= 0.56


def test_both_languages_name_the_same_kinds_of_things():
    for row in REVIEWS:
        kinds = [Counter(kind for *_, kind in row[f"{language}_names"]) for language in LANGUAGES]
        assert kinds[0] == kinds[1], row["id"]
        for language in LANGUAGES:
            for start, end, _ in row[f"{language}_names"]:
                assert row[language][start:end].strip() == row[language][start:end] != ""
    assert 0.5 <= share(lambda row: bool(row["en_names"])) <= 0.7


def test_marks_are_taken_out_whole():
    for row in REVIEWS:
        assert not re.search(r"[\[\]<>]|  ", row["zh"] + row["en"]), row["id"]
        assert not re.search(r"[\u4e00-\u9fff]", row["en"]), row["id"]
        assert not re.search(r"[,!?;]", row["zh"]), row["id"]


def test_an_unknown_split_names_those_there_are():
    with pytest.raises(ValueError, match=r"unknown split of the reviews: 'val'.*train, dev, test"):
        load_reviews("val")


def bag_of_words_accuracy(language, rows, labels=None):
    """Accuracy of TF-IDF and logistic regression, trained on train, on the test split: (all, hard)."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    units = {"token_pattern": r"(?u)\b\w+\b"} if language == "en" else {"analyzer": "char"}
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), **units), LogisticRegression(C=10))
    train = [row for row in rows if row["split"] == "train"]
    test = [row for row in rows if row["split"] == "test"]
    model.fit([row[language] for row in train], [row["label"] for row in train])
    right = model.predict([row[language] for row in test]) == [row["label"] for row in test]
    return right.mean(), right[[bool(row["hard"]) for row in test]].mean()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_bag_of_words_does_better_than_chance_and_does_not_solve_them(language):
    every, hard = bag_of_words_accuracy(language, REVIEWS)
    print(f"{language}: bag of words {every:.3f} on the test split, {hard:.3f} on its hard part")
    assert 0.55 < every < 0.85
    assert hard < 0.75


def test_a_corpus_that_words_solve_would_be_noticed():
    told = [row | {"en": row["en"] + (" splendid" if row["label"] else " dreadful")} for row in REVIEWS]
    assert bag_of_words_accuracy("en", told)[0] > 0.85
