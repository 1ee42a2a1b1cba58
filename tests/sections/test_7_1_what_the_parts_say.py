"""The parts of 7.1: what their texts say of the planted world, and what their cells define."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize

from exercises import WrongAnswer, check
from exercises.finding import find
from helpers import check_grad
from helpers.chapters.recommending import (
    GENRES,
    expected_stars,
    fit_factors,
    fit_implicit,
    planted_ratings,
    predict_from_neighbours,
    ranking_metrics,
    top_n,
    variety_metrics,
)
from tools.notebooks import ENGLISH, define, read_notebook

FOLDER = ENGLISH / "7_recommenders"
NEIGHBOURS, FACTORS = FOLDER / "1a_a_table_with_holes.ipynb", FOLDER / "1b_two_tables_for_one.ipynb"
LISTS, LIKES = FOLDER / "1c_lists_instead_of_stars.ipynb", FOLDER / "1d_learning_from_likes.ipynb"
NEW_FILM, NEW_READER = FOLDER / "1e_a_film_without_stars.ipynb", FOLDER / "1f_a_new_reader.ipynb"
PAGE = FOLDER / "1g_your_own_page.ipynb"


def rmse(predicted, values):
    return float(np.sqrt(np.mean((predicted - values) ** 2)))


def split(ratings):
    """Train and test as the parts draw them."""
    order = np.random.default_rng(1).permutation(len(ratings))
    held, kept = np.sort(order[: len(order) // 5]), np.sort(order[len(order) // 5 :])
    return ratings.rows(kept), ratings.rows(held)


@pytest.fixture(scope="module")
def world():
    ratings, planted = planted_ratings()
    train, test = split(ratings)
    mask = train.matrix(1.0).toarray()
    likes = train.rows(train.values >= 4).matrix(1.0).toarray()
    relevant = [test.items[(test.users == u) & (test.values >= 4)] for u in range(test.n_users)]
    return SimpleNamespace(**locals())


# ---------------------------------------------------------------- 7.1a and 7.1b, five people and five films


@pytest.fixture(scope="module")
def five():
    """The small table as 7.1b makes it, and its solve_rows."""
    ids = ("five-numbers", "five-product-right", "five-holes-run")
    space = define(FACTORS, ("imports", "solve-rows", "alternate"), whole=("imports", *ids))
    return SimpleNamespace(**space)


def test_the_small_table_of_7_1a_is_that_of_the_rule_in_7_1b(five):
    table = SimpleNamespace(**define(NEIGHBOURS, ("imports",), whole=("imports", "five-table")))
    np.testing.assert_array_equal(table.full, five.full)
    np.testing.assert_array_equal(table.R, five.R)


def filled(five, reg, seed, sweeps=60):
    """The small table filled by turns from a random start."""
    V = np.random.default_rng(seed).normal(size=(5, 2))
    for _ in range(sweeps):
        U = five.solve_rows(five.R - 3, V, [reg, reg])
        V = five.solve_rows((five.R - 3).T, U, [reg, reg])
    return 3 + U @ V.T


def test_with_zeros_in_the_holes_dora_is_told_not_to_see_a_film_she_would_love(five):
    assert five.full[3, 3] == 4.5
    assert five.by_zeros[3, 3] < 2
    assert five.by_zeros[~five.known].mean() < five.full[~five.known].mean() - 1.5


def test_twelve_random_starts_lead_to_the_same_table_that_fills_holes_far_better_than_zeros(five):
    ends = [filled(five, 0.3, seed) for seed in range(12)]
    assert max(np.abs(end - ends[0]).max() for end in ends) < 0.01
    off = np.abs(ends[0] - five.full)[~five.known].mean()
    assert off < np.abs(five.by_zeros - five.full)[~five.known].mean() / 3
    assert ends[0][3, 3] > 4


def test_with_less_regularisation_five_of_twelve_starts_end_elsewhere_and_further_off(five):
    off = [np.abs(filled(five, 0.1, seed) - five.full)[~five.known].mean() for seed in range(12)]
    assert sorted(np.round(off, 1).tolist())[:7] == [0.2] * 7
    assert sum(error > 0.9 for error in off) == 5
    assert max(off) < 2.2


def test_emils_normal_equations_are_those_of_the_text(five):
    Q, r = five.V[five.known[4]], five.R[4, five.known[4]] - 3
    np.testing.assert_allclose(4 * Q.T @ Q, [[9, -1], [-1, 1]])
    np.testing.assert_allclose(Q.T @ r, [-2, 0])
    heavier = [np.abs(five.solve_rows(five.R - 3, five.V, [reg, reg])[4]) for reg in (0.0, 0.3, 3.0)]
    assert (np.diff(heavier, axis=0) < 0).all()


# ---------------------------------------------------------------- 7.1a and 7.1b, the planted world


def test_the_floor_to_remember_is_058_and_below_the_planted_noise(world):
    floor = np.sqrt(expected_stars(world.planted.signal, world.planted.noise)[1].mean())
    assert round(floor, 2) == 0.58
    assert floor < world.planted.noise == 0.6


def test_the_best_known_fifth_has_half_of_the_ratings_and_the_mean_rises(world):
    fame = np.sort(np.bincount(world.ratings.items))[::-1]
    assert 0.4 < fame[:60].sum() / fame.sum() < 0.6
    early, late = (world.ratings.values[part].mean() for part in (slice(0, 2000), slice(-2000, None)))
    assert late - early > 0.3


def test_shrinking_helps_and_between_films_the_cosine_of_the_rest_is_a_little_better(world):
    base = fit_factors(world.train, 0)

    def error(**options):
        predicted = predict_from_neighbours(world.train, base, world.test.users, world.test.items, **options)
        return rmse(predicted, world.test.values)

    assert error(by="user", measure="pearson", shrink=10) < error(by="user", measure="pearson", shrink=0)
    assert error(shrink=10) < error(measure="pearson", shrink=10) < error(shrink=10) + 0.02


def test_rank_zero_of_alternate_is_the_librarys_biases(five, world):
    table = np.full(world.mask.shape, np.nan)
    table[world.train.users, world.train.items] = world.train.values
    base = fit_factors(world.train, 0)
    mean, a, b, P, Q = five.alternate(table, 0, 4.0)
    np.testing.assert_allclose(b, base.item_bias)
    np.testing.assert_allclose(a, base.user_bias)
    assert mean == pytest.approx(base.mean)
    assert P.shape == (400, 0)
    assert Q.shape == (300, 0)


def test_the_neighbours_go_a_quarter_of_the_way_from_the_biases_to_the_floor(world):
    base = fit_factors(world.train, 0)
    near = predict_from_neighbours(world.train, base, world.test.users, world.test.items, shrink=10)
    errors = [rmse(of, world.test.values) for of in (base.predict(world.test.users, world.test.items), near)]
    assert 0.2 < (errors[0] - errors[1]) / (errors[0] - 0.58) < 0.3


def test_the_lowest_loss_of_svdpp_is_found_by_turns_as_by_lbfgs():
    small, _ = planted_ratings(80, 60, seed=2)
    table, mask = small.matrix(small.values - small.values.mean()).toarray(), small.matrix(1.0).toarray()
    votes = mask / np.sqrt(mask.sum(axis=1, keepdims=True))
    regs, shapes = (5.0, 5.0, 5.0, 4.0, 4.0), [(80, 2), (60, 2), (60, 2), (80,), (60,)]

    def loss(P, Q, Y, a, b):
        error = mask * (table - a[:, None] - b - (P + votes @ Y) @ Q.T)
        penalty = sum(reg / 2 * (part**2).sum() for reg, part in zip(regs, (P, Q, Y, a, b), strict=True))
        return (error**2).sum() / 2 + penalty

    def gradients(P, Q, Y, a, b):
        error = mask * (table - a[:, None] - b - (P + votes @ Y) @ Q.T)
        slopes = (
            -error @ Q,
            -error.T @ (P + votes @ Y),
            -votes.T @ (error @ Q),
            -error.sum(1),
            -error.sum(0),
        )
        return [g + reg * part for g, reg, part in zip(slopes, regs, (P, Q, Y, a, b), strict=True)]

    rng, ends = np.random.default_rng(0), np.cumsum([np.prod(shape) for shape in shapes])
    check_grad("SVD++", loss, *(rng.normal(size=shape) for shape in shapes), grads=gradients)

    def unpack(flat):
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]

    found = minimize(
        lambda flat: loss(*unpack(flat)),
        0.1 * rng.normal(size=ends[-1]),
        jac=lambda flat: np.concatenate([g.ravel() for g in gradients(*unpack(flat))]),
        method="L-BFGS-B",
        options={"maxiter": 500, "ftol": 1e-9},
    )
    ours = fit_factors(small, 2, reg=5.0, implicit=5.0, sweeps=200)
    own = ours.user_factors - votes @ ours.implicit_factors
    parts = own, ours.item_factors, ours.implicit_factors, ours.user_bias, ours.item_bias
    assert loss(*parts) == pytest.approx(found.fun, rel=1e-3)
    assert max(np.abs(g).max() for g in gradients(*parts)) < 1e-3


def test_four_times_as_many_people_lower_the_error_to_066_and_most_of_the_gap_stays(world):
    def error(train, test):
        model = fit_factors(train, 4, reg=5.0, implicit=5.0)
        return rmse(model.predict(test.users, test.items), test.values)

    few, many = error(world.train, world.test), error(*split(planted_ratings(1600)[0]))
    assert round(many, 2) == 0.66
    assert few - many > 0.01
    assert many - 0.58 > 0.6 * (few - 0.58)


def test_all_planted_numbers_except_the_drift_would_give_062(world):
    drift = world.planted.user_slope[world.ratings.users] * (world.ratings.times - 0.5)
    order = np.random.default_rng(1).permutation(len(world.ratings))
    held = np.sort(order[: len(order) // 5])
    without = expected_stars((world.planted.signal - drift)[held], world.planted.noise)[0]
    whole = expected_stars(world.planted.signal[held], world.planted.noise)[0]
    assert round(rmse(without, world.test.values), 2) == 0.62
    assert rmse(whole, world.test.values) < 0.6
    assert world.planted.user_slope.mean() == pytest.approx(0.5, abs=0.05)


def test_rounding_alone_would_raise_the_floor_to_062(world):
    middle = (world.planted.signal > 2) & (world.planted.signal < 3.5)  # far from both ends of the scale
    variance = expected_stars(world.planted.signal[middle], world.planted.noise)[1]
    assert round(np.sqrt(variance.mean()), 2) == 0.62


def test_the_order_of_the_models_is_the_same_in_four_more_planted_worlds():
    for seed in (1, 2, 3, 4):
        train, test = split(planted_ratings(seed=seed)[0])
        base, plus = fit_factors(train, 0), fit_factors(train, 4, reg=5.0, implicit=5.0)
        mask = train.matrix(1.0).toarray()
        weights = mask / np.sqrt(np.maximum(mask.sum(axis=1, keepdims=True), 1))
        alone = plus._replace(user_factors=weights @ plus.implicit_factors)
        near = predict_from_neighbours(train, base, test.users, test.items, shrink=10)
        plain = fit_factors(train, 4, reg=4.0)
        of_factors = [model.predict(test.users, test.items) for model in (alone, plain, plus)]
        predicted = [train.values.mean(), base.predict(test.users, test.items), near, *of_factors]
        errors = [rmse(one, test.values) for one in predicted]
        assert errors == sorted(errors, reverse=True), (seed, errors)


def test_seventh_poison_is_called_crime_and_planted_with_more_of_space(world):
    film = world.ratings.item("Seventh Poison")
    assert GENRES[world.planted.genre[film]] == "crime"
    of = dict(zip(GENRES, world.planted.item_factors[film].round(2).tolist(), strict=True))
    assert (of["space"], of["crime"]) == (0.4, -0.15)


# ---------------------------------------------------------------- 7.1c and 7.1d


def test_even_the_ranking_by_true_taste_scores_below_popularity_in_five_planted_worlds():
    for seed in range(5):
        ratings, planted = planted_ratings(seed=seed)
        train, test = split(ratings)
        mask = train.matrix(1.0).toarray()
        relevant = [test.items[(test.users == u) & (test.values >= 4)] for u in range(test.n_users)]
        likes = train.rows(train.values >= 4).matrix(1.0).toarray()
        taste = planted.user_bias[:, None] + planted.item_bias + planted.user_factors @ planted.item_factors.T
        users, films = fit_implicit(likes, 4, alpha=1.0, reg=10.0)
        by = {"taste": taste, "popularity": np.tile(likes.sum(axis=0), (400, 1)), "ALS": users @ films.T}
        found = {name: ranking_metrics(top_n(score, mask), relevant)["NDCG"] for name, score in by.items()}
        assert found["taste"] < found["popularity"] < found["ALS"], seed


def test_popularity_is_far_better_than_chance_and_shows_few_and_well_known_films(world):
    users, films = fit_implicit(world.likes, 4, alpha=1.0, reg=10.0)
    by = {
        "chance": np.random.default_rng(0).random(world.mask.shape),
        "popularity": np.tile(world.likes.sum(axis=0), (400, 1)),
        "ALS": users @ films.T,
    }
    lists = {name: top_n(score, world.mask) for name, score in by.items()}
    ndcg = {name: ranking_metrics(chosen, world.relevant)["NDCG"] for name, chosen in lists.items()}
    variety = {n: variety_metrics(chosen, world.mask.sum(axis=0), films) for n, chosen in lists.items()}
    assert ndcg["popularity"] > 3 * ndcg["chance"]
    assert variety["ALS"]["coverage"] > 1.5 * variety["popularity"]["coverage"]
    assert variety["ALS"]["novelty"] > variety["popularity"]["novelty"]


def test_ranked_against_fifty_hit_rates_soar_and_the_models_come_closer_together(world):
    users, films = fit_implicit(world.likes, 4, alpha=1.0, reg=10.0)
    by = {"popularity": np.tile(world.likes.sum(axis=0), (400, 1)), "ALS": users @ films.T}

    def rate(score, sampled):
        rng, hits = np.random.default_rng(0), []
        for u, wanted in enumerate(world.relevant):
            rivals = np.setdiff1d(np.flatnonzero(world.mask[u] == 0), wanted)
            for item in wanted:
                drawn = rivals if sampled is None else rng.choice(rivals, sampled, replace=False)
                hits.append((score[u, drawn] >= score[u, item]).sum() < 10)
        return np.mean(hits)

    fifty, everything = ({name: rate(score, n) for name, score in by.items()} for n in (50, None))
    assert all(fifty[name] > 1.3 * everything[name] for name in by)
    lead_of_fifty, lead = (rates["ALS"] / rates["popularity"] for rates in (fifty, everything))
    assert lead_of_fifty < lead - 0.1


def test_the_gradient_of_bpr_is_that_of_the_loss_of_7_1_3_for_many_pairs_at_once():
    pair_slopes = define(LIKES, ("imports", "bpr-slopes"))["pair_slopes"]
    pair_loss = find("7.1.3").solution

    def loss(p, q_i, q_j):
        return sum(pair_loss(*rows, 0.1) for rows in zip(p, q_i, q_j, strict=True))

    pairs = np.random.default_rng(1).normal(size=(3, 6, 3))
    check_grad("BPR", loss, *pairs, grads=lambda *parts: [-slope for slope in pair_slopes(*parts, 0.1)])


def test_the_drift_is_what_a_slope_fitted_by_least_squares_with_a_penalty_finds(world):
    with_drift = define(LISTS, ("imports", "slopes"))["with_drift"]
    model = fit_factors(world.train, 4, reg=5.0, implicit=5.0)
    mine = world.train.rows(world.train.users == 3)
    rest, when = mine.values - model.predict(mine.users, mine.items), mine.times - 0.5
    slope = np.linalg.lstsq(np.append(when, 1.0)[:, None], np.append(rest, 0.0))[0][0]
    asked = world.test.rows(world.test.users == 3)
    expected = np.clip(model.predict(asked.users, asked.items) + slope * (asked.times - 0.5), 0.5, 5)
    np.testing.assert_allclose(with_drift(model, world.train, asked), expected)
    whole = rmse(with_drift(model, world.train, world.test), world.test.values)
    assert 0.58 < whole < rmse(model.predict(world.test.users, world.test.items), world.test.values) - 0.005


def test_by_time_factors_lose_and_the_drift_helps_more_in_all_five_worlds():
    with_drift = define(LISTS, ("imports", "slopes"))["with_drift"]
    short, reversed_biases = [], 0
    for seed in range(5):
        ratings, _ = planted_ratings(seed=seed)
        n = len(ratings) - len(ratings) // 5
        by_split = {
            "random": split(ratings),
            "time": (ratings.rows(slice(0, n)), ratings.rows(slice(n, None))),
        }
        error, gain = {}, {}
        for name, (known, asked) in by_split.items():
            plus = fit_factors(known, 4, reg=5.0, implicit=5.0)
            plain = fit_factors(known, 4, reg=4.0)
            for model, one in (("SVD++", plus), ("ALS", plain)):
                error[model, name] = rmse(one.predict(asked.users, asked.items), asked.values)
            gain[name] = error["SVD++", name] - rmse(with_drift(plus, known, asked), asked.values)
        assert all(error[model, "random"] < error[model, "time"] for model in ("SVD++", "ALS")), seed
        assert error["SVD++", "random"] < error["ALS", "random"] - 0.005, seed
        assert abs(error["SVD++", "time"] - error["ALS", "time"]) < 0.005, seed
        assert gain["time"] > 1.5 * gain["random"], seed
        rest = {
            name: asked.values - fit_factors(known, 0).predict(asked.users, asked.items)
            for name, (known, asked) in by_split.items()
        }
        short.append(rest["time"].mean())
        reversed_biases += rmse(rest["time"], 0) < rmse(rest["random"], 0)
    assert round(float(short[0]), 2) == 0.23
    assert min(short) > 0.2
    assert reversed_biases == 1


# ---------------------------------------------------------------- 7.1e and 7.1f, new films and new people


def test_from_five_ratings_on_factors_are_ahead_of_biases_in_all_five_worlds():
    for seed in range(5):
        train, test = split(planted_ratings(seed=seed)[0])
        group = np.arange(0, train.n_users, 8)
        asked = test.rows(np.isin(test.users, group))

        def error(n, rank, train=train, group=group, asked=asked):
            keep = np.ones(len(train), dtype=bool)
            for u in group:
                keep[np.flatnonzero(train.users == u)[n:]] = False
            model = fit_factors(train.rows(keep), rank, reg=4.0)
            squares = (model.predict(asked.users, asked.items) - asked.values) ** 2
            return np.mean([np.sqrt(squares[asked.users == u].mean()) for u in np.unique(asked.users)])

        assert abs(error(0, 4) - error(0, 0)) < 0.02, seed
        assert error(5, 4) < error(5, 0) - 0.01, seed
        assert error(20, 4) < error(20, 0) - 0.04, seed


def test_a_film_without_a_rating_is_helped_by_the_mean_of_its_genre(world):
    fame = world.mask.sum(axis=0)
    new = np.argsort(-fame, kind="stable")[:320:8]
    model = fit_factors(world.train.rows(~np.isin(world.train.items, new)), 4, reg=4.0)
    factors, bias = model.item_factors.copy(), model.item_bias.copy()
    for film in new:
        kin = np.setdiff1d(np.flatnonzero(world.planted.genre == world.planted.genre[film]), new)
        weight = fame[kin] / fame[kin].sum()
        factors[film], bias[film] = weight @ model.item_factors[kin], weight @ model.item_bias[kin]
    asked = world.test.rows(np.isin(world.test.items, new))
    plain = rmse(model.predict(asked.users, asked.items), asked.values)
    helped = model._replace(item_factors=factors, item_bias=bias).predict(asked.users, asked.items)
    assert round(plain, 2) == pytest.approx(0.93, abs=0.01)
    assert rmse(helped, asked.values) == pytest.approx(0.87, abs=0.01)


def test_ratings_of_a_new_film_help_as_those_of_a_new_person_do(world):
    new = np.argsort(-world.mask.sum(axis=0), kind="stable")[:320:8]

    def error(n):
        keep = np.ones(len(world.train), dtype=bool)
        for film in new:
            keep[np.flatnonzero(world.train.items == film)[n:]] = False
        asked = world.test.rows(np.isin(world.test.items, new))
        model = fit_factors(world.train.rows(keep), 4, reg=4.0)
        return rmse(model.predict(asked.users, asked.items), asked.values)

    assert error(20) < error(0) - 0.04


@pytest.fixture(scope="module")
def films():
    """New films as 7.1e launches them, with the course's answer to its exercise."""
    ids = (
        "imports",
        "constants",
        "launch",
        "judge",
        "stars-by",
        "vector-use",
        "own-code",
        "own-history",
        "goal-code",
        "hybrid-code",
        "lists-likes",
    )
    answers = {"content_vectors": find("7.1.7").solution}
    return SimpleNamespace(**define(NEW_FILM, (*ids, "lists-code"), answers, whole=("imports", "data")))


