"""Section 7.3: the planted worlds are what they claim, the models see what they may, exercises agree."""

import ast
import math
from types import SimpleNamespace

import numpy as np
import pytest

from exercises import WrongAnswer, check, judging, texts
from exercises.ch7_recommenders import s3_deep_recommenders as ch
from helpers import predict
from helpers.chapters import listening
from tools.notebooks import ENGLISH, cells_of, define

torch = pytest.importorskip("torch")
stats = pytest.importorskip("scipy.stats")

CELLS = {  # of each part: the cells that define what is tested here
    "3a_an_id_is_a_row": ("dot-code", "negatives-code"),
    "3b_negatives": ("hit-code", "sampled-code"),
    "3c_a_network_instead": ("ncf-torch-code", "ncf-torch-both"),
    "3d_negatives_in_training": ("logq-code",),
    "3e_histories": ("histories-code", "histories-lstm", "one-step-code", "one-step-history"),
    "3f_attention_over_histories": ("attention-code", "attention-places", "curve-pairs"),
    "3g_right_tomorrow": ("time-judge", "time-factors", "time-mf"),
    "3h_features_that_act_together": (
        "fm-code",
        "click-models-code",
        "click-models-fields",
        "click-models-deep",
        "click-models-fm",
    ),
    "3i_the_item_that_matters": ("click-models-din", "by-mean"),
}
RULE = {"follow": 0.25, "back": 0.55}


@pytest.fixture(scope="module")
def nb():
    """What the nine parts define, and the planted worlds."""
    space = {name: getattr(listening, name) for name in vars(listening) if not name.startswith("__")}
    for part, ids in CELLS.items():
        path = ENGLISH / f"7_recommenders/{part}.ipynb"
        start = {"imports", "imports-course", "constants"} & {cell.id for cell in cells_of(path)}
        define(path, ids, space, whole=start)
    return SimpleNamespace(**space, space=space)


# the planted worlds


def test_each_part_of_the_rule_alone_decides_the_genre(nb):
    taste, followed = nb.planted_plays(50, 12, 0, follow=1.0)
    genres = nb.GENRE[followed]
    assert (genres[:, 1:] == (genres[:, :-1] + 3) % nb.N_GENRES).all()
    _, returned = nb.planted_plays(50, 12, 0, back=1.0)
    genres = nb.GENRE[returned]
    assert (genres[:, nb.LAG :] == genres[:, : -nb.LAG]).all()
    assert not (genres[:, 1 : nb.LAG] == genres[:, : nb.LAG - 1]).all()
    chances = nb.next_probabilities(taste, followed)
    np.testing.assert_allclose(chances.reshape(50, 10, 10).sum(axis=1), taste)


def test_of_the_sixteen_plays_drawn_in_7_3e_nine_go_back_four_and_three_follow(nb):
    genres = nb.GENRE[nb.planted_plays(400, 24, 0, **RULE)[1][3, :16]]
    back = np.append([False] * nb.LAG, genres[nb.LAG :] == genres[: -nb.LAG])
    follow = np.append(False, genres[1:] == (genres[:-1] + 3) % nb.N_GENRES) & ~back
    assert (back.sum(), follow.sum()) == (9, 3)


def test_the_next_plays_are_drawn_with_the_chances_that_the_ceiling_uses(nb):
    taste, plays = nb.planted_plays(4_000, 9, 3, **RULE)
    chances = nb.next_probabilities(taste, plays[:, :8], **RULE)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    best = np.argsort(-chances, axis=1)[:, :10]
    expected = np.take_along_axis(chances, best, axis=1).sum(axis=1)
    hits = (best == plays[:, [8]]).any(axis=1)
    assert abs(hits.mean() - expected.mean()) < 4 * 0.5 / math.sqrt(4_000)


