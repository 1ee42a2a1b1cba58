"""The recommenders of chapter 7: the planted world is what it says, the models solve what they state."""

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn import metrics as sk_metrics

from helpers.chapters import recommending
from helpers.chapters.recommending import (
    GENRES,
    Ratings,
    expected_stars,
    fit_factors,
    fit_implicit,
    load_movielens,
    planted_ratings,
    predict_from_neighbours,
    ranking_metrics,
    rating_table,
    to_stars,
    top_n,
    variety_metrics,
)


@pytest.fixture(scope="module")
def world():
    return planted_ratings(300, 120, seed=4)


@pytest.fixture(scope="module")
def small():
    return planted_ratings(40, 50, seed=5)[0]


def rmse(a, b):
    return float(np.sqrt(np.mean((np.asarray(a) - np.asarray(b)) ** 2)))


# the planted world --------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_world_and_another_seed_another():
    one, two, three = (planted_ratings(50, 60, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one.values, two.values)
    assert np.array_equal(one.items, two.items)
    assert len(one) != len(three) or not np.array_equal(one.items, three.items)


def test_planted_ratings_are_the_planted_signal_plus_noise_of_the_stated_size(world):
    ratings, truth = world
    signal = truth.mean + truth.user_bias[ratings.users] + truth.item_bias[ratings.items]
    signal += (truth.user_factors[ratings.users] * truth.item_factors[ratings.items]).sum(axis=1)
    signal += truth.user_slope[ratings.users] * (ratings.times - 0.5)
    np.testing.assert_allclose(signal, truth.signal)
    inside = (truth.signal > 2) & (truth.signal < 3.5)  # where the ends of the scale play no part
    apart = ratings.values[inside] - truth.signal[inside]
    assert abs(apart.mean()) < 0.03
    assert apart.std() == pytest.approx(np.hypot(truth.noise, 0.5 / np.sqrt(12)), rel=0.04)


def test_planted_ratings_are_half_stars_in_order_of_time_and_none_is_given_twice(world):
    ratings, _ = world
    assert set(ratings.values) <= set(np.arange(0.5, 5.1, 0.5))
    assert (np.diff(ratings.times) >= 0).all()
    assert len(set(zip(ratings.users, ratings.items, strict=True))) == len(ratings)
    assert np.bincount(ratings.users).min() >= 15


def test_what_is_watched_follows_fame_and_taste(world):
    ratings, truth = world
    counts = np.bincount(ratings.items, minlength=ratings.n_items)
    expected = (truth.watch_weight / truth.watch_weight.sum(axis=1, keepdims=True)).sum(axis=0)
    assert stats.spearmanr(counts, expected).statistic > 0.95
    taste = truth.user_factors @ truth.item_factors.T
    assert taste[ratings.users, ratings.items].mean() > taste.mean() + 0.15


def test_the_title_of_a_planted_film_is_its_own_and_tells_its_genre():
    ratings, truth = planted_ratings(20, 800, seed=0)
    assert len(set(ratings.item_ids)) == 800
    word_of = {}
    for title, genre in zip(ratings.item_ids, truth.genre, strict=True):
        assert word_of.setdefault(title.split()[1], genre) == genre
    assert len(word_of) == 10 * len(GENRES)


def test_the_noise_floor_is_what_the_best_prediction_really_gets(world):
    ratings, truth = world
    mean, variance = expected_stars(truth.signal, truth.noise)
    rng = np.random.default_rng(0)
    drawn = to_stars(truth.signal + truth.noise * rng.standard_normal((40, len(ratings))))
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.6)  # 40 draws of a deviation of 0.6
    assert rmse(drawn, mean) == pytest.approx(np.sqrt(variance.mean()), rel=0.01)
    assert rmse(drawn, mean + 0.1) > rmse(drawn, mean)