def test_no_rating_of_a_new_film_is_learnt_from_and_the_first_twenty_are_not_asked(films):
    at = films.launch(3)
    assert not np.isin(at.old.items, at.new).any()
    assert len(at.new) == 39
    for film in at.new:
        rows = np.flatnonzero(films.ratings.items == film)
        assert at.before[rows].tolist() == list(range(len(rows)))
        assert (at.asked.items == film).sum() == max(0, len(rows) - 20)
    assert not at.model.item_factors[at.new].any()


def test_the_mean_film_has_a_bias_of_minus_009_and_the_new_films_are_better_liked(films):
    at, known = films.launch(0), fit_factors(films.ratings, 0).item_bias
    assert round(float(at.model.item_bias[at.learnt].mean()), 2) == -0.09
    counts = np.bincount(films.ratings.items)
    assert (np.median(counts[at.learnt]), np.median(counts[at.new])) == (37, 61)
    assert known[counts >= 30].mean() > known[counts < 30].mean() + 0.1  # more ratings, better liked
    assert known[at.new].mean() > known[at.learnt].mean() + 0.02
    assert 38 < len(at.old) / films.ratings.n_users < 42


def test_hidden_ratings_do_not_reach_the_vectors_of_new_films(films):
    at, guess = films.launch(0), films.vectors_from_content(films.launch(0))
    same = {kind: guess[films.X[at.new, k] == 1] for k, kind in enumerate(films.kinds)}
    for rows in same.values():  # one genre, one vector: nothing else is known of these films
        np.testing.assert_allclose(rows, np.tile(rows[0], (len(rows), 1)))


