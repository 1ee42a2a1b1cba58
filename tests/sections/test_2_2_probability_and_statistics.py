"""Section 2.2: solutions agree with the libraries, other right answers pass, and what the parts say is so."""

import itertools
import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special, stats

from exercises import check, judging, texts
from exercises.ch2_math import s2_probability_and_statistics as ch
from helpers import load_data
from tools.notebooks import ENGLISH, ROOT, cells_of, define

PARTS = {
    "a": ENGLISH / "2_math/2a_bayes_and_counts.ipynb",
    "b": ENGLISH / "2_math/2b_chance_and_averages.ipynb",
    "c": ENGLISH / "2_math/2c_how_sure_is_a_count.ipynb",
    "d": ENGLISH / "2_math/2d_likelihood_and_loss.ipynb",
    "e": ENGLISH / "2_math/2e_entropy_and_codes.ipynb",
    "f": ENGLISH / "2_math/2f_calibration.ipynb",
}


def test_the_exercises_of_2_2_stand_in_one_file_in_this_order():
    assert [(number, words.title) for number, words in texts.section_words("2.2").items()] == [
        ("2.2.1", "Two checkers agree"),
        ("2.2.2", "Scaling that survives a constant column"),
        ("2.2.3", "Does a 95 % interval keep its word?"),
        ("2.2.4", "Yes or no, without overflow"),
        ("2.2.5", "Two classifiers, the same pictures"),
        ("2.2.6", "Probabilities from logits of any size"),
        ("2.2.7", "A classifier's counts"),
        ("2.2.8", "Confidence in ten bins"),
    ]


def test_two_flags_are_worth_what_counting_says():
    wrong, right = 20_000 * 81 // 100, 980_000 * 25 // 10_000  # of a million labels, flagged by both
    assert pytest.approx(wrong / (wrong + right)) == ch.BOTH_FLAG


def test_standardise_is_scikit_learns_scaler():
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    rng = np.random.default_rng(0)
    X_train, X = rng.normal(3, 2, size=(50, 4)), rng.normal(size=(7, 4))
    X_train[:, 1], X_train[:, 2] = 0.1, 7
    np.testing.assert_allclose(ch.standardise(X_train, X), scaler.fit(X_train).transform(X))


def test_coverage_is_what_a_simulation_finds():
    n, p = 30, 0.9
    right = np.arange(n + 1)
    half = 1.96 * np.sqrt(right / n * (1 - right / n) / n)
    low, high = right / n - half, right / n + half
    draws = np.random.default_rng(0).binomial(n, p, size=200_000)
    simulated = ((low <= p) & (p <= high))[draws].mean()
    assert ch.coverage(low, high, p) == pytest.approx(simulated, abs=0.004)
    assert ch.coverage(low, high, p) < 0.85  # far from the 95 % that it promises


def test_binary_cross_entropy_is_scikit_learns_log_loss():
    log_loss = pytest.importorskip("sklearn.metrics").log_loss
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=40) * 3, rng.integers(0, 2, size=40)
    assert ch.binary_cross_entropy(z, y) == pytest.approx(log_loss(y, 1 / (1 + np.exp(-z))))


def test_the_paired_standard_error_is_that_of_the_paired_t_test():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, size=(2, 60))
    error = (a.mean() - b.mean()) / stats.ttest_rel(a, b).statistic
    assert ch.paired_standard_error(a, b) == pytest.approx(error)


def standardise_in_loops(X_train, X):
    scaled = np.empty(np.shape(X), dtype=np.float32)
    for j, column in enumerate(np.transpose(X_train).astype(float)):
        sd = 1.0 if len(set(column.tolist())) == 1 else float(np.sqrt(((column - column.mean()) ** 2).mean()))
        for i in range(len(X)):
            scaled[i, j] = (float(X[i][j]) - float(column.mean())) / sd
    return scaled