def test_expected_stars_of_simple_signals():
    mean, variance = expected_stars([-40.0, 3.0, 40.0], 0.6)
    np.testing.assert_allclose(mean, [0.5, 3.0, 5.0], atol=1e-4)
    np.testing.assert_allclose(variance[[0, 2]], 0, atol=1e-9)
    assert to_stars([-1, 0.74, 0.76, 2.25, 9]).tolist() == [0.5, 0.5, 1.0, 2.5, 5.0]


def test_without_noise_the_expected_stars_are_the_rounded_signal_and_less_than_none_is_refused():
    mean, variance = expected_stars([1.7, 2.25, 9], 0)
    assert mean.tolist() == [1.5, 2.5, 5.0]
    assert variance.tolist() == [0, 0, 0]
    for noise in (-0.1, np.nan):
        with pytest.raises(ValueError, match=f"noise={noise}"):
            expected_stars([1.7], noise)


@pytest.mark.parametrize("wrong", [{"n_items": 10}, {"n_items": 900}, {"n_users": 0}, {"noise": -0.1}])
def test_a_world_that_cannot_be_planted_is_refused_with_its_numbers(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        planted_ratings(**{"n_users": 20, "n_items": 60, **wrong})


# tables -------------------------------------------------------------------------------------------


def test_ids_may_be_texts_or_whole_numbers_and_come_back():
    texts = rating_table(["b", "a", "b"], ["x", "x", "y"], [1, 2, 3], [30, 10, 20])
    assert texts.user_ids[texts.users].tolist() == ["b", "a", "b"]
    assert texts.times.tolist() == [1.0, 0.0, 0.5]
    numbers = rating_table(np.array([7, 3]), [10, 10], np.array([1, 2]))
    assert numbers.user(7) == 1
    assert numbers.item(10) == 0
    assert repr(numbers) == "Ratings(2 by 2 users of 1 items)"


def test_an_unknown_id_is_named_with_the_nearest_and_the_type_that_is_expected():
    table = rating_table(["ann", "ben"], [1, 2], [3, 4])
    with pytest.raises(ValueError, match=r"'anna'.*nearest: ann"):
        table.user("anna")
    with pytest.raises(ValueError, match=r"'1'.*type int"):
        table.item("1")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ((["a"], ["x"], [5.5]), r"row 0.*5\.5.*0\.5 to 5"),
        ((["a", "a"], ["x", "y"], [5, float("nan")]), "row 1.*nan"),
        ((["a"], ["x"], [0]), "outside the scale"),
        ((["a", 3], ["x", "y"], [1, 2]), "user ids are of type int, str"),
        ((["a", "b"], [1.5, 2.5], [1, 2]), "item ids are of type float"),
        ((["a", None], ["x", "y"], [1, 2]), "NoneType"),
        ((["a", "b"], ["x"], [1]), "columns of 2, 1, 1 rows"),
        (([], [], []), "at least one"),
        ((["a"], ["x"], [3], [float("nan")]), "row 0: the time nan"),
    ],
)
def test_rows_that_cannot_be_read_are_refused_by_name(rows, says):
    with pytest.raises(ValueError, match=says):
        rating_table(*rows)


def test_a_rating_given_twice_is_an_error_or_the_last_one_counts():
    rows = ["ann", "ann", "ben"], ["x", "x", "x"], [5, 1, 4]
    with pytest.raises(ValueError, match=r"row 0: user ann, item x.*duplicates='last'"):
        rating_table(*rows)
    last = rating_table(*rows, duplicates="last")
    assert last.values.tolist() == [1, 4]
    with pytest.raises(ValueError, match="'first'"):
        rating_table(*rows, duplicates="first")


def test_a_table_made_by_hand_with_a_repeated_pair_is_refused_where_it_would_add_up():
    zero = np.zeros(2, dtype=int)
    table = Ratings(zero, zero, np.array([1.0, 2.0]), np.zeros(2), np.array(["a"]), np.array(["x"]))
    with pytest.raises(ValueError, match="1 ratings repeat"):
        fit_factors(table, 0)