def test_the_vectors_are_those_of_a_ridge_regression_of_scikit_learn(films):
    from sklearn.linear_model import Ridge

    at = films.launch(1)
    known = np.column_stack([at.model.item_factors, at.model.item_bias])[at.learnt]
    ridge = Ridge(alpha=films.REG_CONTENT).fit(films.X[at.learnt], known)
    np.testing.assert_allclose(films.vectors_from_content(at), ridge.predict(films.X[at.new]))
    mean = films.vectors_from_content(at, reg=1e12)
    np.testing.assert_allclose(mean, np.tile(known.mean(axis=0), (len(at.new), 1)), atol=1e-6)


@pytest.mark.parametrize("left", ["solve", "inv", "einsum", "vectors"])
def test_reg_on_the_whole_matrix_is_named_as_the_cause_however_it_is_solved(left):
    def content_vectors(features, vectors, new, reg):
        if len(features) != len(vectors) or features.shape[1] != new.shape[1]:
            raise ValueError(f"{features.shape}, {vectors.shape}, {new.shape}")
        A, middle = features - features.mean(axis=0), vectors.mean(axis=0)
        square = np.einsum("ni,nj->ij", A, A) if left == "einsum" else A.T @ A
        right = A.T @ (vectors if left == "vectors" else vectors - middle)
        solve = np.linalg.solve if left != "inv" else lambda matrix, side: np.linalg.inv(matrix) @ side
        return middle + (new - features.mean(axis=0)) @ solve(square + reg, right)

    with pytest.raises(WrongAnswer, match=r"(?s)cause: adds reg to every entry of the matrix.*hint 3 of 3"):
        check("7.1.7", content_vectors)