def test_the_same_seed_gives_the_same_plays_and_another_one_others(nb):
    first, again, other = (nb.planted_plays(20, 10, seed, **RULE)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("world", ["main", "cross", "history"])
def test_a_world_of_clicks_holds_what_its_name_says_and_nothing_else(nb, world):
    (group, item, hour, history), chance, clicked = nb.planted_clicks(world, 6_000, 0)
    logit = np.log(chance / (1 - chance))
    one_hot = np.column_stack([np.eye(size)[ids] for size, ids in ((10, group), (32, item), (6, hour))])
    pair = np.eye(10 * 16)[group * 16 + nb.KIND[item]]
    alike = (np.append(nb.KIND, -1)[history] == nb.KIND[item][:, None]).any(axis=1)
    explained = {}
    for name, extra in (("main", []), ("cross", [pair]), ("history", [alike[:, None]])):
        X = np.column_stack([one_hot, *extra])
        left = logit - X @ np.linalg.lstsq(X, logit, rcond=None)[0]
        explained[name] = np.abs(left).max() < 1e-6
    assert explained[world]
    assert world == "main" or not explained["main"]
    assert abs(clicked.mean() - chance.mean()) < 4 * 0.5 / math.sqrt(6_000)
    assert ((history != nb.EMPTY).sum(axis=1) >= 2).all()


def test_in_the_log_time_runs_forward_and_nobody_watches_a_film_twice(nb):
    users, films, times = nb.planted_log(60, 80, seed=1)
    assert (np.diff(times) >= 0).all()
    assert times[0] >= 0
    assert times[-1] <= 1
    assert len(set(zip(users.tolist(), films.tolist(), strict=True))) == len(users) > 500


# judging


def test_places_agree_with_sorting_and_ties_and_nan_count_against_the_target(nb):
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=(200, 30)), rng.integers(30, size=200)
    by_sorting = [
        list(np.argsort(-row)).index(target) + 1 for row, target in zip(scores, targets, strict=True)
    ]
    np.testing.assert_array_equal(nb.places(scores, targets), by_sorting)
    assert nb.places(np.array([[1.0, 1.0, 0.0]]), np.array([0])) == 2
    assert nb.places(np.array([[np.nan, 1.0, 0.0]]), np.array([0])) == 3
    assert nb.places(np.array([[0.5, np.nan, 0.0]]), np.array([0])) == 2


def test_sampled_places_are_those_of_a_real_sample(nb):
    rng = np.random.default_rng(0)
    real = [
        1 + (rng.permutation(49)[:10] < 19).sum() for _ in range(4_000)
    ]  # place 20 of 50: 19 others above
    drawn = nb.sampled_places(np.full(4_000, 20), 50, 10, rng)
    assert abs(np.mean(real) - drawn.mean()) < 0.12
    assert abs(np.mean(np.array(real) <= 3) - (drawn <= 3).mean()) < 0.05


def test_judge_leaves_out_what_was_watched_and_finds_the_rest(nb):
    nb.space.update(users=np.zeros(12, dtype=int), films=np.arange(12), n_films=12)
    test = np.arange(12) == 11
    assert nb.judge(test, lambda row, before: -np.arange(12)) == 1.0  # the other eleven were watched
    assert nb.judge(test, lambda row, before: np.full(12, np.nan)) == 0.0
    first_two = np.arange(12) < 2
    assert nb.judge(first_two, lambda row, before: np.arange(12)[::-1]) == 1.0


def test_popularity_and_factors_are_learned_from_the_training_rows_only(nb):
    users, films = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 2, 3])
    nb.space.update(users=users, films=films, times=np.linspace(0, 1, 6), n_users=4, n_films=4)
    train, nothing = users < 2, np.zeros(0, dtype=int)
    for method in (nb.popular, nb.factors):
        nb.space["films"] = films
        before = method(train, 0)(5, nothing)  # the user of row 5 is not met in training: what is popular
        np.testing.assert_array_equal(before, [2, 2, 0, 0])
        changed = films.copy()
        changed[4:] = 0
        nb.space["films"] = changed
        np.testing.assert_array_equal(method(train, 0)(5, nothing), before)