def test_another_scale_is_kept_and_cuts_predictions():
    table = rating_table(["a", "b", "a"], ["x", "x", "y"], [100, 90, 95], scale=(0, 100))
    model = fit_factors(table, 0, reg_bias=1e-6)
    assert model.predict([0, 1], [0, 0]).max() <= 100
    assert table.rows([0]).scale == (0, 100)


# models -------------------------------------------------------------------------------------------


def test_rank_zero_is_the_ridge_of_biases(small):
    model = fit_factors(small, 0, reg_bias=3.0, sweeps=300)
    design = np.zeros((len(small), small.n_users + small.n_items))
    design[np.arange(len(small)), small.users] = 1
    design[np.arange(len(small)), small.n_users + small.items] = 1
    normal = design.T @ design + 3 * np.eye(design.shape[1])
    exact = np.linalg.solve(normal, design.T @ (small.values - small.values.mean()))
    np.testing.assert_allclose(np.concatenate([model.user_bias, model.item_bias]), exact, atol=1e-6)


def objective(ratings, parts, reg, reg_bias, implicit, by_count=0.0):
    P, Q, Y, a, b = parts
    mask = ratings.matrix(1.0).toarray()
    counts = np.maximum(mask.sum(axis=1), 1)
    votes = mask / np.sqrt(counts)[:, None]
    wanted = ratings.matrix(ratings.values - ratings.values.mean()).toarray()
    error = mask * (wanted - a[:, None] - b - (P + votes @ Y) @ Q.T)
    weight = (counts / counts.mean()) ** by_count
    return (
        (error**2).sum()
        + reg * ((weight[:, None] * P**2).sum() + (Q**2).sum())
        + implicit * (Y**2).sum()
        + reg_bias * ((a**2).sum() + (b**2).sum())
    )


@pytest.mark.parametrize(("implicit", "by_count"), [(None, 0.0), (4.0, 0.0), (4.0, 0.5), (None, 0.5)])
def test_no_small_step_from_the_solution_lowers_the_stated_objective(small, implicit, by_count):
    settings = {"reg": 3.0, "reg_bias": 2.0, "by_count": by_count}
    model = fit_factors(small, 2, implicit=implicit, sweeps=400, **settings)
    mask = small.matrix(1.0).toarray()
    votes = mask / np.sqrt(mask.sum(axis=1, keepdims=True))
    Y = np.zeros_like(model.item_factors) if implicit is None else model.implicit_factors
    own = model.user_factors - votes @ Y
    parts = [own, model.item_factors, Y, model.user_bias, model.item_bias]
    settings["implicit"] = 1e12 if implicit is None else implicit  # then Y stays 0
    lowest = objective(small, parts, **settings)
    rng = np.random.default_rng(0)
    for place in range(5):
        for step in (1e-4, -1e-4):  # with longer ones the curvature hides a slope
            moved = list(parts)
            moved[place] = parts[place] + step * rng.standard_normal(parts[place].shape)
            assert objective(small, moved, **settings) > lowest - 1e-7
    worse = [part * 1.05 for part in parts]
    assert objective(small, worse, **settings) > lowest + 1e-3  # the check can fail