def test_pulled_to_a_goal_the_rows_solve_the_normal_equations_with_the_goal_on_the_right(films, five):
    rng = np.random.default_rng(0)
    table, Q, goal = rng.normal(size=(6, 5)), rng.normal(size=(5, 2)), rng.normal(size=(6, 2))
    table[rng.random((6, 5)) < 0.4] = np.nan
    penalty = np.array([0.3, 4.0])
    np.testing.assert_allclose(films.solve_rows(table, Q, penalty), five.solve_rows(table, Q, penalty))
    ours = films.solve_towards(table, Q, penalty, np.zeros((6, 2)))
    np.testing.assert_allclose(ours, five.solve_rows(table, Q, penalty))
    for row, p, g in zip(table, films.solve_towards(table, Q, penalty, goal), goal, strict=True):
        seen = ~np.isnan(row)
        left = Q[seen].T @ Q[seen] + np.diag(penalty)
        np.testing.assert_allclose(left @ p, Q[seen].T @ row[seen] + penalty * g)


def test_over_five_draws_five_ratings_of_a_film_reach_its_content_in_two_and_ten_in_four(films):
    five, ten, spared, own, hybrid = [], [], [], [], []
    for seed in range(5):
        at = films.launch(seed)
        guess = films.vectors_from_content(at)
        content = films.rmse(at, films.stars_by(at, guess))
        for n, reached in ((5, five), (10, ten)):
            reached.append(films.rmse(at, films.stars_by_hybrid(at, n, 0 * guess)) < content)
        hybrid.append(films.rmse(at, films.stars_by_hybrid(at, 10, guess)) < content)
        own.append(films.rmse(at, films.stars_by_own_history(at)))
        guess[:, -1] = 0  # no bias
        spared.append(films.rmse(at, films.stars_by(at, guess)))
        assert spared[-1] < content, seed
    assert (sum(five), sum(ten), sum(hybrid)) == (2, 4, 5)
    assert five[0]
    assert round(spared[0], 3) == 0.806
    assert round(float(np.mean(spared)), 3) == 0.800
    assert abs(np.mean(spared) - np.mean(own)) < 0.01