def coverage_in_loops(low, high, p):
    n, total = len(low) - 1, 0
    for k in range(n + 1):
        if low[k] <= p and p <= high[k]:
            logarithm = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
            total += math.exp(logarithm + k * math.log(p) + (n - k) * math.log1p(-p))
    return np.float64(total)


def binary_cross_entropy_by_cases(z, y):
    costs = []
    for logit, answer in zip(z, y, strict=True):
        towards = logit if answer == 1 else -logit
        costs.append(
            math.log1p(math.exp(-towards)) if towards > 0 else math.log1p(math.exp(towards)) - towards
        )
    return sum(costs) / len(costs)


def paired_by_counts(right_a, right_b):
    if len(right_a) != len(right_b):
        raise ValueError("one entry a picture")
    differences = [int(x) - int(y) for x, y in zip(right_a, right_b, strict=True)]
    n, mean = len(differences), sum(differences) / len(differences)
    return math.sqrt(sum((d - mean) ** 2 for d in differences) / (n - 1) / n)


def log_softmax_in_loops(z):
    rows = np.reshape(np.asarray(z, dtype=float), (-1, np.shape(z)[-1])).tolist()
    found = []
    for row in rows:
        top = max(row)
        total = math.fsum(math.exp(one - top) for one in row)
        found.append([one - top - math.log(total) for one in row])
    return np.reshape(found, np.shape(z))


def ink_shares_by_a_product(X, y, classes):
    member = (np.arange(classes)[:, None] == y).astype(float)
    return (member @ X + 1) / (member.sum(axis=1, keepdims=True) + 2)


def reliability_in_loops(confidence, right):
    bins = {}
    for sure, is_right in zip(confidence.tolist(), right.tolist(), strict=True):
        if sure < 0 or sure > 1:
            raise ValueError(f"confidence {sure}")
        bins.setdefault(min(int(sure * 10), 9), []).append((sure, is_right))
    pairs = [np.array(bins[b], dtype=float) for b in sorted(bins)]
    means, shares = (np.array([pair[:, column].mean() for pair in pairs]) for column in (0, 1))
    return [means, shares, np.array([len(pair) for pair in pairs])]


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("2.2.1", 0.869),
        ("2.2.1", np.float32(324 / 373)),
        ("2.2.2", standardise_in_loops),
        ("2.2.3", coverage_in_loops),
        ("2.2.4", binary_cross_entropy_by_cases),
        ("2.2.5", paired_by_counts),
        ("2.2.6", log_softmax_in_loops),
        ("2.2.7", ink_shares_by_a_product),
        ("2.2.8", reliability_in_loops),
    ],
)
def test_a_right_answer_in_other_words_is_accepted(number, answer, monkeypatch, capsys):
    monkeypatch.setattr(judging, "_done", set())
    check(number, answer)
    assert capsys.readouterr().out.startswith(f"ok   {number} ")


@pytest.mark.parametrize("part", "abcdef")
def test_no_part_loads_a_framework(part):
    imports = cells_of(PARTS[part], "imports")[0].source
    code = f"import sys\n{imports}\nprint([m for m in ('torch', 'tensorflow', 'keras') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


# ---- 2.2a ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def a():
    """What 2.2a defines."""
    return SimpleNamespace(**define(PARTS["a"], ("imports", "posterior")))


def test_bayes_rule_is_what_counting_labels_and_a_simulation_find(a):
    by_rule = a.posterior([0.02, 0.98], [0.9, 0.05])[0]
    assert by_rule == pytest.approx(18 / 67)
    rng = np.random.default_rng(0)
    wrong = rng.random(100_000) < 0.02
    flagged = rng.random(100_000) < np.where(wrong, 0.9, 0.05)
    error = math.sqrt(by_rule * (1 - by_rule) / flagged.sum())
    assert abs(wrong[flagged].mean() - by_rule) < 4 * error


def test_prior_and_likelihood_in_the_wrong_order_are_refused(a):
    with pytest.raises(ValueError, match=r"adds up to 0\.95"):
        a.posterior([0.9, 0.05], [0.02, 0.98])