def test_on_the_planted_world_each_model_is_where_it_belongs():
    ratings, truth = planted_ratings(seed=3)
    order = np.random.default_rng(0).permutation(len(ratings))
    held, kept = order[: len(order) // 5], order[len(order) // 5 :]
    test, train = ratings.rows(held), ratings.rows(kept)
    base = fit_factors(train, 0)
    near = predict_from_neighbours(train, base, test.users, test.items, shrink=10)
    errors = [
        rmse(train.values.mean(), test.values),
        rmse(base.predict(test.users, test.items), test.values),
        rmse(near, test.values),
        rmse(fit_factors(train, 4, reg=4.0).predict(test.users, test.items), test.values),
        rmse(fit_factors(train, 4, reg=5.0, implicit=5.0).predict(test.users, test.items), test.values),
        rmse(expected_stars(truth.signal[held], truth.noise)[0], test.values),
    ]
    assert errors == sorted(errors, reverse=True), errors


def test_users_and_items_without_ratings_get_zeros_and_the_mean(small):
    rest = small.rows((small.users != 3) & (small.items != 7))
    for options in ({}, {"implicit": 5.0}, {"by_count": 0.5}):
        model = fit_factors(rest, 3, reg=5.0, **options)
        assert model.user_bias[3] == model.item_bias[7] == 0
        assert not model.user_factors[3].any()
        assert not model.item_factors[7].any()
        assert model.predict([3], [7])[0] == pytest.approx(model.mean)
        assert predict_from_neighbours(rest, model, [3, 3], [7, 1])[0] == pytest.approx(model.mean)


def test_the_transposed_table_gives_the_transposed_model(small):
    turned = Ratings(
        small.items, small.users, small.values, small.times, small.item_ids, small.user_ids, small.scale
    )
    one, two = fit_factors(small, 0, sweeps=200), fit_factors(turned, 0, sweeps=200)
    np.testing.assert_allclose(one.scores(), two.scores().T, atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [{"rank": -1}, {"reg": 0}, {"reg_bias": -1}, {"sweeps": 0}, {"implicit": 0}, {"by_count": -1}]
    + [{name: np.nan} for name in ("reg", "reg_bias", "implicit", "by_count")],
)
def test_settings_out_of_range_are_refused_and_named(small, wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"{name}={value}"):
        fit_factors(small, **wrong)


@pytest.mark.parametrize(
    ("users", "items", "says"),
    [
        ([-1], [0], "user -1 is not known: there are 40, with codes 0 to 39"),
        ([0, 40], [0, 0], "user 40 is not known"),
        ([0], [-1], "item -1 is not known: there are 50, with codes 0 to 49"),
        ([0], [50], "item 50 is not known"),
        ([0.0], [0], "user: codes are whole numbers from 0, not float64"),
        (["u001"], [0], "user: codes are whole numbers"),
        ([True], [0], "user: codes are whole numbers"),
    ],
)
def test_a_code_that_nobody_has_is_refused_and_never_answered_for_another(small, users, items, says):
    model = fit_factors(small, 2, sweeps=2)
    with pytest.raises(ValueError, match=says):
        model.predict(users, items)
    with pytest.raises(ValueError, match=says):
        predict_from_neighbours(small, model, users, items)


def test_the_last_code_and_no_code_at_all_are_predicted(small):
    model = fit_factors(small, 2, sweeps=2)
    assert model.predict([39], [49])[0] == np.clip(model.scores()[39, 49], 0.5, 5)
    assert model.predict(39, 49) == model.predict([39], [49])[0]
    assert model.predict([], []).shape == (0,)


def test_a_prediction_by_hand():
    model = recommending.Factors(
        3.0, np.array([0.5, 0]), np.array([-1.0, 0, 9]), np.ones((2, 1)), np.ones((3, 1))
    )
    assert model.predict([0, 1, 0], [0, 1, 2]).tolist() == [3.5, 4.0, 5.0]


def slow_neighbours(ratings, base, user, item, by, measure, k, shrink, damp):
    """One prediction by loops."""
    left = {}
    for u, i, value in zip(ratings.users, ratings.items, ratings.values, strict=True):
        left[int(u), int(i)] = value - base.predict([u], [i])[0]

    def row(who):
        return {
            (i if by == "user" else u): e for (u, i), e in left.items() if (u if by == "user" else i) == who
        }

    mine = row(user if by == "user" else item)
    weights = []
    for other in range(ratings.n_users if by == "user" else ratings.n_items):
        place = (other, item) if by == "user" else (user, other)
        if place not in left:
            continue
        theirs = row(other)
        both = mine.keys() & theirs.keys()
        alike = 0.0
        if measure == "cosine":
            size = np.sqrt(sum(e**2 for e in mine.values()) * sum(e**2 for e in theirs.values()))
            alike = sum(mine[x] * theirs[x] for x in both) / size if size else 0.0
        elif len(both) > 1:
            alike = np.corrcoef([mine[x] for x in both], [theirs[x] for x in both])[0, 1]
        weights.append((max(alike, 0) * len(both) / (len(both) + shrink), left[place]))
    weights = sorted(weights, reverse=True)[:k]
    surplus = sum(w * e for w, e in weights) / (sum(w for w, _ in weights) + damp)
    return float(np.clip(base.predict([user], [item])[0] + surplus, *ratings.scale))


@pytest.mark.parametrize("measure", ["cosine", "pearson"])
@pytest.mark.parametrize("by", ["item", "user"])
def test_neighbours_equal_slow_loops(small, by, measure):
    base = fit_factors(small, 0)
    rng = np.random.default_rng(0)
    users, items = rng.integers(small.n_users, size=12), rng.integers(small.n_items, size=12)
    settings = {"by": by, "measure": measure, "k": 6, "shrink": 5.0, "damp": 0.2}
    fast = predict_from_neighbours(small, base, users, items, **settings)
    slow = [slow_neighbours(small, base, u, i, **settings) for u, i in zip(users, items, strict=True)]
    np.testing.assert_allclose(fast, slow, atol=2e-4)
    assert rmse(fast, base.predict(users, items)) > 0.01  # the neighbours do say something


@pytest.mark.parametrize(
    "wrong",
    [{"by": "film"}, {"measure": "euclid"}, {"k": 0}, {"shrink": -1}, {"damp": -1}, {"damp": np.nan}],
)
def test_neighbours_refuse_what_is_out_of_range(small, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        predict_from_neighbours(small, fit_factors(small, 0), [0], [0], **wrong)


def test_implicit_als_solves_the_weighted_squares_over_all_pairs(small):
    seen = small.matrix(1.0)
    P, Q = fit_implicit(seen, 3, alpha=4.0, reg=2.0, sweeps=100)
    x = seen.toarray()
    weight = 1 + 4 * x

    def loss(P, Q):
        return (weight * (x - P @ Q.T) ** 2).sum() + 2 * ((P**2).sum() + (Q**2).sum())

    rng = np.random.default_rng(0)
    for step in (1e-4, -1e-4):
        assert loss(P + step * rng.standard_normal(P.shape), Q) > loss(P, Q)
        assert loss(P, Q + step * rng.standard_normal(Q.shape)) > loss(P, Q) - 1e-6
    assert loss(1.1 * P, Q) > loss(P, Q) + 1e-3
    P, Q = fit_implicit(seen, 3, alpha=4.0, reg=2.0, sweeps=1)  # the users are those of these items
    for step in (1e-4, -1e-4):
        assert loss(P + step * rng.standard_normal(P.shape), Q) > loss(P, Q)


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"alpha": -1}, {"reg": 0}, {"reg": np.nan}, {"sweeps": 0}])
def test_implicit_als_refuses_settings_out_of_range(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"{name}={value}"):
        fit_implicit(np.eye(3), **wrong)


