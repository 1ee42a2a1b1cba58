"""Section 4.1e: networks side by side are those one by one, and what its text says of searches is so."""

from types import SimpleNamespace

import numpy as np
import optuna
import pytest
import torch
from matplotlib import pyplot as plt
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.svm import SVC
from torch.nn import functional as F

from exercises.finding import find
from helpers.chapters import searching
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "4_training" / "1e_searching.ipynb"
expected_best = find("4.1.13").solution
POOL = searching.Pool("digits", 1_797)
DIGITS, LABELS, split, train_all = POOL.X, POOL.y, POOL.split, POOL.train_all


@pytest.fixture(scope="module")
def part():
    """What 4.1e defines, with the course's answer to its exercise."""
    threads, level = torch.get_num_threads(), optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = define(NOTEBOOK, namespace={"expected_best": expected_best}, whole=("constants", "scale"))
    yield SimpleNamespace(**names)
    torch.set_num_threads(threads)
    optuna.logging.set_verbosity(level)


@pytest.fixture(autouse=True)
def without_open_figures():
    """Close what a test has drawn."""
    yield
    plt.close("all")


# ---------------------------------------------------------------- many networks side by side


def test_a_network_among_others_learns_as_one_written_with_torch_alone():
    rate, decay, spread = 0.3, 0.05, 0.2  # without decay 0.69, with spread 1 0.85 on test rows: not 0.51
    train, val, test = split(4)
    generator = torch.Generator().manual_seed(1_004)
    weights = [torch.randn(shape, generator=generator) for shape in ((64, 32), (32, 10))]
    weights = [torch.nn.Parameter(spread * w / len(w) ** 0.5) for w in weights]
    optimiser = torch.optim.SGD(weights, lr=rate, weight_decay=decay)
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        rows = train[torch.randint(200, (32,), generator=generator)]
        optimiser.zero_grad()
        F.cross_entropy(torch.relu(DIGITS[rows] @ weights[0]) @ weights[1], LABELS[rows]).backward()
        optimiser.step()
    expected = [
        ((torch.relu(DIGITS[rows] @ weights[0]) @ weights[1]).argmax(1) == LABELS[rows]).float().mean().item()
        for rows in (val, test)
    ]
    settings = [[1.0, 0.1, 0.3], [rate, decay, spread], [3.0, 1e-4, 1.0]]
    found = train_all(settings, [split(s) for s in (7, 4, 4)], [2, 4, 4])
    assert found[1] == pytest.approx(expected, abs=0.011)


def test_splits_share_no_row_and_leave_none_out():
    rows = torch.cat(split(3, 120, 30))
    assert [len(part) for part in split(3, 120, 30)] == [120, 30, 1647]
    assert torch.equal(rows.sort().values, torch.arange(1797))
    assert not torch.equal(split(3)[0], split(4)[0])


def test_clothes_are_centred_and_as_long_as_digits_and_other_sets_are_refused(monkeypatch):
    X = (
        np.random.default_rng(0).normal(0.286, 0.353, size=(50, 784)).astype(np.float32)
    )  # mean, spread: its own
    monkeypatch.setattr(searching, "pool", lambda name, rows: (X[:rows], np.zeros(rows, dtype=np.int64)))
    clothes = searching.Pool("fashion-mnist", 40, 7).X
    assert clothes.shape == (40, 784)
    assert abs(clothes.mean().item()) < 0.005
    assert (clothes**2).sum(1).mean().item() == pytest.approx((DIGITS**2).sum(1).mean().item(), rel=0.05)
    with pytest.raises(ValueError, match=r"unknown pictures to search with: 'digit'\. Did you mean 'digits'"):
        searching.Pool("digit", 40)


def test_a_network_that_overflows_is_at_chance_and_spoils_no_other():
    settings = [[10.0, 1.0, 10.0], [0.3, 0.001, 1.0]]
    found = train_all(settings, [split(0)] * 2, [0, 0])
    assert found[0].max() < 0.3
    np.testing.assert_allclose(found[1], train_all(settings[1:], [split(0)], [0])[0], atol=0.011)


def test_accuracies_are_the_same_whether_a_few_networks_are_looked_at_together_or_all(monkeypatch):
    settings, splits = [[0.3, 0.001, 1.0]] * 5, [split(s) for s in range(5)]
    together = train_all(settings, splits, range(5))
    monkeypatch.setattr(searching, "AT_ONCE", 2 * 1_497 * 64)
    np.testing.assert_allclose(train_all(settings, splits, range(5)), together, atol=0.0015)