def test_the_second_flag_turns_18_to_49_into_324_to_49():
    assert pytest.approx(324 / (324 + 49)) == ch.BOTH_FLAG
    assert 6 < 324 / 49 < 7


@pytest.mark.parametrize(
    ("counts", "accuracy", "f1"),
    [((18, 2, 49, 931), 0.949, 0.414), ((0, 20, 0, 980), 0.980, 0.0), ((20, 0, 980, 0), 0.020, 0.039)],
)
def test_accuracy_and_f1_of_the_three_checkers_are_as_the_text_says(counts, accuracy, f1):
    metrics = pytest.importorskip("sklearn.metrics")
    labels, signs = np.repeat([[1, 1, 0, 0], [1, 0, 1, 0]], counts, axis=1)
    assert metrics.accuracy_score(labels, signs) == pytest.approx(accuracy, abs=5e-4)
    assert metrics.f1_score(labels, signs, zero_division=0) == pytest.approx(f1, abs=5e-4)


def test_of_the_first_five_zeros_none_has_ink_in_the_pixel_of_the_text_of_twenty_one_and_of_all_three(f):
    ink = f.X_train[f.y_train == 0][:, 3 * 8 + 3]
    assert [ink[:5].sum(), ink[:20].sum(), ink.sum(), len(ink)] == [0, 1, 3, 114]


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 20), (3, 114), (0, 0)])
def test_the_posterior_of_a_count_is_a_beta_distribution_with_mean_k_plus_1_of_n_plus_2(k, n):
    theta = (np.arange(1000) + 0.5) / 1000
    weights = theta**k * (1 - theta) ** (n - k)
    weights = weights / weights.sum()
    np.testing.assert_allclose(1000 * weights, stats.beta.pdf(theta, k + 1, n - k + 1), rtol=1e-3, atol=1e-9)
    assert theta @ weights == pytest.approx((k + 1) / (n + 2), rel=1e-4)


def test_eight_of_a_hundred_pictures_have_a_pixel_that_their_class_never_had(f):
    share = np.array([f.X_train[f.y_train == k].mean(axis=0) for k in range(10)])[f.y_test]
    never = (f.X_test == 1) & (share == 0) | (f.X_test == 0) & (share == 1)
    assert never.any(axis=1).mean() == pytest.approx(0.08, abs=0.005)


def test_the_classifier_of_counts_is_the_same_in_both_parts(f):
    joint = define(PARTS["a"], ("imports", "log-joint"))["log_joint"]
    theta = ch.ink_shares(f.X_train, f.y_train, 10)
    np.testing.assert_allclose(f.theta, theta)
    z = joint(f.X_test, f.log_prior, theta)
    np.testing.assert_array_equal(z, f.logits(f.X_test, f.log_prior, theta))
    assert (z.argmax(axis=1) == f.y_test).sum() == 314
    assert z.max() > -700  # e to the power of it is no zero, so that no shift is needed there


# ---- 2.2b ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def b():
    """What 2.2b defines."""
    return SimpleNamespace(**define(PARTS["b"], ("imports", "binomial", "normal", "averages")))


def test_eight_sequences_are_the_binomial_distribution_and_moments_add_up(b):
    chances = np.zeros(4)
    for story in itertools.product([0, 1], repeat=3):
        chances[sum(story)] += math.prod(0.2 if mistake else 0.8 for mistake in story)
    np.testing.assert_allclose([b.binomial(k, 3, 0.2) for k in range(4)], chances)
    np.testing.assert_allclose(chances, [0.512, 0.384, 0.096, 0.008])
    mean = np.arange(4) @ chances
    assert mean == pytest.approx(3 * 0.2)
    assert (np.arange(4) - mean) ** 2 @ chances == pytest.approx(3 * 0.16)