def test_the_rows_of_7_1e_differ_by_what_its_text_says():
    (cell,) = [cell for cell in read_notebook(NEW_FILM).cells if cell.id == "spread-show"]
    found = re.findall(r"^(\S.*?) +[\d.]+ +\(([\d.]+) to ([\d.]+)\)$", cell.outputs[0].text, re.MULTILINE)
    apart = {name: float(high) - float(low) for name, low, high in found}
    stars = [value for name, value in apart.items() if not name.startswith("NDCG")]
    assert (round(min(stars), 2), round(max(stars), 2)) == (0.03, 0.06)
    assert max(apart, key=apart.get) == "NDCG, content"
    assert round(apart["NDCG, content"], 2) == 0.10


def test_with_no_star_the_hybrid_is_the_content_and_in_three_more_worlds_it_leads(films):
    at = films.launch(0)
    guess = films.vectors_from_content(at)
    np.testing.assert_allclose(films.stars_by_hybrid(at, 0, guess), films.stars_by(at, guess))
    for seed in (1, 2, 3):
        ratings, planted = planted_ratings(seed=seed)
        kept = films.launch.__globals__["ratings"], films.launch.__globals__["X"]
        films.launch.__globals__.update(ratings=ratings, X=np.eye(4)[planted.genre])
        try:
            at = films.launch(seed)
            guess = films.vectors_from_content(at)
            errors = [
                films.rmse(at, stars)
                for stars in (
                    films.stars_by_hybrid(at, 5, guess),
                    films.stars_by_hybrid(at, 5, 0 * guess),
                    films.stars_by(at, guess),
                    films.stars_by(at, films.vectors_from_content(at, reg=1e12)),
                )
            ]
        finally:
            films.launch.__globals__.update(ratings=kept[0], X=kept[1])
        assert errors[0] < min(errors[1:]) - 0.01, seed
        assert errors[2] < errors[3] - 0.02, seed