@pytest.mark.parametrize(
    ("settings", "starts", "message"),
    [
        ([[0.1, 0.1]], [0], r"settings \(1, 2\)"),
        ([[0.1, 0.1, 1]], [0, 1], "2 starts"),
        ([[0.1, -0.1, 1]], [0], "positive; here is -0.1"),
        ([[0.1, float("nan"), 1]], [0], "positive"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, starts, message):
    with pytest.raises(ValueError, match=message):
        train_all(settings, [split(0)], starts)


# ---------------------------------------------------------------- searching


def test_places_become_settings_evenly_over_the_powers_of_ten(part):
    np.testing.assert_allclose(part.to_settings([0, 0, 0]), [10**-2.5, 1e-4, 10**-1.5])
    np.testing.assert_allclose(part.to_settings([1, 1, 1]), [10, 1, 10])
    rates = part.to_settings(np.random.default_rng(0).random((20_000, 3)))[:, 0]
    assert (rates > 1).mean() == pytest.approx(1 / 3.5, abs=0.01)


def test_a_grid_search_tries_each_place_of_the_grid_once(part):
    study = part.study_of("grid", 3)
    tried = []
    for _ in range(27):
        trial = study.ask()
        tried.append([trial.suggest_float(name, 0, 1) for name in part.NAMES])
        study.tell(trial, 0.5)
    assert sorted(tried) == sorted(part.GRID.tolist())
    assert tried != part.GRID.tolist()


def test_the_share_explained_is_the_r_squared_of_the_means_of_five_parts(part):
    rng = np.random.default_rng(0)
    u = rng.random(5_000)
    assert part.share_explained(u, np.floor(5 * u)) == pytest.approx(1)
    assert part.share_explained(u, rng.random(5_000)) < 0.01
    scores = np.floor(5 * u) + rng.normal(0, np.sqrt(2), 5_000)  # variance 2 of the means, and 2 of noise
    assert part.share_explained(u, scores) == pytest.approx(0.5, abs=0.03)


def test_optunas_importance_names_the_same_setting_first(part):
    u = np.random.default_rng(1).random((100, 3))
    scores = train_all(part.to_settings(u), [split(0)] * 100, [0] * 100)[:, 0]
    study = optuna.create_study(direction="maximize")
    span = optuna.distributions.FloatDistribution(0, 1)
    for place, score in zip(u.tolist(), scores.tolist(), strict=True):
        params = dict(zip(part.NAMES, place, strict=True))
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=dict.fromkeys(params, span), value=score)
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=16, seed=0)
    importances = optuna.importance.get_param_importances(study, evaluator=evaluator)
    shares = [part.share_explained(column, scores) for column in u.T]
    assert max(importances, key=importances.get) == part.NAMES[int(np.argmax(shares))] == "learning rate"


def test_a_proposal_lies_among_the_good_trials_even_where_scores_tie(part):
    u, line = np.linspace(0.05, 0.95, 20), np.linspace(0, 1, 201)
    scores = np.exp(-(((u - 0.3) / 0.15) ** 2))
    good, of_good, of_others, place = part.propose(u, scores, line)
    assert good.sum() == 5
    assert abs(place - 0.3) < 0.15
    assert of_good.shape == of_others.shape == (201,)
    assert part.propose(u, np.zeros(20), line)[0].sum() == 5


def test_a_large_spread_of_the_start_wants_a_smaller_rate_than_a_small_spread():
    rates = 10 ** np.linspace(-2.5, 1, 15)
    best = []
    for spread in (10, 0.1):
        settings = [[rate, 0.001, spread] for rate in rates]
        scores = np.mean([train_all(settings, [split(s)] * 15, [s] * 15)[:, 1] for s in range(3)], axis=0)
        best.append(rates[scores.argmax()])
    assert best[0] < best[1] / 2


