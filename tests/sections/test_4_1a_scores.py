"""Section 4.1a: its splits are as scikit-learn's, its leaks are real, and what its text says is so."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, PredefinedSplit, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from exercises.finding import find
from helpers.chapters import splits
from helpers.chapters.splits import noise, planted, recordings
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "4_training" / "1a_scores_that_hold.ipynb"
stratified_folds, group_folds, honest_score = (find(f"4.1.{n}").solution for n in (1, 2, 3))


@pytest.fixture(scope="module")
def part():
    """What 4.1a defines, with the course's answers to its exercises."""
    names = {f.__name__: f for f in (stratified_folds, group_folds, honest_score)}
    names |= dict(zip(("pictures", "labels"), splits.pool("digits", 1_797), strict=True))
    return SimpleNamespace(**define(NOTEBOOK, namespace=names, whole=("constants",)))


@pytest.fixture(autouse=True)
def without_open_figures():
    """Close what a test has drawn."""
    yield
    plt.close("all")


# ---------------------------------------------------------------- splits


@pytest.mark.parametrize("k", [2, 3, 5])
def test_stratified_folds_hold_as_many_of_each_class_as_scikit_learns(k):
    y = np.random.default_rng(0).permutation(np.repeat([0, 1, 4], [20, 15, 10]))
    fold = stratified_folds(y, k)
    theirs = [np.bincount(y[test], minlength=5) for _, test in StratifiedKFold(k).split(y, y)]
    ours = [np.bincount(y[fold == n], minlength=5) for n in range(k)]
    np.testing.assert_array_equal(np.sort(ours, axis=0), np.sort(theirs, axis=0))
    assert (np.ptp(ours, axis=0) <= 1).all()


def test_group_folds_are_as_large_as_scikit_learns_and_cut_no_group():
    for seed in range(5):
        groups = np.random.default_rng(seed).integers(0, 12, size=100)
        fold = group_folds(groups, 4)
        theirs = [len(test) for _, test in GroupKFold(4).split(groups, groups, groups)]
        assert sorted(np.bincount(fold)) == sorted(theirs)
        assert all(len(set(fold[groups == one])) == 1 for one in groups)


def test_a_class_that_cannot_be_in_every_split_is_refused_with_its_count_and_the_next_step():
    with pytest.raises(ValueError, match="class 3 has 2 rows: too few for 3 folds; use fewer folds"):
        stratified_folds(np.array([0, 0, 0, 3, 3]), 3)
    with pytest.raises(ValueError, match="fold 1: its training rows hold no row of class 0"):
        honest_score(np.arange(4.0)[:, None], np.array([1, 0, 1, 1]), 2, 1)


def test_cross_validate_is_scikit_learns_for_another_model_and_other_folds(part):
    X, y = planted(7, 90)
    fold = np.random.default_rng(0).permutation(np.arange(90) % 4)
    ours = part.cross_validate(LogisticRegression(), X, y, fold)
    np.testing.assert_allclose(ours, cross_val_score(LogisticRegression(), X, y, cv=PredefinedSplit(fold)))


# ---------------------------------------------------------------- data and leaks


def test_what_is_planted_is_what_the_text_says_of_it():
    X, y = planted(0, 200_000)
    assert abs(((X[:, 0] + X[:, 1] > 0.8) == y).mean() - norm.cdf(0.8 / np.sqrt(2))) < 0.005
    X, y = noise(0)
    assert X.shape == (60, 2000)
    assert y.sum() == 30
    X, y, person = recordings(0)
    assert X.shape == (320, 10)
    assert all(len(set(y[person == one])) == 1 for one in range(40))


def test_a_pool_is_the_first_pictures_of_a_set_in_its_order():
    X, y = splits.pool("digits", 1_797)
    theirs = load_digits(return_X_y=True)
    np.testing.assert_array_equal(16 * X, theirs[0])
    np.testing.assert_array_equal(y, theirs[1])
    few, labels = splits.pool("digits", 1_300)
    np.testing.assert_array_equal(few, X[:1_300])
    np.testing.assert_array_equal(labels, y[:1_300])
    for rows in (0, 1_798):
        with pytest.raises(ValueError, match=f"rows={rows}: digits has"):
            splits.pool("digits", rows)


def test_the_nearest_label_is_that_of_scikit_learns_nearest_neighbour():
    (X, y), (new, _) = planted(3, 80), planted(4, 30)
    theirs = KNeighborsClassifier(1).fit(X, y).predict(new)
    np.testing.assert_array_equal(splits.nearest_label(X, y, new), theirs)


def test_the_leaks_are_as_large_on_other_seeds(part):
    for leak in (part.copies, part.over_sampling):
        false, honest = np.mean([leak(seed) for seed in range(100, 105)], axis=0)
        assert false - honest > 0.2, leak.__name__
    false, honest = np.mean([part.rows_and_persons(*recordings(seed)) for seed in range(100, 105)], axis=0)
    assert false > 0.85 > 0.7 > honest
    many, few = (
        np.mean([np.subtract(*part.scaling(seed, n)) for seed in range(100, 105)]) for n in (1_200, 30)
    )
    assert abs(many) < 0.01
    assert few < 0.08