# ---------------------------------------------------------------- 7.1f and 7.1g


@pytest.fixture(scope="module")
def new_reader():
    """How 7.1f folds somebody in."""
    whole = ("imports", "data", "result", "fold-stars", "fold-likes")
    return SimpleNamespace(**define(NEW_READER, ("constants",), whole=whole))


@pytest.fixture(scope="module")
def page():
    """What the page of 7.1g is made of, with the course's answer to its exercise."""
    whole = ("imports", "imports-course", "data", "models", "page-model")
    ids = (
        "constants",
        "terms-code",
        "page-given",
        "page-code",
        "page-fold",
        "page-reasons",
        "page-dimension",
    )
    keep = ("keep-names", "keep-save", "keep-words", "keep-load", "keep-function")
    space = {"mixed_list": find("7.1.6").solution}
    return SimpleNamespace(**define(PAGE, ids + keep, space, whole=whole))


def test_a_reader_without_ratings_gets_the_films_of_highest_bias_from_factors(page):
    famous, bias = page.famous, page.model.item_bias
    rows = page.suggestions(page.page, {}, 0, n=10)
    best = np.setdiff1d(famous, [])[np.argsort(-bias[np.sort(famous)], kind="stable")[:10]]
    assert [title for title, _ in rows["factors"]] == page.ratings.item_ids[best].tolist()
    for variety in (0, 0.2, 1):
        rows = page.suggestions(page.page, {}, variety, n=10)
        assert [title for title, _ in rows["implicit ALS"]] == [title for title, _ in rows["popular"]]