@pytest.mark.parametrize("value", [2, 0.5, -1, np.nan])
def test_implicit_als_refuses_numbers_of_plays_and_says_what_to_give(value):
    with pytest.raises(ValueError, match=f"seen holds {value:g}: only 0 and 1; .*seen > 0"):
        fit_implicit([[1, 0], [0, value]], 1)


# lists --------------------------------------------------------------------------------------------


def test_the_best_unseen_items_come_first_and_ties_in_the_order_of_codes():
    scores = np.array([[1.0, 5, 3, 3, 9], [2, 2, 2, 2, 2]])
    seen = np.array([[0, 0, 0, 0, 1], [1, 0, 0, 0, 0]])
    assert top_n(scores, seen, 3).tolist() == [[1, 2, 3], [1, 2, 3]]


def test_what_is_seen_is_never_shown_whatever_its_score():
    scores = np.array([[9, -np.inf, 1, -np.inf], [np.inf, 2, -np.inf, 3], [np.nan, 1, 2, 3]])
    seen = np.array([[1, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0]])
    assert top_n(scores, seen, 2).tolist() == [[2, 1], [3, 1], [3, 2]]
    assert top_n(scores[1:], sparse.csr_array(seen[1:]), 3).tolist() == [[3, 1, 2], [3, 2, 1]]
    assert top_n([[-np.inf, -np.inf, -np.inf]], [[1, 0, 0]], 2).tolist() == [[1, 2]]