def test_what_is_popular_lately_counts_the_newest_training_rows_before_the_play(nb):
    films = np.repeat([0, 1], 50)
    nb.space.update(users=np.arange(100), films=films, n_users=100, n_films=2)
    training = np.arange(100) < 60
    score = nb.popular_lately(training)
    np.testing.assert_array_equal(score(99, None), [0, 6])
    np.testing.assert_array_equal(score(53, None), [3, 3])  # rows 47 to 52: nothing from row 53 on
    np.testing.assert_array_equal(score(20, None), [6, 0])
    np.testing.assert_array_equal(nb.popular(training)(20, None), [50, 10])


def test_on_nine_logs_the_factors_keep_a_fifth_to_a_half_and_are_behind_the_list(nb):
    kept = []
    for seed in range(9):
        users, films, times = nb.planted_log(seed=seed)
        nb.space.update(users=users, films=films, n_users=users.max() + 1, n_films=films.max() + 1)
        by_time, found = ch.latest_rows(times, 0.2), {}
        for split, test in (
            ("random", np.random.default_rng(seed).random(len(times)) < 0.2),
            ("time", by_time),
        ):
            found[split] = nb.judge(test, nb.factors(~test, seed))
        assert found["time"] < nb.judge(by_time, nb.popular_lately(~by_time)), seed
        kept.append(found["time"] / found["random"])
    assert 0.2 < min(kept) < 0.25
    assert 0.45 < max(kept) < 0.5
    assert all(0.24 < share < 0.35 for share in kept[:3])  # the logs of the notebook: a quarter to a third


# negatives and ids


def test_negatives_are_drawn_evenly_from_what_was_not_played(nb):
    played = np.zeros((2, 6))
    played[0, [0, 3]] = 1
    users, items, labels = nb.with_negatives(np.zeros(2_000, dtype=int), np.full(2_000, 3), played, 0, n=3)
    assert users.shape == items.shape == labels.shape == (8_000,)
    assert (items.reshape(-1, 4)[:, 0] == 3).all()
    np.testing.assert_array_equal(labels.reshape(-1, 4)[0], [1, 0, 0, 0])
    drawn = items.reshape(-1, 4)[:, 1:]
    shares = np.bincount(drawn.ravel(), minlength=6) / drawn.size
    np.testing.assert_allclose(shares, [0, 0.25, 0.25, 0, 0.25, 0.25], atol=0.03)


def test_somebody_who_has_played_everything_is_named_instead_of_looked_for_for_ever(nb):
    played = np.ones((3, 4))
    played[:2, 0] = 0
    with pytest.raises(ValueError, match="user 2 has played all 4 tracks"):
        nb.with_negatives(np.array([0, 1, 2]), np.array([1, 1, 1]), played, 0)
    users, _, _ = nb.with_negatives(np.array([0, 1]), np.array([1, 1]), played, 0)
    assert len(users) == 10


def test_the_network_alone_has_no_rows_that_meet_in_a_product(nb):
    torch.manual_seed(0)
    assert not any("product" in name for name, _ in nb.Network(5, 6).named_parameters())
    both = nb.NeuMF(5, 6)
    user, item = torch.tensor([0, 4]), torch.tensor([5, 0])
    product = both.user_product.weight[user] * both.item_product.weight[item]
    torch.testing.assert_close(both.features(user, item)[:, :8], product)


# what the models see


AGAIN = [  # a cell, and the one in another part that it repeats
    ("3c_a_network_instead", "dot-again", "3a_an_id_is_a_row", "dot-code"),
    ("3f_attention_over_histories", "histories-code", "3e_histories", "histories-code"),
    ("3f_attention_over_histories", "lstm-again", "3e_histories", "histories-lstm"),
    ("3i_the_item_that_matters", "linear-again", "3h_features_that_act_together", "click-models-code"),
    ("3i_the_item_that_matters", "fields-again", "3h_features_that_act_together", "click-models-fields"),
]