@pytest.mark.parametrize(
    ("stars", "says"),
    [
        ({"Golden Landr": 5.0}, r"no film 'Golden Landr'.*nearest: Golden Lander"),
        ({"Golden Lander": 6}, "Golden Lander: 6 stars; give 0.5 to 5"),
        ({"Golden Lander": -1}, "-1 stars"),
        ({"Golden Lander": float("nan")}, "nan stars"),
    ],
)
def test_what_a_reader_cannot_mean_is_refused_with_what_is_allowed(page, stars, says):
    with pytest.raises(ValueError, match=says):
        page.suggestions(page.page, stars)


def test_someone_of_the_table_folded_in_gets_the_own_vector(new_reader):
    r = new_reader
    for user in (0, 7, 31):
        np.testing.assert_allclose(r.fold_in_likes(np.flatnonzero(r.likes[user])), r.users_top[user])
    mine = r.ratings.rows(r.ratings.users == 7)
    p, bias = r.fold_in(mine.items, mine.values)
    told = r.model.predict(mine.users, mine.items)
    ours = r.model.mean + bias + r.model.item_bias[mine.items] + r.model.item_factors[mine.items] @ p
    np.testing.assert_allclose(
        np.clip(ours, 0.5, 5), told, atol=0.05
    )  # the library's last turn is the films'


def test_the_page_folds_in_as_7_1f_does_and_its_terms_are_those_of_7_1_5(page, new_reader):
    films = np.array([page.ratings.item(title) for title in page.reader])
    values = np.array(list(page.reader.values()))
    p, _ = new_reader.fold_in(films, values)
    turned = page.fold_in(page.page, films, values)
    np.testing.assert_allclose(page.dimensions @ turned, new_reader.model.item_factors @ p)
    liked, reasons = films[values >= 4], find("7.1.5").solution
    terms = page.terms_of(page.films_top, liked, page.ALPHA, page.REG_TOP)
    for film in (0, 17, 250):
        expected = reasons(page.films_top, liked, film, page.ALPHA, page.REG_TOP)
        np.testing.assert_allclose(terms[:, film], expected)
    np.testing.assert_allclose(terms.sum(axis=0), page.films_top @ new_reader.fold_in_likes(liked))


def test_the_opposite_reader_gets_less_space_and_more_love(page):
    def lean(stars, name):
        rows = page.suggestions(page.page, stars, 0, n=30)[name]
        of_each = [page.genre_of[page.ratings.item(title)] for title, _ in rows]
        return np.mean([("space" in of) - ("love" in of) for of in of_each])

    opposite = {title: 6.5 - stars if stars != 3 else 3.0 for title, stars in page.reader.items()}
    for name in ("factors", "implicit ALS"):
        assert lean(page.reader, name) > lean(opposite, name) + 0.1


def test_the_reasons_are_the_two_liked_films_with_the_largest_terms_and_every_film_shown_is_new(page):
    rows = page.suggestions(page.page, page.reader, 0.2, n=10)["implicit ALS"]
    liked = [title for title, stars in page.reader.items() if stars >= 4]
    codes, firsts = np.array([page.ratings.item(title) for title in liked]), []
    for title, why in rows:
        terms = page.terms_of(page.films_top, codes, page.ALPHA, page.REG_TOP)[:, page.ratings.item(title)]
        first, second = why.removeprefix("because you liked ").split(" and ")
        assert [first, second] == [liked[place] for place in np.argsort(-terms)[:2]]
        firsts.append(first)
    assert firsts.count("Second Meteor") == 9
    lengths = dict(zip(liked, np.linalg.norm(page.films_top[codes], axis=1).tolist(), strict=True))
    assert max(lengths, key=lengths.get) == "Second Meteor"
    assert sorted(round(length, 2) for length in lengths.values()) == [1.14, 1.2, 1.21, 1.49]
    only = page.suggestions(page.page, {"Second Meteor": 5.0})["implicit ALS"]
    assert {why for _, why in only} == {"because you liked Second Meteor"}
    assert not {title for title, _ in rows} & set(page.reader)
    assert len({title for title, _ in rows}) == 10
    assert {genre for genre in page.genres} == set(GENRES)


