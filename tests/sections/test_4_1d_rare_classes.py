"""Section 4.1d: what the notebook builds equals the libraries, and what its text says is so."""

from types import SimpleNamespace

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from sklearn import metrics

from exercises.finding import find
from helpers.chapters import rare_machines
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "4_training" / "1d_rare_classes.ipynb"


def solution(number):
    return find(number).solution


@pytest.fixture(scope="module")
def part():
    """What 4.1d defines, with the course's answers to its exercises."""
    names = {
        "average_precision": solution("4.1.9"),
        "undo_weight": solution("4.1.11"),
        "plant": rare_machines.plant,
        "ONE": rare_machines.ONE,
        "TWO": rare_machines.TWO,
    }
    return SimpleNamespace(**define(NOTEBOOK, namespace=names))


def scores_with_ties(seed):
    rng = np.random.default_rng(seed)
    y = np.append([0, 1], rng.integers(0, 2, size=30))
    return y, rng.integers(0, 8, size=32) / 8


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_scikit_learns_also_with_ties(seed):
    y, scores = scores_with_ties(seed)
    mine, theirs = solution("4.1.9")(y, scores), metrics.average_precision_score(y, scores)
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_roc_curve_is_scikit_learns_also_with_ties(part, seed):
    y, scores = scores_with_ties(seed)
    alarms, recall, _ = metrics.roc_curve(y, scores, drop_intermediate=False)
    np.testing.assert_allclose(part.roc(y, scores), [alarms, recall], rtol=1e-12)


def test_a_constant_score_has_half_the_area_and_the_share_as_average_precision(part):
    y, same = np.array([0, 1, 0, 0, 1]), np.full(5, 0.7)
    alarms, recall = part.roc(y, same)
    assert np.trapezoid(recall, alarms) == 0.5
    assert solution("4.1.9")(y, same) == pytest.approx(0.4)


@pytest.mark.parametrize("label", [0, 1])
def test_a_test_set_of_one_class_is_refused_by_name(part, label):
    with pytest.raises(ValueError, match=f"all 3 rows are of class {label}"):
        part.roc(np.full(3, label), np.array([0.1, 0.2, 0.3]))


def test_precision_from_the_two_rates_is_the_precision_that_is_counted(part):
    y, scores = scores_with_ties(0)
    claimed = scores >= 0.5
    rates = claimed[y == 0].mean(), claimed[y == 1].mean()
    assert part.precision_at(*rates, y.mean()) == pytest.approx(y[claimed].mean())


@pytest.mark.parametrize("seed", range(3))
def test_smote_draws_the_points_of_imbalanced_learn(part, seed):
    X, y = rare_machines.plant(600, seed, share=0.05)
    theirs = SMOTE(random_state=seed).fit_resample(X, y)[0][600:]
    mine = part.smote(X[y == 1], len(theirs), np.random.RandomState(seed))
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_the_odds_of_a_weighted_model_are_undone_to_those_of_the_plain_one(part):
    X, y = rare_machines.plant(20_000, 0)
    (plain,), (weighted,) = part.probabilities(X, y, X), part.probabilities(X, y, X, weight=49.0)
    gap = abs(solution("4.1.11")(weighted, 49.0) - plain)
    assert gap.mean() < 0.003
    assert abs(weighted - plain).mean() > 0.2


def test_the_formula_is_the_cheapest_threshold_of_honest_probabilities():
    rng = np.random.default_rng(0)
    p = rng.random(200_000) ** 3
    y = (rng.random(len(p)) < p).astype(int)
    tried = {t: 20 * (y[p < t]).sum() + (1 - y[p >= t]).sum() for t in (1 / 50, 1 / 21, 1 / 8)}
    assert min(tried, key=tried.get) == 1 / 21