@pytest.mark.parametrize(("part", "cell", "first_part", "first_cell"), AGAIN)
def test_what_a_later_part_repeats_is_what_the_earlier_one_built(part, cell, first_part, first_cell):
    (again,) = cells_of(ENGLISH / f"7_recommenders/{part}.ipynb", cell)
    (first,) = cells_of(ENGLISH / f"7_recommenders/{first_part}.ipynb", first_cell)
    assert ast.dump(ast.parse(again.source)) == ast.dump(ast.parse(first.source))


def test_the_helper_with_negatives_draws_as_the_function_that_7_3a_builds(nb):
    played = np.zeros((5, 9))
    played[:, :3] = 1
    users, items = np.repeat(np.arange(5), 3), np.tile(np.arange(3), 5)
    for mine, theirs in zip(
        nb.with_negatives(users, items, played, 4),
        listening.with_negatives(users, items, played, 4),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(ValueError, match="user 0 has played all 9 tracks"):
        listening.with_negatives(users, items, np.ones((5, 9)), 0)


def test_rates_without_reading_are_those_of_the_three_scores_themselves(nb):
    taste, plays = nb.planted_plays(40, 23, 0, **RULE)
    rates = nb.rates_without_reading(taste, plays, RULE)
    assert list(rates) == ["popularity", "matrix factorisation", "ceiling"]
    counts = np.bincount(plays[:, :20].ravel(), minlength=nb.N_TRACKS)
    hits = [nb.hit_rate(np.tile(counts, (40, 1)), plays[:, t]) for t in (20, 21, 22)]
    assert rates["popularity"] == pytest.approx(np.mean(hits))
    chances = [nb.next_probabilities(taste, plays[:, :t], **RULE) for t in (20, 21, 22)]
    hits = [nb.hit_rate(scores, plays[:, 20 + n]) for n, scores in enumerate(chances)]
    assert rates["ceiling"] == pytest.approx(np.mean(hits))


def test_by_mean_differs_from_din_in_its_weights_only(nb):
    torch.manual_seed(0)
    (_, item, _, history), _, _ = nb.planted_clicks("history", 20, 0)
    history[0] = nb.EMPTY
    weights = nb.ByMean().attention(torch.tensor(item), torch.tensor(history))
    there = torch.tensor(history != nb.EMPTY)
    assert (weights[~there] == 0).all()
    torch.testing.assert_close(weights.sum(dim=1), there.any(dim=1).float())
    assert set(vars(nb.ByMean)) & {"__init__", "forward", "attention"} == {"attention"}


def test_read_for_is_the_loop_and_bias_by_distance_what_the_notebook_adds(nb):
    rng = np.random.default_rng(0)
    rows, history, candidate = rng.normal(size=(6, 3)), rng.integers(6, size=(4, 5)), rng.integers(5, size=4)
    for n, found in enumerate(ch.read_for(history, candidate, rows, 5)):
        loop = sum(((rows[i] @ rows[candidate[n]]) * rows[i] for i in history[n] if i != 5), np.zeros(3))
        np.testing.assert_allclose(found, loop)
    torch.manual_seed(0)
    model = nb.ByDistance()
    torch.nn.init.normal_(model.far)
    back = torch.arange(7)[:, None] - torch.arange(7)
    mask = model.far[back.clamp(min=0)].masked_fill(back < 0, -torch.inf)
    np.testing.assert_allclose(ch.bias_by_distance(model.far.detach().numpy(), 7), mask.detach(), rtol=1e-6)


def test_neumf_has_as_many_numbers_as_predicted(nb):
    assert sum(p.numel() for p in nb.NeuMF(300, 100).parameters()) == ch.N_NEUMF


@pytest.mark.parametrize("name", ["Recurrent", "ByDistance", "ByPosition"])
def test_a_reader_sees_the_past_and_not_the_future(nb, name):
    torch.manual_seed(0)
    model, plays = getattr(nb, name)(), torch.randint(0, nb.N_TRACKS, (4, nb.LENGTH))
    changed = plays.clone()
    changed[:, 7] = (changed[:, 7] + 1) % nb.N_TRACKS
    before, after = predict(model, plays), predict(model, changed)
    assert before.shape == (4, nb.N_TRACKS, nb.LENGTH)
    torch.testing.assert_close(before[..., :7], after[..., :7])
    assert all((before[..., t] - after[..., t]).abs().max() > 1e-5 for t in range(7, nb.LENGTH))


def test_positions_beyond_the_trained_rows_get_no_gradient_and_the_others_do(nb):
    torch.manual_seed(0)
    model, plays = nb.ByPosition(), torch.randint(0, nb.N_TRACKS, (4, nb.T))
    torch.nn.functional.cross_entropy(model(plays[:, :-1]), plays[:, 1:]).backward()
    assert (model.position.grad[nb.T - 1 :] == 0).all()
    assert (model.position.grad[: nb.T - 1].abs().sum(dim=1) > 0).all()


def test_a_length_of_one_makes_the_lstm_blind_to_history(nb):
    torch.manual_seed(0)
    plays, rng = np.random.default_rng(0).integers(nb.N_TRACKS, size=(6, 9)), np.random.default_rng(1)
    assert nb.changes_with_history(nb.OneStep(), plays, rng) == [0.0, 0.0]
    assert min(nb.changes_with_history(nb.Recurrent(), plays, rng)) > 1e-3


def test_pairs_are_those_of_the_double_loop(nb):
    E = torch.randn(5, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    loop = sum((E[:, a] * E[:, b]).sum(1) for a in range(6) for b in range(a))
    torch.testing.assert_close(nb.pairs(E), loop)


def test_click_models_take_an_empty_history_and_din_gives_no_weight_to_the_filling(nb):
    torch.manual_seed(0)
    (group, item, hour, history), _, _ = nb.planted_clicks("main", 20, 0)
    history[0] = nb.EMPTY
    features = [torch.tensor(part) for part in (group, item, hour, history)]
    for build in (nb.Linear, nb.WideAndDeep, nb.DeepFM, nb.DIN):
        logit = build()(*features)
        assert logit.shape == (20,)
        assert logit.isfinite().all()
    weights = nb.DIN().attention(features[1], features[3])
    assert (weights[features[3] == nb.EMPTY] == 0).all()
    assert (weights[features[3] != nb.EMPTY] != 0).all()


def test_din_reads_a_history_as_a_set_and_linear_does_not_read_it(nb):
    torch.manual_seed(0)
    features = [torch.tensor(part) for part in nb.planted_clicks("main", 20, 0)[0]]
    turned = [*features[:3], features[3].flip(1)]
    other = [*features[:3], (features[3] + 1) % (nb.EMPTY + 1)]
    din, linear = nb.DIN(), nb.Linear()
    torch.testing.assert_close(din(*features), din(*turned))
    assert (din(*features) - din(*other)).abs().max() > 1e-3
    torch.testing.assert_close(linear(*features), linear(*other))


# exercises


def test_the_exercises_of_7_3_have_their_numbers_and_titles():
    assert [(number, words.title) for number, words in texts.section_words("7.3").items()] == [
        ("7.3.1", "Which numbers move?"),
        ("7.3.2", "The hit rate of a sample"),
        ("7.3.3", "The batch as negatives"),
        ("7.3.4", "Rows that do not know the answer"),
        ("7.3.5", "The latest rows for the test"),
        ("7.3.6", "The place of the target"),
        ("7.3.7", "What a sequence of length one never trains"),
        ("7.3.8", "All pairs in one pass"),
        ("7.3.9", "Reading a history for one candidate"),
        ("7.3.10", "How many numbers has NeuMF?"),
        ("7.3.11", "A bias for each distance"),
    ]


def test_the_predicted_number_is_what_torch_changes():
    torch.manual_seed(0)
    layer = torch.nn.Embedding(1_000, 8)
    before = layer.weight.detach().clone()
    layer(torch.tensor([7, 2, 7, 9])).exp().sum().backward()
    torch.optim.SGD(layer.parameters(), lr=0.1).step()
    assert int((layer.weight != before).sum()) == ch.N_MOVED


def test_a_sequence_of_length_one_leaves_as_many_numbers_untrained_as_predicted():
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(32, 48, batch_first=True)
    lstm(torch.randn(500, 1, 32))[0].square().sum().backward()
    assert sum(int((p.grad == 0).sum()) for p in lstm.parameters()) == ch.N_UNTRAINED


def test_no_row_of_the_test_is_as_early_as_one_to_learn_from():
    rng = np.random.default_rng(0)
    for _ in range(200):
        times, share = rng.integers(0, 9, size=int(rng.integers(2, 30))), float(rng.uniform(0.05, 0.95))
        test = ch.latest_rows(times, share)
        assert test.sum() <= share * len(times)
        if test.any():
            assert times[~test].max() < times[test].min()
            earlier = times == times[~test].max()
            assert test.sum() + earlier.sum() > share * len(times)


def test_sampled_hit_rate_is_scipys_hypergeometric_and_never_below_the_full_one():
    rng = np.random.default_rng(0)
    for _ in range(300):
        n_items = int(rng.integers(2, 80))
        place, m, k = (
            int(rng.integers(1, n_items + 1)),
            int(rng.integers(0, n_items)),
            int(rng.integers(1, 12)),
        )
        expected = stats.hypergeom.cdf(k - 1, n_items - 1, place - 1, m)
        assert ch.sampled_hit_rate(place, n_items, m, k) == pytest.approx(expected, abs=1e-12)
        assert ch.sampled_hit_rate(place, n_items, m, k) >= float(place <= k) - 1e-12


def test_in_batch_loss_is_torchs_cross_entropy():
    rng = np.random.default_rng(0)
    for B in (1, 2, 7):
        scores, log_q = 3 * rng.normal(size=(B, B)), np.log(rng.random(B))
        expected = torch.nn.functional.cross_entropy(torch.tensor(scores - log_q), torch.arange(B))
        assert ch.in_batch_loss(scores, log_q) == pytest.approx(float(expected))


def test_all_pairs_is_the_double_loop():
    rng = np.random.default_rng(0)
    x, V = rng.normal(size=(5, 6)), rng.normal(size=(6, 3))
    loop = [sum(r[a] * r[b] * (V[a] @ V[b]) for a in range(6) for b in range(a)) for r in x]
    np.testing.assert_allclose(ch.all_pairs(x, V), loop)


def test_rows_never_hold_their_target_and_begin_with_the_filling():
    inputs, targets = ch.next_item_rows(list(range(10)), 4, 99)
    assert (inputs != targets[:, None]).all()
    np.testing.assert_array_equal((inputs == 99).sum(axis=1), [3, 2, 1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(inputs[:, -1], targets - 1)


def _rate_by_a_running_product(place, n_items, m, k=10):
    if place < 1 or place > n_items:
        raise ValueError(f"there is no place {place}")
    if m > n_items - 1:
        raise ValueError(f"cannot draw {m}")
    chance = [1.0]  # chance[j]: j better ones among those drawn so far
    for drawn in range(m):
        left = n_items - 1 - drawn
        better = [max(place - 1 - j, 0) / left for j in range(len(chance))]
        moved = [c * (1 - b) for c, b in zip(chance, better, strict=True)] + [0.0]
        for j, (c, b) in enumerate(zip(chance, better, strict=True)):
            moved[j + 1] += c * b
        chance = moved
    return np.float64(sum(chance[:k]))


def _rows_by_lists(history, length, pad):
    history = [int(item) for item in history]
    if len(history) < 2 or pad in history:
        raise ValueError(f"{len(history)} plays, pad {pad}")
    filled = length * [pad] + history
    rows = [filled[t : t + length] for t in range(1, len(history))]
    return [np.array(rows, dtype=np.int32), np.array(history[1:], dtype=np.int32)]


def _pairs_by_two_loops(x, V):
    each = [sum(r[a] * r[b] * (V[a] @ V[b]) for a in range(len(r)) for b in range(a)) for r in x]
    return np.array(each, dtype=float)


def _latest_from_the_end(times, share):
    if share <= 0 or share >= 1:
        raise ValueError(f"a share of {share}?")
    times, cut = np.array(times), None
    for instant in sorted(set(times.tolist()), reverse=True):
        if (times >= instant).sum() > share * len(times):
            break
        cut = instant
    return np.zeros(len(times), dtype=bool) if cut is None else times >= cut


def _read_by_loops(history, candidate, rows, empty):
    found = np.zeros((len(history), len(rows[0])))
    for n, codes in enumerate(history):
        for code in codes:
            if code != empty:
                found[n] += (
                    sum(a * b for a, b in zip(rows[code], rows[candidate[n]], strict=True)) * rows[code]
                )
    return found


def _read_with_matrices(history, candidate, rows, empty):
    rows = np.array(rows, dtype=float)  # a copy, in which the row of what is empty is zero
    wanted = rows[candidate]
    rows[empty] = 0
    return ((rows[history] @ wanted[:, :, None]) * rows[history]).sum(axis=1)


def _bias_by_lists(far, t):
    if len(far) < t:
        raise ValueError(f"t = {t} is above {len(far)}")
    rows = [[far[i - j] if j <= i else -math.inf for j in range(t)] for i in range(t)]
    return np.array(rows, dtype=float).reshape(t, t)


OTHERWISE = {
    "7.3.1": [24, np.int64(24)],
    "7.3.2": [_rate_by_a_running_product],
    "7.3.3": [
        lambda scores, log_q: torch.nn.functional.cross_entropy(
            torch.tensor(scores - log_q), torch.arange(len(log_q))
        ).item(),
        lambda scores, log_q: np.mean(
            [np.logaddexp.reduce(row - log_q) - (row - log_q)[b] for b, row in enumerate(scores)]
        ),
    ],
    "7.3.4": [_rows_by_lists, lambda h, length, pad: tuple(_rows_by_lists(h, length, pad))],
    "7.3.6": [
        lambda scores, targets: np.array(
            [
                len(row) - sum(float(other) < float(row[t]) for other in row)
                for row, t in zip(scores, targets, strict=True)
            ]
        ),
    ],
    "7.3.7": [10_848],
    "7.3.5": [_latest_from_the_end],
    "7.3.9": [_read_by_loops, _read_with_matrices],
    "7.3.10": [6_825, np.int64(6_825)],
    "7.3.11": [_bias_by_lists],
    "7.3.8": [
        lambda x, V: _pairs_by_two_loops(x.astype(float), V.astype(float)),
        lambda x, V: (
            (
                (np.einsum("na,ak->nk", x, V, dtype=float) ** 2).sum(1)
                - np.einsum("na,na,ak,ak->n", x, x, V, V, dtype=float)
            )
            / 2
        ),
    ],
}


@pytest.mark.parametrize(
    ("number", "answer"), [(number, answer) for number, answers in OTHERWISE.items() for answer in answers]
)
def test_a_right_answer_written_otherwise_is_accepted(number, answer, capsys):
    check(number, answer)
    assert capsys.readouterr().out.startswith(f"ok   {number} ")


def test_the_hint_that_fits_a_leaking_target_is_given(monkeypatch):
    monkeypatch.setattr(judging, "_shown_hints", {})
    with pytest.raises(WrongAnswer, match="Which plays belong to the row"):
        check("7.3.4", ch.puts_the_target_into_its_input)