def test_a_candidate_whose_score_is_nan_is_refused_by_user_and_item():
    scores = np.array([[1.0, 2, 3], [1, np.nan, np.nan]])
    with pytest.raises(ValueError, match="score of user 1 for item 2 is nan"):
        top_n(scores, [[0, 0, 0], [0, 1, 0]], 1)


def test_too_few_candidates_are_refused_by_user_and_number():
    seen = np.array([[0, 0, 0], [1, 1, 1]])
    with pytest.raises(ValueError, match="user 1 has 0 candidates left, 1 are asked"):
        top_n(np.zeros((2, 3)), seen, 1)
    with pytest.raises(ValueError, match="shape"):
        top_n(np.zeros((2, 4)), seen, 1)
    with pytest.raises(ValueError, match="shape"):
        top_n(np.zeros(3), np.zeros(3), 1)
    with pytest.raises(ValueError, match="n=0"):
        top_n(np.zeros((2, 3)), seen, 0)


def test_ranking_metrics_equal_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    n, items = 10, 40
    for _ in range(20):
        scores = rng.random(items)
        relevant = rng.choice(items, rng.integers(1, 15), replace=False)
        shown = top_n(scores[None], np.zeros((1, items)), n)
        truth, predicted = np.zeros((2, items), dtype=int)
        truth[relevant], predicted[shown[0]] = 1, 1
        ours = ranking_metrics(shown, [relevant])
        assert ours["precision"] == pytest.approx(sk_metrics.precision_score(truth, predicted))
        assert ours["recall"] == pytest.approx(sk_metrics.recall_score(truth, predicted))
        assert ours["F1"] == pytest.approx(sk_metrics.f1_score(truth, predicted))
        assert ours["NDCG"] == pytest.approx(sk_metrics.ndcg_score(truth[None], scores[None], k=n))
        assert ours["hit rate"] == float((truth * predicted).any())


def test_ranking_metrics_by_hand():
    found = ranking_metrics([[4, 7, 2], [1, 0, 3]], [[7, 9], [5]])
    ndcg = (1 / np.log2(3)) / (1 + 1 / np.log2(3))
    assert found == pytest.approx(
        {"precision": 1 / 6, "recall": 1 / 4, "F1": 1 / 5, "NDCG": ndcg / 2, "hit rate": 1 / 2}
    )
    assert ranking_metrics([[7, 9, 2, 3]], [{9, 7}]) == pytest.approx(
        {"precision": 0.5, "recall": 1, "F1": 2 / 3, "NDCG": 1, "hit rate": 1}
    )


def test_an_item_counts_once_however_often_it_is_shown_or_was_played():
    shown_thrice = ranking_metrics([[5, 5, 5]], [[5]])
    assert shown_thrice == pytest.approx(
        {"precision": 1 / 3, "recall": 1, "F1": 1 / 2, "NDCG": 1, "hit rate": 1}
    )
    assert ranking_metrics([[1, 5, 5]], [[5]])["NDCG"] == pytest.approx(1 / np.log2(3))
    assert ranking_metrics([[5, 6]], [[5, 5]]) == ranking_metrics([[5, 6]], [[5]])
    assert ranking_metrics([[5, 6]], [np.array([5, 6, 6, 5])]) == pytest.approx(
        dict.fromkeys(("precision", "recall", "F1", "NDCG", "hit rate"), 1)
    )