def test_four_times_as_many_pictures_halve_the_standard_error():
    n = (100, 400)
    spread = [(np.random.default_rng(0).binomial(one, 0.95, size=100_000) / one).std() for one in n]
    assert spread[0] == pytest.approx(math.sqrt(0.95 * 0.05 / 100), rel=0.02)
    assert spread[1] == pytest.approx(spread[0] / 2, rel=0.02)


def test_the_five_shares_of_the_funnel_end_within_four_standard_errors():
    shares = (np.random.default_rng(0).random((5, 10_000)) < 0.95).mean(axis=1)
    assert (abs(shares - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 10_000)).all()


def test_four_times_as_many_waiting_times_halve_the_distance_from_the_normal_curve():
    x = np.linspace(-4, 4, 8001)
    gaps = [np.abs(stats.gamma.cdf(n + x * math.sqrt(n), n) - stats.norm.cdf(x)).max() for n in (10, 40)]
    assert gaps[1] == pytest.approx(gaps[0] / 2, rel=0.01)


def test_at_ten_waiting_times_the_peak_of_the_averages_lies_left_of_0():
    x = np.linspace(-4, 4, 8001)
    assert -0.5 < x[stats.gamma.pdf(10 + x * math.sqrt(10), 10).argmax()] < -0.2


def test_averages_of_fifty_waiting_times_are_nearly_normal_and_single_ones_are_not(b):
    single, fifty = (stats.kstest(b.scaled_averages(n), "norm").statistic for n in (1, 50))
    assert fifty < 0.03 < 0.15 < single


# ---- 2.2c ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def c():
    """What 2.2c defines."""
    return SimpleNamespace(**define(PARTS["c"], ("imports", "interval", "wilson")))


@pytest.mark.parametrize("right", [382, 363, 0])
def test_the_interval_is_wilsons_also_at_the_ends(c, right):
    reference = stats.binomtest(right, 382).proportion_ci(method="wilson")
    np.testing.assert_allclose(c.wilson_interval(right, 382), list(reference), atol=1e-12)


def test_the_plain_interval_is_certain_after_382_of_382_where_one_in_seven_poorer_models_passes(c):
    assert c.plain_interval(382, 382) == (1, 1)
    assert pytest.approx(1 / 7, rel=0.05) == 0.995**382


def test_wilson_keeps_its_word_on_average_and_the_plain_interval_fails_near_1(c):
    k, grid = np.arange(383), np.linspace(0.8, 0.999, 300)
    plain, wilson = (
        np.array([ch.coverage(*make(k, 382), p) for p in grid])
        for make in (c.plain_interval, c.wilson_interval)
    )
    assert wilson.mean() == pytest.approx(0.95, abs=0.003)
    assert plain[-1] < 0.35
    assert ch.coverage(*c.plain_interval(k, 382), 0.99) == pytest.approx(0.89, abs=0.005)
    assert ch.coverage(*c.plain_interval(k, 382), 0.9986) == pytest.approx(0.41, abs=0.005)
    assert wilson.min() > 0.92
    assert ch.coverage(*c.wilson_interval(k, 382), 0.9986) == pytest.approx(0.90, abs=0.005)


def test_after_twenty_of_twenty_the_interval_reaches_from_0_84_to_1(c):
    assert c.wilson_interval(20, 20) == pytest.approx((0.839, 1), abs=5e-4)


# ---- 2.2d ----------------------------------------------------------------------------------------------


def test_the_most_likely_spread_has_the_variance_divided_by_n():
    data = np.array([2.0, 4.0, 9.0])
    sds = np.linspace(1, 6, 50_001)
    costs = -stats.norm.logpdf(data[:, None], 5, sds).sum(axis=0)
    assert sds[costs.argmin()] ** 2 == pytest.approx(26 / 3, rel=1e-3)
    assert data.var(ddof=1) == pytest.approx(26 / 2)


def test_a_single_prediction_is_most_likely_at_the_mean():
    y, grid = np.array([1.0, 0.0, 1.0]), np.linspace(0, 1, 3_001)
    costs = -stats.norm.logpdf(y[:, None], grid).sum(axis=0)
    assert grid[costs.argmin()] == pytest.approx(2 / 3, abs=1e-3)