def test_in_one_cloud_weights_save_nothing_and_in_two_a_bent_border_saves_half(part):
    worlds = {"middles": rare_machines.ONE}, {"middles": rare_machines.TWO, "spread": 0.4}
    one, two = (
        {way: np.mean([trial[way] for trial in trials], axis=0) for way in trials[0]}
        for trials in ([part.trial(seed, world) for seed in (50, 51, 52)] for world in worlds)
    )
    assert one["weights"][2] > 0.93 * one["plain"][2]
    assert two["bent, plain"][2] < 0.6 * two["weights"][2]
    assert two["weights"][0] == pytest.approx(two["plain"][0], abs=0.01)  # the average precision stays


def test_a_straight_border_gives_wrong_probabilities_in_two_clouds_and_right_ones_in_one(part):
    distances = []
    for middles, spread in ((rare_machines.ONE, 1.0), (rare_machines.TWO, 0.4)):
        gaps = []
        for seed in range(10):
            world = {"middles": middles, "spread": spread}
            (X, y), (X_new, _) = (
                rare_machines.plant(n, s, **world) for n, s in ((2_000, seed), (20_000, 200))
            )
            one = np.mean([_bell(X_new - middle, spread) for middle in middles], axis=0)
            true = 0.02 * one / (0.02 * one + 0.98 * _bell(X_new, 1.0))
            gaps.append(abs(part.probabilities(X, y, X_new)[0] - true).mean())
        distances.append(np.mean(gaps))
    assert distances == pytest.approx([0.004, 0.030], abs=0.0012)


def _bell(X, spread):
    return np.exp(-(X**2).sum(axis=1) / (2 * spread**2)) / (2 * np.pi * spread**2)


def test_planted_machines_are_as_rare_as_asked_and_lie_where_asked():
    X, y = rare_machines.plant(20_000, 1, middles=rare_machines.TWO, spread=0.4, share=0.1, noise=3)
    assert X.shape == (20_000, 5)
    assert y.mean() == pytest.approx(0.1, abs=0.01)
    left = X[(y == 1) & (X[:, 0] < 0)]
    np.testing.assert_allclose(left[:, :2].mean(axis=0), (-2, 1.5), atol=0.05)
    np.testing.assert_allclose(left[:, 2:].std(axis=0), 1, atol=0.1)


def test_the_rows_of_the_last_experiment_are_the_planted_machines_with_eight_readings_more():
    for (X, y), n, seed in zip(
        rare_machines.rare_splits("machines", 50, 90, 3), (50, 50, 90), (3, 103, 203), strict=True
    ):
        theirs = rare_machines.plant(n, seed, noise=8)
        np.testing.assert_array_equal(X, theirs[0].astype(np.float32))
        np.testing.assert_array_equal(y, theirs[1])


def test_shirts_are_kept_rare_and_no_picture_comes_twice(monkeypatch):
    labels = np.arange(5_000) % 10
    pictures = np.arange(5_000, dtype=np.float32).reshape(5_000, 1, 1, 1)
    monkeypatch.setattr(rare_machines, "load_data", lambda name, split: (pictures, labels))
    rare_machines._shirts.cache_clear()
    X, y = rare_machines.rare_rows("fashion-mnist", "train", 4_000, 0)
    assert (X.shape, y.shape, y.dtype) == ((4_000, 1), (4_000,), np.float32)
    assert len(np.unique(X)) == 4_000
    np.testing.assert_array_equal(X[:, 0] % 10 == 6, y == 1)  # class 6: shirts
    assert y.mean() == pytest.approx(0.02, abs=0.008)
    assert len(rare_machines.rare_rows("fashion-mnist", "test", 200_000, 0)[1]) == 4_500
    assert not np.array_equal(X, rare_machines.rare_rows("fashion-mnist", "train", 4_000, 1)[0])
    rare_machines._shirts.cache_clear()


def test_the_drawn_bars_have_the_area_of_average_precision():
    truth, six = np.array([1, 0, 1, 0, 0, 1]), np.array([0.9, 0.8, 0.6, 0.5, 0.3, 0.1])
    _, right = rare_machines.draw_average_precision(truth, six)
    area = sum(bar.get_width() * bar.get_height() for bar in right.patches)
    assert area == pytest.approx(solution("4.1.9")(truth, six))