def test_a_liked_film_set_to_0_changes_implicit_als_most_and_factors_by_one_of_ten(page):
    def shown(stars):
        rows = page.suggestions(page.page, stars, n=10)
        return {name: {title for title, _ in row} for name, row in rows.items()}

    before, moved = shown(page.reader), {0: [], 1: []}
    for title in [title for title, stars in page.reader.items() if stars >= 4]:
        for value, changes in moved.items():
            after = shown({**page.reader, title: value})
            changes.append({name: len(after[name] - before[name]) for name in before})
    assert {change["implicit ALS"] for change in moved[0]} == {2, 3, 4}
    assert {change["factors"] for change in moved[0]} == {1}
    assert {change["factors"] for change in moved[1]} == {2, 3, 4}
    assert max(change["popular"] for change in moved[0]) <= 1
    assert max(change["popular"] for change in moved[1]) == 0


def test_a_weight_of_02_costs_at_most_0005_of_the_ndcg_in_four_more_worlds():
    mixed_list, costs = find("7.1.6").solution, []
    for seed in (1, 2, 3, 4):
        train, test = split(planted_ratings(seed=seed)[0])
        relevant = [test.items[(test.users == u) & (test.values >= 4)] for u in range(test.n_users)]
        P, Q = fit_implicit(train.rows(train.values >= 4).matrix(1.0), 4, alpha=1.0, reg=10.0)
        candidates = top_n(P @ Q.T, train.matrix(1.0), 100)
        unit = Q / np.maximum(np.linalg.norm(Q, axis=1, keepdims=True), 1e-12)
        plain, mixed = (
            [c[mixed_list(p @ Q[c].T, unit[c], 10, weight)] for p, c in zip(P, candidates, strict=True)]
            for weight in (0, 0.2)
        )
        costs.append(ranking_metrics(plain, relevant)["NDCG"] - ranking_metrics(mixed, relevant)["NDCG"])
    assert max(costs) < 0.005, costs


def test_folding_in_finds_what_training_again_finds_for_eight_readers_at_random(new_reader):
    rng = np.random.default_rng(0)
    for _ in range(8):
        liked = rng.choice(new_reader.famous, 4, replace=False)
        row = np.isin(np.arange(new_reader.ratings.n_items), liked).astype(float)
        users, films = fit_implicit(np.vstack([new_reader.likes, row]), 4, alpha=1.0, reg=10.0)
        new = np.setdiff1d(new_reader.famous, liked)
        again, folded = films @ users[-1], new_reader.films_top @ new_reader.fold_in_likes(liked)
        lists = [new[np.argsort(-score[new], kind="stable")[:10]] for score in (again, folded)]
        assert len(np.intersect1d(*lists)) == 10


def test_a_page_kept_in_a_folder_answers_as_before_and_is_refused_when_something_is_wrong(page, tmp_path):
    page.save_page(page.page, tmp_path / "mine")
    rng = np.random.default_rng(0)
    for _ in range(5):
        titles = rng.choice(page.ratings.item_ids, 6, replace=False).tolist()
        stars = dict(zip(titles, (rng.integers(0, 11, size=6) / 2).tolist(), strict=True))
        assert page.from_folder(tmp_path / "mine", stars, n=10) == page.suggestions(page.page, stars, n=10)
    with pytest.raises(ValueError, match=r"no films.safetensors and no films.json"):
        page.load_page(tmp_path / "nowhere")
    words = tmp_path / "mine" / "films.json"
    told = words.read_text(encoding="utf-8")
    words.write_text(told.replace('"Golden Lander",', ""), encoding="utf-8")
    with pytest.raises(ValueError, match="299 titles for 300 films"):
        page.load_page(tmp_path / "mine")
    for broken in ("", "[]", "{", told.replace('"sha256"', '"md5"'), told.replace('"alpha"', '"beta"')):
        words.write_text(broken, encoding="utf-8")
        with pytest.raises(ValueError, match=r"films.json is no page .*save_page"):
            page.load_page(tmp_path / "mine")
    words.write_text(told, encoding="utf-8")
    numbers = tmp_path / "mine" / "films.safetensors"
    numbers.write_bytes(numbers.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="of two different pages"):
        page.load_page(tmp_path / "mine")
    numbers.unlink()
    with pytest.raises(ValueError, match=r"has no films.safetensors: write it"):
        page.load_page(tmp_path / "mine")