def test_thirty_other_searches_end_in_the_same_order(part):
    seeds, means = range(100, 130), {}
    for kind in ("grid", "random", "TPE"):
        studies, splits, scores = [part.study_of(kind, seed) for seed in seeds], [split(s) for s in seeds], []
        for _ in range(27):
            trials = [study.ask() for study in studies]
            places = [[trial.suggest_float(name, 0, 1) for name in part.NAMES] for trial in trials]
            scores.append(train_all(part.to_settings(places), splits, seeds))
            for study, trial, (validation, _) in zip(studies, trials, scores[-1], strict=True):
                study.tell(trial, validation)
        means[kind] = part.winners(np.swapaxes(scores, 0, 1))[:, 1].mean()
    assert means == pytest.approx({"grid": 0.79, "random": 0.84, "TPE": 0.87}, abs=0.02)
    assert means["grid"] + 0.02 < means["random"] < means["TPE"] - 0.01


def test_the_final_model_is_better_than_its_trials_because_it_learns_from_all_rows(part):
    found = []
    for seed in range(5):
        train, _, test = split(seed, 200, 0)
        X, y, X_test, y_test = (t[rows].numpy() for rows in (train, test) for t in (DIGITS, LABELS))
        study = part.study_of("TPE", seed)
        study.optimize(
            lambda trial, X=X, y=y: cross_val_score(part.candidate(trial), X, y, cv=3).mean(), n_trials=15
        )
        best, folds = part.candidate(study.best_trial), StratifiedKFold(3).split(X, y)
        two_thirds = np.mean([best.fit(X[rows], y[rows]).score(X_test, y_test) for rows, _ in folds])
        scores = [model.fit(X, y).score(X_test, y_test) for model in (best, SVC())]
        found.append([study.best_value, two_thirds, *scores])
    trial, two_thirds, final, default = np.transpose(found)
    assert two_thirds.mean() == pytest.approx(0.929, abs=0.004)
    assert two_thirds.mean() < trial.mean() < final.mean()
    assert (final - default).mean() == pytest.approx(0.005, abs=0.004)
    assert (final - default).std() == pytest.approx(0.016, abs=0.006)


def test_winners_are_chosen_by_validation_alone(part):
    scores = np.array([[[0.5, 0.9], [0.7, 0.1], [0.6, 0.8]]])
    np.testing.assert_array_equal(part.winners(scores), [[0.7, 0.1]])


def test_fifty_nine_random_trials_are_just_enough():
    assert 1 - 0.95**59 >= 0.95 > 1 - 0.95**58
    assert find("4.1.12").solution == 59


def test_the_expected_best_is_what_simulation_gives():
    rng = np.random.default_rng(0)
    for p, n, k in ((0.87, 100, 100), (0.3, 5, 7), (0.5, 1, 2)):
        simulated = rng.binomial(n, p, size=(20_000, k)).max(axis=1).mean() / n
        assert expected_best(p, n, k) == pytest.approx(simulated, abs=0.004)
    with pytest.raises(ValueError, match=r"p is 1\.2: a probability is between 0 and 1"):
        expected_best(1.2, 10, 3)


def test_a_thousand_equal_models_need_some_2900_rows_to_flatter_by_less_than_two_percent():
    enough = [n for n in range(20, 4_001, 20) if expected_best(0.87, n, 1_000) - 0.87 < 0.02]
    assert enough[0] == pytest.approx(2_900, abs=60)


# ---------------------------------------------------------------- pictures


def test_the_pictures_show_the_numbers_that_they_are_given():
    ax = searching.plot_searches({"a": [[0.1, 0.5, 0.3], [0.3, 0.2, 0.7]]})
    assert list(ax.lines[0].get_ydata()) == pytest.approx([0.2, 0.4, 0.6])
    points = {"grid": np.array([[0.1, 0.01], [1, 0.1]])}
    (ax,) = searching.draw_landscape(np.array([0.1, 1, 10]), np.array([0.01, 0.1]), np.ones((3, 2)), points)
    assert list(ax.lines[0].get_xdata()) == [0.1, 1]
    axes = searching.plot_settings(np.array([[1.0, 2], [3, 4]]), np.array([0.5, 0.6]), ("rate", "decay"))
    assert [list(ax.lines[0].get_xdata()) for ax in axes] == [[1, 3], [2, 4]]
    line, good = np.array([0.0, 0.5, 1]), np.array([True, False])
    densities = np.array([1.0, 3, 1]), np.array([1.0, 1, 1])
    axes = searching.draw_proposal(np.array([0.4, 0.9]), np.array([0.8, 0.1]), good, line, densities)
    assert axes[1].lines[-1].get_xdata()[0] == 0.5
    ax = searching.plot_best_of(0.87, 100, [1, 10], [0.87, 0.92])
    assert list(ax.lines[0].get_ydata()) == [0.87, 0.92]