@pytest.mark.parametrize(
    ("lists", "relevant", "says"),
    [
        ([[0, -1]], [[0]], "item -1 is not known: codes begin at 0"),
        ([[0, 1]], [[-1]], "relevant item -1"),
        ([[0.5, 1]], [[0]], "item: codes are whole numbers"),
        ([["a", "b"]], [[0]], "item: codes are whole numbers"),
        ([[0, 1]], [["a"]], "relevant item: codes are whole numbers"),
        ([0, 1], [[0], [1]], r"lists have shape \(2,\)"),
        (np.zeros((1, 0), dtype=int), [[0]], r"lists have shape \(1, 0\)"),
    ],
)
def test_lists_and_relevant_items_that_are_no_codes_are_refused(lists, relevant, says):
    with pytest.raises(ValueError, match=says):
        ranking_metrics(lists, relevant)


def test_users_with_nothing_relevant_do_not_count_and_nobody_is_an_error():
    both = ranking_metrics([[0, 1], [2, 3]], [[0], []])
    assert both == ranking_metrics([[0, 1]], [{0}])
    assert both["precision"] == 0.5
    with pytest.raises(ValueError, match="nothing to find"):
        ranking_metrics([[0, 1]], [[]])
    with pytest.raises(ValueError, match="2 lists and 1"):
        ranking_metrics([[0], [1]], [[0]])


def test_variety_counted_by_hand():
    found = variety_metrics([[0, 1], [0, 2]], [2, 1, 1, 0], np.array([[1.0, 0], [2, 0], [0, 1], [1, 1]]))
    assert found == pytest.approx({"coverage": 0.75, "diversity": 0.5, "novelty": 0.5})
    one = variety_metrics([[3]], [1, 1, 1, 0], np.eye(4))
    assert one == pytest.approx({"coverage": 0.25, "diversity": 0.0, "novelty": 0.0})


@pytest.mark.parametrize(
    ("lists", "popularity", "vectors", "says"),
    [
        ([[-1]], [1, 1], np.eye(2), "item -1 is not known: there are 2, with codes 0 to 1"),
        ([[2]], [1, 1], np.eye(2), "item 2 is not known"),
        ([[0.0]], [1, 1], np.eye(2), "item: codes are whole numbers"),
        ([0], [1, 1], np.eye(2), r"lists have shape \(1,\)"),
        ([[0]], [1, 1], np.eye(3), r"popularity \(2,\) and vectors \(3, 3\)"),
        ([[0]], [1, 5], np.eye(2), "popularity goes from 1 to 5: it counts how many of the 1 users"),
        ([[0]], [1, -1], np.eye(2), "popularity goes from -1 to 1"),
        ([[0]], [1, np.nan], np.eye(2), "popularity goes from nan"),
    ],
)
def test_variety_refuses_codes_shapes_and_counts_that_do_not_fit(lists, popularity, vectors, says):
    with pytest.raises(ValueError, match=says):
        variety_metrics(lists, popularity, vectors)


# real ratings -------------------------------------------------------------------------------------


def test_a_film_archive_is_read_in_order_of_time_with_titles_that_name_one_film_each(tmp_path, monkeypatch):
    (tmp_path / "movies.csv").write_text(
        'movieId,title,genres\n1,"Heat, The (1995)",Crime|Drama\n'
        "2,Emma (1996),Romance\n9,Emma (1996),Drama\n",
        encoding="utf-8",
    )
    (tmp_path / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n10,2,4.0,1010\n2,1,0.5,90\n10,9,3.5,550\n", encoding="utf-8"
    )
    monkeypatch.setattr(recommending, "fetch", lambda name: {path.name: path for path in tmp_path.iterdir()})
    table, genres = load_movielens()
    assert table.values.tolist() == [0.5, 3.5, 4.0]
    assert table.times.tolist() == [0.0, 0.5, 1.0]
    titles = table.item_ids[table.items].tolist()
    assert titles == ["Heat, The (1995)", "Emma (1996) [9]", "Emma (1996)"]
    assert [genres[table.item(title)] for title in titles] == ["Crime|Drama", "Drama", "Romance"]
    assert table.user(10) == 1