def test_the_exchanged_likelihood_prefers_the_checker_that_says_nothing():
    def losses(counts):
        share = counts / counts.sum()
        seen = share > 0
        p_x, p_y = share.sum(axis=0, keepdims=True), share.sum(axis=1, keepdims=True)
        with np.errstate(all="ignore"):
            return [-(share[seen] * np.log((share / p)[seen])).sum() for p in (p_x, p_y)]

    ours, silent = losses(np.array([[18, 2], [49, 931]])), losses(np.array([[0, 20], [0, 980]]))
    assert ours == pytest.approx([0.053, 0.201], abs=5e-4)
    assert silent == pytest.approx([0.098, 0], abs=5e-4)


def test_log_softmax_is_scipys():
    z = np.random.default_rng(0).normal(size=(3, 4, 5)) * 1_000
    np.testing.assert_allclose(ch.log_softmax(z), special.log_softmax(z, axis=-1))


# ---- 2.2e ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def e():
    """What 2.2e defines."""
    return SimpleNamespace(**define(PARTS["e"], ("imports", "entropy")))


def test_bits_without_commas_give_the_message_back():
    word = dict(zip("abcd", ("0", "10", "110", "111"), strict=True))
    symbols = {bits: symbol for symbol, bits in word.items()}
    for length in (1, 2, 3, 4):
        for message in itertools.product("abcd", repeat=length):
            found, begun = [], ""
            for bit in "".join(word[symbol] for symbol in message):
                begun += bit
                if begun in symbols:
                    found.append(symbols[begun])
                    begun = ""
            assert tuple(found) == message
            assert begun == ""


def test_both_directions_of_kl_are_scipys_and_one_is_infinite(e):
    fair, heads = [0.5, 0.5], [1.0, 0.0]
    assert e.cross_entropy(heads, fair) == stats.entropy(heads, fair, base=2) == 1
    assert e.cross_entropy(fair, heads) == stats.entropy(fair, heads) == math.inf


@pytest.mark.parametrize("bad", [[0.8, 0.1, 0.9], [1.2, -0.2], [0.5, math.nan]])
def test_a_cross_entropy_of_what_is_no_distribution_is_refused(e, bad):
    good = [1 / len(bad)] * len(bad)
    for p, q in ((bad, good), (good, bad)):
        with pytest.raises(ValueError, match="no distribution"):
            e.cross_entropy(p, q)