def test_over_sampling_in_the_training_rows_changes_nothing_for_the_nearest_neighbour():
    X, _ = noise(0, rows=400, columns=10)
    y = (np.arange(400) % 10 == 0).astype(int)
    test = stratified_folds(y, 4) == 0
    rows = np.flatnonzero(~test)
    more = np.append(rows, np.repeat(rows[y[rows] == 1], 8))
    guesses = [splits.nearest_label(X[r], y[r], X[test]) for r in (rows, more)]
    np.testing.assert_array_equal(*guesses)


def test_digits_shifted_by_one_pixel_before_the_split_are_hardly_a_leak():
    digits, labels = load_digits(return_X_y=True)
    scores = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(digits))[:200]
        pictures = digits[rows].reshape(-1, 8, 8)
        X = np.concatenate([np.roll(pictures, by, axis=2) for by in (0, 1, -1)]).reshape(-1, 64)
        y, origin = np.tile(labels[rows], 3), np.tile(np.arange(200), 3)
        first = np.arange(600) < 200
        at_random, whole = rng.permutation(600) % 10 < 3, rng.permutation(200)[origin] % 10 < 3
        scores.append(
            [
                KNeighborsClassifier(1).fit(X[~test], y[~test]).score(X[asked], y[asked])
                for test, asked in ((at_random, at_random), (whole, whole & first))
            ]
        )
    false, honest = np.mean(scores, axis=0)
    assert false == pytest.approx(0.94, abs=0.015)
    assert honest == pytest.approx(0.94, abs=0.015)


def test_among_trees_that_are_equal_on_validation_the_test_score_does_not_choose(part):
    answers = iter([(0.8, 0.6), (0.9, 0.5), (0.9, 0.7)] + [(0.1, 0.9)] * 37)

    class Tree:
        def __init__(self, **options):
            self.scores = list(next(answers))

        def fit(self, X, y):
            return self

        def score(self, X, y):
            return self.scores.pop(0)

    winner = part.winner
    kept = winner.__globals__["DecisionTreeClassifier"]
    winner.__globals__["DecisionTreeClassifier"] = Tree
    try:
        assert winner(0) == [0.9, 0.5]
    finally:
        winner.__globals__["DecisionTreeClassifier"] = kept


def test_two_standard_errors_of_five_independent_scores_hold_the_truth_in_087_of_the_cases():
    scores = np.random.default_rng(0).binomial(20, 0.7, size=(20_000, 5)) / 20
    error = scores.std(axis=1, ddof=1) / np.sqrt(5)
    assert np.mean(abs(scores.mean(axis=1) - 0.7) < 2 * error) == pytest.approx(0.87, abs=0.01)


def test_the_flawed_experiment_is_perfect_on_noise_and_the_mended_one_is_not(part):
    for seed in range(50, 54):
        assert part.flawed_score(*noise(seed), 5, 20) == 1
    assert abs(np.mean([honest_score(*noise(seed), 5, 20) for seed in range(50, 60)]) - 0.5) < 0.1


def test_the_flawed_experiment_has_the_three_flaws_and_no_other(part):
    wrong = {listed.name: listed.answer for listed in find("4.1.3").listed}
    for seed in range(10):
        X, y = noise(seed, rows=15, columns=6)
        assert part.flawed_score(X, y, 3, 1) == wrong["repeats_the_flawed_experiment"](X, y, 3, 1)


def test_each_of_two_flaws_alone_is_enough_for_a_false_score():
    wrong = {listed.name: listed.answer for listed in find("4.1.3").listed}
    for name in ("chooses_the_columns_with_all_rows", "makes_the_copies_before_the_split"):
        assert np.mean([wrong[name](*noise(seed), 5, 20) for seed in range(5)]) > 0.7, name


# ---------------------------------------------------------------- pictures


def test_the_pictures_show_the_numbers_that_they_are_given():
    ax = splits.plot_pairs({"a": [[0.9, 0.5], [0.7, 0.5]], "b": [[0.5, 0.5]]})
    assert [text.get_text() for text in ax.texts] == ["+0.30", "+0.00"]
    assert [list(line.get_xdata()) for line in ax.lines] == [[0.9, 0.7], [0.5, 0.5], [0.5], [0.5]]
    y, fold = np.array([0, 0, 1]), np.array([0, 1, 1])
    (first,) = splits.draw_counts(y, {"one": fold, "two": fold})[:1]
    assert [text.get_text() for text in first.texts] == ["1", "0", "1", "1"]
    ax = splits.plot_repetitions(np.array([[0.1, 0.3], [0.5, 0.7]]), 0.4)
    assert list(ax.lines[1].get_ydata()) == pytest.approx([0.2, 0.6])