@pytest.fixture(scope="module")
def answers():
    """Answers and costs of the two classifiers of 2.2e: split -> right (2, N), -log p (2, N)."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    pictures = {name: load_data("digits", name) for name in ("train", "val", "test")}
    flat = {name: (X.reshape(-1, 64).astype(float), y) for name, (X, y) in pictures.items()}
    models = [linear_model.LogisticRegression(C=C, max_iter=1_000).fit(*flat["train"]) for C in (1.0, 0.1)]
    found = {}
    for name in ("val", "test"):
        X, y = flat[name]
        p = np.array([model.predict_proba(X) for model in models])
        found[name] = p.argmax(axis=2) == y, -np.log(p[:, np.arange(len(y)), y])
    return found


@pytest.fixture
def two_classifiers(answers):
    return answers["test"]


def test_on_the_validation_pictures_the_two_are_level_in_accuracy_and_not_in_loss(answers):
    right, cost = answers["val"]
    assert right.mean(axis=1) == pytest.approx([0.953, 0.953], abs=5e-4)
    assert cost.mean(axis=1) == pytest.approx([0.20, 0.41], abs=5e-3)


def test_the_paired_error_is_less_than_half_that_of_two_test_sets_and_the_lead_may_be_luck(two_classifiers):
    right, _ = two_classifiers
    error = ch.paired_standard_error(*right)
    apart = math.sqrt(sum(one.var(ddof=1) / len(one) for one in right))
    assert error < apart / 2
    assert abs(right[0].mean() - right[1].mean()) < 2 * error


def test_the_lead_in_loss_is_about_eleven_standard_errors(two_classifiers):
    _, cost = two_classifiers
    gain = cost[1] - cost[0]
    assert 9 < gain.mean() / (gain.std(ddof=1) / math.sqrt(len(gain))) < 13


def test_a_label_takes_a_sixth_of_the_bits_with_the_classifier(answers):
    bits = answers["test"][1][0] / math.log(2)
    assert bits.mean() == pytest.approx(math.log2(10) / 6, rel=0.05)
    assert bits.sum() == pytest.approx(206, rel=0.02)


# ---- 2.2f ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def f():
    """What 2.2f builds up to its temperature."""
    ids, whole = ("imports", "classify", "accuracy", "ece"), ("data", "counted", "temperature")
    return SimpleNamespace(**define(PARTS["f"], ids, {"reliability": ch.reliability}, whole=whole))


def test_the_bins_are_scikit_learns(f):
    calibration = pytest.importorskip("sklearn.calibration")
    p = np.exp(f.log_softmax(f.logits(f.X_test, f.log_prior, f.theta)))
    right, confidence = p.argmax(axis=1) == f.y_test, p.max(axis=1)
    share, mean = calibration.calibration_curve(right, confidence, n_bins=10)
    means, shares, number = ch.reliability(confidence, right)
    np.testing.assert_allclose([means, shares], [mean, share])
    assert number.sum() == len(right)


def test_the_temperature_is_the_lowest_of_a_grid_and_doubles_with_the_pixels(f):
    grid = np.arange(50, 500) / 100
    assert f.temperature == pytest.approx(
        grid[np.argmin([f.loss(f.z_val / t, f.y_val) for t in grid])], abs=0.01
    )
    assert f.doubled == pytest.approx(2 * f.temperature, rel=0.01)


def test_on_the_test_pictures_themselves_a_higher_temperature_would_be_best(f):
    grid = np.arange(50, 500) / 100
    z = f.logits(f.X_test, f.log_prior, f.theta)
    assert grid[np.argmin([f.loss(z / t, f.y_test) for t in grid])] == pytest.approx(2.85, abs=0.02)


def test_gaps_of_both_signs_make_the_error_larger_than_the_difference_of_the_means(f):
    z = f.logits(f.X_test, f.log_prior, f.theta)
    p = np.exp(f.log_softmax(z))
    sure, share, number = ch.reliability(p.max(axis=1), p.argmax(axis=1) == f.y_test)
    assert (share > sure).sum() == 2
    difference = np.average(sure - share, weights=number)
    assert difference == pytest.approx(0.108, abs=5e-4)
    assert np.average(abs(sure - share), weights=number) == pytest.approx(0.134, abs=5e-4)


def test_answers_that_are_more_than_nine_tenths_sure_keep_their_word_only_afterwards(f):
    z = f.logits(f.X_test, f.log_prior, f.theta)
    for temperature, expected in ((1, (0.99, 0.90, 311)), (f.temperature, (0.98, 0.97, 211))):
        p = np.exp(f.log_softmax(z / temperature))
        last = [one[-1] for one in ch.reliability(p.max(axis=1), p.argmax(axis=1) == f.y_test)]
        assert last == pytest.approx(expected, abs=0.006)


def test_the_loss_on_test_falls_by_more_than_a_third_and_every_bar_reaches_the_diagonal(f):
    z = f.logits(f.X_test, f.log_prior, f.theta)
    assert f.loss(z / f.temperature, f.y_test) < f.loss(z, f.y_test) * 2 / 3
    p = np.exp(f.log_softmax(z / f.temperature))
    sure, share, number = ch.reliability(p.max(axis=1), p.argmax(axis=1) == f.y_test)
    low, high = f.wilson_interval(share * number, number)
    assert ((low <= sure) & (sure <= high)).all()
