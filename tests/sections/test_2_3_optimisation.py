"""Section 2.3: its optimisers walk with the libraries', its solutions are right, what its text says is so."""

import math
from contextlib import redirect_stdout
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt

from exercises.ch2_math import s3_optimisation as ch
from helpers.chapters import descent, logistic
from helpers.chapters.descent import descend, fewest_steps, gd, momentum, newton, ravine, valley
from tools.notebooks import ENGLISH, define

PART_A = ENGLISH / "2_math" / "3a_slopes_and_descent.ipynb"
PART_B = ENGLISH / "2_math" / "3b_valleys_and_momentum.ipynb"
PART_C = ENGLISH / "2_math" / "3c_mini_batches.ipynb"
PART_D = ENGLISH / "2_math" / "3d_schedules_and_a_proof.ipynb"
PART_E = ENGLISH / "2_math" / "3e_a_rate_for_each_weight.ipynb"
PART_F = ENGLISH / "2_math" / "3f_the_race.ipynb"
PART_G = ENGLISH / "2_math" / "3g_newton_and_sure_gains.ipynb"
START = np.array([-1.0, 2.0])
nesterov = partial(momentum, ahead=True)


@pytest.fixture(scope="module")
def part_a():
    pytest.importorskip("torch")
    ids = ("imports", "constants", "valley", "valley-gradient", "chain-code", "minus-wrong", "descend")
    return SimpleNamespace(**define(PART_A, ids, whole=("flowers",)))


@pytest.fixture(scope="module")
def part_b():
    pytest.importorskip("torch")
    return SimpleNamespace(**define(PART_B, ("imports", "constants", "momentum", "kappa-gd", "flats")))


@pytest.fixture(scope="module")
def part_c():
    pytest.importorskip("torch")
    ids = ("imports", "constants", "model", "noise", "sizes")
    return SimpleNamespace(**define(PART_C, ids, whole=("data",)))


@pytest.fixture(scope="module")
def part_d():
    ids, whole = ("imports", "constants", "cosine", "stream"), ("schedule", "bound-flowers", "bound-best")
    with redirect_stdout(None):
        known = define(PART_D, (*ids, "bound-walks"), whole=(*whole, "bound-walks"))
    return SimpleNamespace(**known)


@pytest.fixture(scope="module")
def part_e():
    pytest.importorskip("torch")
    ids = (
        "imports",
        "constants",
        "adagrad",
        "rare-shares",
        "rare-learn",
        "rare-clocks",
        "rare-best",
    )
    return SimpleNamespace(**define(PART_E, (*ids, "rmsprop", "adam"), {"adam_step": ch.adam_step}))


@pytest.fixture(scope="module")
def part_f():
    pytest.importorskip("torch")
    ids, whole = ("imports", "constants", "net", "net-train"), ("data", "net-slope", "net-starts")
    return SimpleNamespace(**define(PART_F, ids, whole=whole))


@pytest.fixture(scope="module")
def part_g():
    return SimpleNamespace(**define(PART_G, ("imports", "constants", "hessian"), whole=("data", "sure-run")))


def valley_gradient(theta):
    x, y = theta
    return np.array([-2 * (1 - x) - 40 * x * (y - x**2), 20 * (y - x**2)])


# ---------------------------------------------------------------- slopes


def test_no_direction_lowers_the_loss_more_than_the_one_against_the_gradient():
    angles = np.radians(np.arange(360))
    compass = 1e-4 * np.array([np.cos(angles), np.sin(angles)])
    change, g = valley(START[:, None] + compass) - valley(START), valley_gradient(START)
    np.testing.assert_allclose(change, g @ compass, rtol=0, atol=1e-6)
    best = compass[:, change.argmin()]
    assert -(best @ g) / (np.linalg.norm(best) * np.linalg.norm(g)) > math.cos(math.radians(1))


def test_the_error_of_the_tangent_falls_with_the_square_of_the_step():
    errors = [(2 + h) ** 3 - (8 + 12 * h) for h in (0.1, 0.01, 0.001)]
    assert errors == pytest.approx([0.061, 0.000601, 0.000006001])


def test_one_minus_goes_down_and_a_second_one_climbs(part_a):
    before = part_a.unit_loss(0.5, -1.0)
    after = []
    for slopes in (part_a.unit_gradient(0.5, -1.0), part_a.with_a_minus(0.5, -1.0)):
        after.append(part_a.unit_loss(*(v - 0.1 * s for v, s in zip((0.5, -1.0), slopes, strict=True))))
    assert after[0] < before < after[1]


def test_the_second_derivatives_at_the_minimum_are_those_of_the_text():
    h = 1e-5
    columns = [
        (valley_gradient(np.ones(2) + h * e) - valley_gradient(np.ones(2) - h * e)) / (2 * h)
        for e in np.eye(2)
    ]
    np.testing.assert_allclose(columns, [[82, -40], [-40, 20]], rtol=1e-6)
    flat, steep = np.linalg.eigvalsh([[82, -40], [-40, 20]])
    assert round(flat, 2) == 0.39
    assert 0.0075 < flat * 2 / steep < 0.0085  # no safe rate leaves less than 0.992 of the distance
    assert round(1 - 0.005 * flat, 3) == 0.998


# ---------------------------------------------------------------- descent and momentum


def test_what_the_parts_after_import_is_what_2_3a_and_b_write(part_a, part_b):
    for theirs, ours in (
        (part_a.gd(0.005), gd(0.005)),
        (part_b.momentum(0.005), momentum(0.005)),
        (part_b.momentum(0.005, 0.8, ahead=True), momentum(0.005, 0.8, ahead=True)),
    ):
        path = part_a.descend(part_a.valley_gradient, START, theirs, 60)
        np.testing.assert_array_equal(path, descend(valley_gradient, START, ours, 60))
    points = np.random.default_rng(0).normal(size=(2, 5))
    np.testing.assert_array_equal(part_a.valley(points), valley(points))


def test_what_the_parts_after_import_is_what_2_3c_and_e_write(part_c, part_e):
    for name in ("adagrad", "rmsprop", "adam"):
        theirs, ours = getattr(part_e, name)(0.05), getattr(descent, name)(0.05)
        path = descend(valley_gradient, START, theirs, 60)
        np.testing.assert_allclose(path, descend(valley_gradient, START, ours, 60), rtol=1e-12)
    X, y, W = part_c.X, part_c.y, np.random.default_rng(0).normal(0, 0.3, (65, 10))
    for theirs, ours in zip(part_c.rows("train"), logistic.digit_rows("train"), strict=True):
        np.testing.assert_array_equal(theirs, ours)
    np.testing.assert_array_equal(part_c.probabilities(W, X), logistic.probabilities(W, X))
    assert part_c.loss(W, X, y) == logistic.loss(W, X, y, part_c.PENALTY)
    np.testing.assert_array_equal(part_c.slope(W, X, y), logistic.slope(W, X, y, part_c.PENALTY))
    theirs, ours = part_c.batch_slope(X, 16, 3), logistic.batch_slope(X, y, part_c.PENALTY, 16, 3)
    for _ in range(2):
        np.testing.assert_array_equal(theirs(W), ours(W))


def test_ten_times_the_condition_number_costs_ten_times_the_steps_and_with_momentum_its_root(part_b):
    by_gd = {kappa: part_b.ravine_steps(kappa, gd(2 / (1 + kappa)), 8 * kappa) for kappa in (10, 100, 1000)}
    assert by_gd == {10: 69, 100: 691, 1000: 6908}
    root = math.sqrt(1000)
    best = momentum(4 / (root + 1) ** 2, ((root - 1) / (root + 1)) ** 2)
    assert part_b.ravine_steps(1000, best, 500) == 315


@pytest.mark.parametrize("r", [0.5, -0.5, 0.968])
def test_two_standardised_columns_keep_the_condition_number_of_their_correlation_whatever_its_sign(part_b, r):
    rng = np.random.default_rng(0)
    first, second = np.linalg.qr(rng.normal(size=(50, 3)) - 0)[0].T[:2]
    X = np.c_[first, r * first + math.sqrt(1 - r * r) * second] * math.sqrt(50)
    assert part_b.kappa_of(X) == pytest.approx((1 + abs(r)) / (1 - abs(r)))


def test_with_three_columns_the_correlations_of_pairs_do_not_give_the_condition_number(part_b):
    C = np.full((3, 3), 0.5) + 0.5 * np.eye(3)
    X = np.linalg.cholesky(C).T * math.sqrt(3)
    assert part_b.kappa_of(X) == pytest.approx(4)
    assert (1 + 0.5) / (1 - 0.5) == 3


def test_on_a_bowl_that_is_not_quadratic_polyaks_best_values_go_round_in_circles():
    def slope(theta):
        return np.select([theta < 1, theta < 2], [25 * theta, theta + 24], 25 * theta - 24)

    for joint in (1.0, 2.0):  # the slope has no jump, so that the function is smooth and convex
        assert slope(np.array(joint - 1e-9)) == pytest.approx(slope(np.array(joint)), abs=1e-6)
    path = descend(slope, 3.3, momentum(1 / 9, 4 / 9), 100)
    np.testing.assert_allclose(path[-3:], path[-6:-3])
    assert np.abs(path[-3:]).min() > 0.5
    assert abs(descend(slope, 3.3, gd(2 / 26), 200)[-1]) < 1e-5
    for start in (0.5, 3.3):  # on the quadratic itself it arrives
        quadratic = descend(lambda theta: np.array([1, 25]) * theta, [start, 1], momentum(1 / 9, 4 / 9), 200)
        assert np.abs(quadratic[-1]).max() < 1e-9


def test_from_the_two_sides_descent_ends_in_two_wells_of_different_depth():
    axes = descent.draw_wells((-1.5, 1.5))
    stars = axes[1].lines[-1].get_xdata()
    np.testing.assert_allclose(stars, [-1.036, 0.960], atol=1e-3)
    np.testing.assert_allclose(4 * stars * (stars**2 - 1) + 0.3, 0, atol=1e-6)
    plt.close("all")


def test_fewest_steps_takes_the_loss_of_one_place_however_it_is_written():
    A = np.diag([1.0, 9.0])
    gradient, start = (lambda p: A @ p), [2, 1]
    written = (lambda p: p @ A @ p / 2), (lambda p: (p[0] ** 2 + 9 * p[1] ** 2) / 2)
    assert len({fewest_steps(momentum, gradient, start, loss) for loss in (*written, ravine(0, 9)[2])}) == 1


def test_in_the_bent_valley_a_memory_of_about_nine_tenths_is_best_and_near_one_overshoots():
    betas = np.arange(0, 0.991, 0.01)
    ends = [valley(descend(valley_gradient, START, momentum(0.005, beta), 60)[-1]) for beta in betas]
    assert 0.85 <= betas[np.argmin(ends)] <= 0.93
    assert min(ends[97:]) > 0.5 > 0.05 > ends[90]
    assert valley(descend(valley_gradient, START, gd(0.005), 60)[-1]) == ends[0] > 4


def test_the_worked_example_of_2_3_3_counts_as_it_says():
    round_bowl = {
        name: fewest_steps(o, *ravine(0, 1)) for name, o in (("gd", gd), ("m", momentum), ("n", nesterov))
    }
    assert round_bowl == {"gd": 1, "m": 79, "n": 2}
    narrow = {
        name: fewest_steps(o, *ravine(0, 1000)) for name, o in (("gd", gd), ("m", momentum), ("n", nesterov))
    }
    assert narrow == {"gd": math.inf, "m": 103, "n": 177}
    in_valley = [fewest_steps(o, valley_gradient, START, valley) for o in (gd, momentum, nesterov)]
    assert in_valley == [352, 85, 68]


def test_turning_a_ravine_turns_the_path_of_momentum_and_costs_a_rate_per_weight_its_lead(part_e):
    counts = {
        optimiser: [fewest_steps(optimiser, *ravine(angle, 1000)) for angle in (0, 45)]
        for optimiser in (momentum, part_e.adagrad, part_e.rmsprop, part_e.adam)
    }
    assert counts[momentum] == [103, 103]
    assert counts[part_e.adagrad] == [3, math.inf]
    assert counts[part_e.rmsprop] == [8, math.inf]
    along, turned = counts[part_e.adam]
    assert turned > 2 * along
    assert along == fewest_steps(part_e.adam, *ravine(0, 1)) == 78  # no ravine here: it is the momentum


def test_steps_until_wants_the_values_to_stay_low_and_takes_nan_for_high():
    assert descent.steps_until([8, 1, 5, 1, 1], 0.5) == 3
    assert descent.steps_until([8, 1, 5], 0.5) == math.inf
    assert descent.steps_until([8, 1, np.nan], 0.5) == math.inf


# ---------------------------------------------------------------- batches and schedules


def test_at_a_constant_rate_the_noise_that_stays_is_as_predicted(part_d):
    stream = np.random.default_rng(0).normal(3, 1, 30_000)
    for rate in (0.3, 0.1, 0.03):
        path = part_d.follow(stream, lambda t, rate=rate: rate)
        assert path[1000:].var() == pytest.approx(rate / (2 - rate), rel=0.1)


def test_the_shape_of_the_schedule_hardly_matters_and_any_ends_lower_than_none(part_c, part_d):
    def line(rate, steps):
        rates = iter(np.linspace(rate, 0, steps, endpoint=False))
        return lambda theta, g: theta - next(rates) * g

    shares = []
    for seed in (0, 1, 2, 12, 15):
        ends = [
            part_c.loss(
                descend(part_c.batch_slope(part_c.X, 8, seed), part_c.ZERO, update, 2_000)[-1],
                part_c.X,
                part_c.y,
            )
            for update in (gd(3), part_d.gd_falling(3, 2_000), line(3, 2_000))
        ]
        shares.append(ends[1] / ends[0])
        assert 0.95 < ends[1] / ends[2] < 1.05
    assert max(shares) < 0.81  # about a fifth or more
    assert min(shares) < 0.3  # seed 12 stops high


def test_a_batch_is_drawn_afresh_at_each_call_and_right_on_average(part_c):
    W = np.zeros((65, 10))
    draw = part_c.batch_slope(part_c.X, 64, seed=3)
    drawn = np.array([draw(W) for _ in range(400)])
    assert not np.array_equal(drawn[0], drawn[1])
    true = part_c.slope(W, part_c.X, part_c.y)
    assert np.linalg.norm(drawn.mean(axis=0) - true) < 0.1 * np.linalg.norm(drawn[0] - true)


# ---------------------------------------------------------------- the promise of SGD


def test_the_flowers_of_the_helpers_are_those_of_2_3a(part_a):
    for ours, theirs in zip(logistic.petals(), (part_a.petal, part_a.kind), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_below_8_a_rate_is_safe_for_the_flowers_and_4_lowers_the_loss_at_every_step(part_a):
    x = part_a.petal
    assert np.mean(x**2) == pytest.approx(0.67, abs=0.005)
    for w, b in np.random.default_rng(0).normal(0, 3, (50, 2)):
        p = 1 / (1 + np.exp(-(w * x + b)))
        columns = np.array([x, np.ones_like(x)])
        assert np.linalg.eigvalsh((p * (1 - p) * columns) @ columns.T / len(x))[-1] <= 0.25 + 1e-12


def test_the_promise_is_met_exactly_by_the_size_of_a_number_and_by_nothing_smaller():
    for steps in (1, 4, 10):
        rates = np.full(steps, 1 / steps)
        path = descend(np.sign, 1.0, gd(1 / steps), steps)
        assert np.abs(path[:-1]).mean() == pytest.approx(ch.sgd_bound(rates, 1.0, 1.0))


def test_after_twice_the_steps_the_size_of_a_number_is_better_than_promised():
    path = descend(np.sign, 1.0, gd(0.25), 8)
    assert np.abs(path[:-1]).mean() == 0.3125
    assert ch.sgd_bound(np.full(8, 0.25), 1.0, 1.0) == 0.375


@pytest.mark.parametrize("name", ["constant 0.3", "3 / √t"])
def test_with_slopes_that_are_mostly_noise_the_promise_is_met_too(name):
    # |θ| with slopes sign θ + 3 z: L² = 10, and step 3 of the proof is an equality
    t = np.arange(1, 1_001)
    rates = {"constant 0.3": np.full(1_000, 0.3), "3 / √t": 3 / np.sqrt(t)}[name]
    for seed in range(3):
        rng, theta, losses = np.random.default_rng(seed), np.ones(400), []
        for rate in rates:
            losses.append(np.abs(theta).mean())
            theta = theta - rate * (np.sign(theta) + 3 * rng.normal(size=400))
        promise = ch.sgd_bound(rates, 1.0, math.sqrt(10))
        assert np.average(losses, weights=rates) == pytest.approx(promise, rel=0.05)


def test_the_best_constant_rate_is_that_of_the_text_and_four_times_the_steps_halve_its_promise():
    tried = np.linspace(0.01, 0.5, 491)
    promises = [ch.sgd_bound(np.full(400, rate), 6.0, 3.0) for rate in tried]
    assert tried[np.argmin(promises)] == pytest.approx(ch.BEST_RATE)
    assert min(promises) == pytest.approx(0.9)
    assert ch.sgd_bound(np.full(1_600, 0.05), 6.0, 3.0) == pytest.approx(0.45)
    for steps in (10**3, 10**5, 10**7):  # the sums of 1 / √t and of 1 / t: 2 √T and log T, but for a constant
        t = np.arange(1, steps + 1)
        assert abs(np.sum(1 / np.sqrt(t)) - 2 * math.sqrt(steps)) < 2
        assert 0 < np.sum(1 / t) - math.log(steps) < 1


def test_with_other_draws_the_flowers_keep_the_promise_and_the_last_place_has_a_floor(part_d):
    t = np.arange(1, 10_001)
    for seed in (2, 3, 4):
        ends = {}
        for name, rates in (("constant", np.full(len(t), 0.3)), ("falling", 3 / np.sqrt(t))):
            rng, theta, total = np.random.default_rng(seed), np.zeros((2, 20)), 0.0
            for rate in rates:
                total, drawn = total + rate * theta, rng.integers(100, size=20)
                theta = theta - rate * part_d.flower_slope(theta, part_d.petal[drawn], part_d.kind[drawn])
            places = total / rates.sum(), theta
            ends[name] = [(part_d.flower_loss(p) - part_d.flower_loss(part_d.best)).mean() for p in places]
            assert ends[name][0] < ch.sgd_bound(rates, part_d.r, part_d.L) / 10
        assert ends["falling"][1] < ends["constant"][1]
        assert ends["falling"][1] < ends["falling"][0]
        assert 0.002 < ends["constant"][1] < 0.01
        assert ends["constant"][0] < ends["constant"][1] / 4


def test_where_the_flowers_are_better_than_promised_at_the_constant_rate(part_d):
    rng, theta, best = np.random.default_rng(1), np.zeros((2, 20)), part_d.best[:, None]
    squares, along, gaps, places = [], [], [], []
    for _ in range(10_000):
        drawn = rng.integers(100, size=20)
        g = part_d.flower_slope(theta, part_d.petal[drawn], part_d.kind[drawn])
        true = part_d.flower_slope(theta[..., None], part_d.petal, part_d.kind).mean(axis=-1)
        squares.append(np.mean(np.sum(g * g, axis=0)))
        along.append(np.mean(np.sum(true * (theta - best), axis=0)))
        gaps.append(np.mean(part_d.flower_loss(theta) - part_d.flower_loss(part_d.best)))
        places.append(theta)
        theta = theta - 0.3 * g
    rates, mean_place = np.full(10_000, 0.3), np.mean(places, axis=0)
    promised = ch.sgd_bound(rates, part_d.r, part_d.L)
    shorter = ch.sgd_bound(rates, part_d.r, math.sqrt(np.mean(squares)))
    assert round(np.mean(squares), 3) == 0.055
    assert round(promised / shorter) == 12
    assert shorter == pytest.approx(np.mean(along), rel=0.02)  # steps 2 and 5 give hardly anything away
    assert round(np.mean(along) / np.mean(gaps)) == 3
    averaged = np.mean(part_d.flower_loss(mean_place) - part_d.flower_loss(part_d.best))
    assert round(np.mean(gaps) / averaged) == 25
    assert round(promised / averaged) == 854


def test_the_promise_of_the_cosine_is_a_quarter_lower_and_has_a_floor(part_d):
    for steps in (2_000, 20_000, 200_000):
        falling = ch.sgd_bound(part_d.cosine(3, np.arange(steps), steps), 1.0, 1.0)
        assert falling / ch.sgd_bound(np.full(steps, 3.0), 1.0, 1.0) == pytest.approx(0.75, abs=0.001)
        assert 1.12 < falling < 1.13


def test_momentum_on_all_digits_settles_at_the_lowest_loss(part_c):
    X, y = part_c.X, part_c.y
    path = descend(lambda W: part_c.slope(W, X, y), part_c.ZERO, momentum(2, beta=0.95), 400)
    assert [round(part_c.loss(path[k], X, y), 4) for k in (300, 400)] == [0.1230, 0.1230]


def test_the_minimum_of_the_flowers_is_that_of_scipy(part_d):
    from scipy import optimize

    found = optimize.minimize(part_d.flower_loss, [0.0, 0.0], tol=1e-12)
    np.testing.assert_allclose(part_d.best, found.x, rtol=1e-3)
    assert part_d.flower_loss(part_d.best) <= found.fun + 1e-12


def test_the_rates_of_2_3c_are_the_best_of_four_and_batches_beyond_64_save_few_steps(part_c):
    X, y = part_c.X, part_c.y
    for size, best in part_c.RATES.items():
        ends = {}
        for rate in (0.3, 1.0, 3.0, 6.0):
            draw = part_c.batch_slope(X, size) if size < len(X) else lambda W: part_c.slope(W, X, y)
            path = descend(draw, part_c.ZERO, gd(rate), 20 * (len(X) // size))
            ends[rate] = part_c.loss(path[-1], X, y)
        assert min(ends, key=ends.get) == best
    few = [min(part_c.steps_needed(size, rate) for rate in (3.0, 6.0)) for size in (64, 1024)]
    assert few[1] > few[0] / 2


# ---------------------------------------------------------------- a rate for each weight


def test_adam_without_momentum_and_correction_is_rmsprop_and_a_factor_of_the_loss_divides_out(part_e):
    def bare(rate):
        v, huge = 0.0, 10**9

        def update(theta, g):
            nonlocal v
            step, _, v = ch.adam_step(g, 0.0, v, huge, rate, beta1=0)
            return theta + step

        return update

    path = descend(valley_gradient, START, bare(0.01), 100)
    np.testing.assert_allclose(path, descend(valley_gradient, START, part_e.rmsprop(0.01, rho=0.999), 100))
    steep = descend(lambda theta: 1000 * valley_gradient(theta), START, part_e.adam(0.01), 100)
    np.testing.assert_allclose(steep, descend(valley_gradient, START, part_e.adam(0.01), 100), rtol=1e-5)
    with np.errstate(all="ignore"):
        lost = descend(lambda theta: 1000 * valley_gradient(theta), START, momentum(0.001), 20)
    assert not np.abs(lost[-1]).max() < 1e6
    assert np.abs(descend(valley_gradient, START, momentum(0.001), 100)).max() < 3


def test_in_ten_draws_of_the_units_a_rate_per_weight_ends_lower_by_what_the_text_says(part_c, part_e):
    X, X_val, y_val = part_c.X, part_c.X_val, part_c.y_val
    per_weight = part_e.adagrad, part_e.rmsprop, part_e.adam

    def lowest(units, optimiser):
        paths = (
            descend(part_c.batch_slope(X * units, 64), part_c.ZERO, optimiser(10.0**k), 360)
            for k in (-2, -1.5, -1, -0.5, 0)
        )
        with np.errstate(all="ignore"):
            return min(part_c.loss(path[-1], X_val * units, y_val, 0) for path in paths)

    leads = []
    for seed in range(10):
        units = np.r_[10 ** np.random.default_rng(seed).uniform(-1, 1, 64), 1]
        one_rate = min(lowest(units, optimiser) for optimiser in (gd, momentum))
        leads.append(1 - max(lowest(units, optimiser) for optimiser in per_weight) / one_rate)
    assert [min(leads), max(leads)] == pytest.approx([0.13, 0.41], abs=0.03)
    assert leads[0] == pytest.approx(0.35, abs=0.03)  # the units of the text


def test_without_the_correction_adams_first_steps_are_too_long(part_e):
    t = np.arange(1, 6001)
    lengths = -np.diff(descend(np.ones_like, 0.0, part_e.adam(1.0, correct=False), 6000))
    np.testing.assert_allclose(lengths, (1 - 0.9**t) / np.sqrt(1 - 0.999**t), rtol=1e-4)
    assert 10 <= lengths.argmax() + 1 <= 14
    assert lengths.max() > 6
    assert lengths[:100].min() > 3
    assert lengths[999] > 1.25


def torch_path(make, steps=100):
    torch = pytest.importorskip("torch")
    theta = torch.tensor(START, requires_grad=True)
    optimiser, path = make(torch.optim, [theta]), [START]
    for _ in range(steps):
        theta.grad = torch.from_numpy(valley_gradient(path[-1]))
        optimiser.step()
        path.append(theta.detach().numpy().copy())
    return np.array(path)


def test_each_optimiser_walks_with_torch(part_e):
    for ours, theirs in (
        (gd(0.01), lambda optim, p: optim.SGD(p, 0.01)),
        (momentum(0.01), lambda optim, p: optim.SGD(p, 0.01, momentum=0.9)),
        (nesterov(0.01), lambda optim, p: optim.SGD(p, 0.01, momentum=0.9, nesterov=True)),
        (part_e.adagrad(0.01), lambda optim, p: optim.Adagrad(p, 0.01)),
        (part_e.rmsprop(0.01), lambda optim, p: optim.RMSprop(p, 0.01)),
        (part_e.adam(0.01), lambda optim, p: optim.Adam(p, 0.01)),
    ):
        mine = descend(valley_gradient, START, ours, 100)
        np.testing.assert_allclose(mine, torch_path(theirs), rtol=0, atol=1e-9)


# ---------------------------------------------------------------- rare words


def test_the_rarest_words_are_learnt_best_by_adagrad_and_its_root_makes_seven_of_fifty(part_e):
    shares = part_e.SHARES
    assert shares.max() / shares.min() == pytest.approx(50)
    errors = {
        name: np.mean([part_e.learn(shares, make(), seed)[1] for seed in range(5)], axis=0)
        for name, make in (
            ("one", lambda: gd(10**-0.5)),
            ("clock", lambda: part_e.one_clock(10**0.5)),
            ("adagrad", lambda: part_e.adagrad(1.0)),
        )
    }
    for each in errors.values():
        assert each[-10:].mean() > each[:10].mean()
    rarest = {name: each[-10:].mean() for name, each in errors.items()}
    assert rarest["adagrad"] < 0.8 * min(rarest["one"], rarest["clock"])
    rng = np.random.default_rng(0)
    true = rng.choice([-2.0, 2.0], size=50)
    X, p = part_e.reviews(shares, true, rng)
    squares, w, update = 0.0, np.zeros(50), part_e.adagrad(1.0)
    for x, good in zip(X, rng.random(len(X)) < p, strict=True):
        g = (part_e.sigma(x @ w) - good) * x
        squares, w = squares + g**2, update(w, g)
    roots = np.sqrt(squares)
    assert 5.5 < roots[:5].mean() / roots[-5:].mean() < 9


def test_in_other_planted_sets_the_four_rivals_come_in_the_order_of_the_text(part_e):
    rivals = (
        (part_e.one_clock, 10**0.75, 10**0.75),
        (part_e.adagrad, 1.0, 10**-0.25),
        (part_e.own_clocks, 10**0.25, 10**0.25),
    )  # at the best rates: rare and frequent words, equally frequent ones
    alike = np.full(50, part_e.SHARES.mean())
    for first in (5, 10, 15):
        seeds = range(first, first + 5)
        rare = [[part_e.learn(part_e.SHARES, new(rate), s)[0] for s in seeds] for new, rate, _ in rivals]
        assert np.less(rare[1], rare[0]).all()
        assert np.mean(rare[1]) < 0.85 * np.mean(rare[0])
        assert np.mean(rare[2]) < 0.95 * np.mean(rare[1])
        one, root, own = (
            np.mean([part_e.learn(alike, new(rate), s)[0] for s in seeds]) for new, _, rate in rivals
        )
        assert one < own < root


def test_weights_with_clocks_of_their_own_end_three_tenths_too_small_on_average(part_e):
    for first in (0, 5):
        factors = []
        for seed in range(first, first + 5):
            rng = np.random.default_rng(seed)
            true = rng.choice([-2.0, 2.0], size=50)
            X, p = part_e.reviews(part_e.SHARES, true, rng)
            w, update = np.zeros(50), part_e.own_clocks(10**0.25)
            for x, good in zip(X, rng.random(len(X)) < p, strict=True):
                w = update(w, (part_e.sigma(x @ w) - good) * x)
            factors.append(w @ true / (true @ true))
        assert np.mean(factors) == pytest.approx(0.7, abs=0.05)
        assert max(factors) < 0.9


def test_a_clock_of_its_own_counts_only_the_steps_with_a_slope(part_e):
    three = iter(np.array([[1, 0], [1, 0], [1, 2]]))
    steps = -np.diff(descend(lambda theta: next(three), [0, 0], part_e.own_clocks(1.0), 3), axis=0)
    np.testing.assert_allclose(steps, [[1, 0], [2**-0.5, 0], [3**-0.5, 2]])


def test_the_excess_loss_is_the_mean_divergence_of_the_predicted_from_the_true_probabilities(part_e):
    z, true = np.array([-3.0, 0.5, 2.0]), np.array([1.0, 0.5, -1.0])
    p, q = part_e.sigma(true), part_e.sigma(z)
    np.testing.assert_allclose(q, 1 / (1 + np.exp(-z)))
    divergence = np.mean(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))
    assert part_e.cost(z, p) - part_e.cost(true, p) == pytest.approx(divergence)


# ---------------------------------------------------------------- what a step surely gains


def test_no_curvature_of_the_digits_is_above_the_bound_of_the_text(part_g):
    for seed, size in ((0, 0.0), (1, 0.3), (2, 3.0)):
        W = np.random.default_rng(seed).normal(0, 1, (65, 10)) * size
        assert np.linalg.eigvalsh(part_g.hessian(W))[-1] <= part_g.a
    halves = np.array([0.5, 0.5] + [0.0] * 8)
    assert np.linalg.eigvalsh(np.diag(halves) - np.outer(halves, halves))[-1] == pytest.approx(0.5)
    for p in np.random.default_rng(0).dirichlet(np.ones(10) / 3, size=200):
        assert np.linalg.eigvalsh(np.diag(p) - np.outer(p, p))[-1] <= 0.5 + 1e-12


def test_a_step_at_one_over_the_bound_gains_what_is_promised_from_any_start_and_at_twenty_not(part_g):
    for seed in range(3):
        start = np.random.default_rng(seed).normal(0, 1, (65, 10))
        path = descend(part_g.slope_of_all, start, gd(1 / part_g.a), 20)
        gained, promised = part_g.gains(path, 1 / part_g.a)
        assert (gained >= promised).all()
        assert promised.min() > 0
    path = descend(part_g.slope_of_all, part_g.ZERO, gd(20 / part_g.a), 100)
    gained, promised = part_g.gains(path, 20 / part_g.a)
    assert (gained < promised).any()


def test_adams_rate_beside_newton_is_the_best_of_two_per_decade(part_g):
    X, y, rates = part_g.X, part_g.y, np.logspace(-3, 1, 9)
    ends = [part_g.loss(part_g.train(X, descent.adam, rate)[-1], X, y, part_g.PENALTY) for rate in rates]
    assert rates[np.argmin(ends)] == pytest.approx(0.1)


def test_rates_that_promise_nothing_end_far_lower_and_the_search_as_low_as_the_best_of_them(part_g):
    computed = 0

    def end(update, start):
        return value(descend(part_g.slope_of_all, start, update, 100)[-1])

    def value(W):
        nonlocal computed
        computed += 1
        return part_g.loss(W, part_g.X, part_g.y, part_g.PENALTY)

    def searching(W, g):
        return W - ch.paying_rate(value, W, g, 100.0) * g

    starts = [part_g.ZERO, *(np.random.default_rng(seed).normal(0, 0.1, (65, 10)) for seed in range(2))]
    for start in starts:
        sure, twenty, forty = (end(gd(times / part_g.a), start) for times in (1, 20, 40))
        computed = 0
        found = end(searching, start)
        assert twenty < sure / 4
        assert 0.9 < found / forty < 1.02
        assert 6 < computed / 100 < 7


def test_the_promise_holds_where_the_loss_is_not_convex():
    def bumpy(x):
        return x**2 / 2 - 3 * np.cos(x)  # its curvature, 1 + 3 cos x, lies between -2 and 4

    for theta in np.linspace(-9, 9, 181):
        slope = theta + 3 * np.sin(theta)
        assert bumpy(theta) - bumpy(theta - slope / 4) >= slope**2 / 8 - 1e-12


def test_a_rate_that_pays_is_above_half_of_one_over_the_largest_curvature():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        root = rng.normal(size=(4, 4))
        A, theta = root @ root.T, rng.normal(size=4)
        rate = ch.paying_rate(lambda x, A=A: x @ A @ x / 2, theta, A @ theta, 100.0)
        assert rate > 0.5 / np.linalg.eigvalsh(A)[-1]


# ---------------------------------------------------------------- the network


def test_the_sums_of_the_network_and_its_slope_are_those_of_torchs_layers(part_f):
    import torch
    from torch import nn

    theta = part_f.starts[:2]
    x, labels = part_f.train_set[0][:20], part_f.train_set[1][:20]
    assert theta.shape[1] == 2400
    slopes = part_f.net_slope(theta, x, labels)
    for row, slope in zip(theta, slopes, strict=True):
        layers = nn.Sequential(nn.Linear(65, 32, bias=False), nn.ReLU(), nn.Linear(32, 10, bias=False))
        W1, W2 = torch.tensor(row[:2080]).view(65, 32), torch.tensor(row[2080:]).view(32, 10)
        with torch.no_grad():
            layers[0].weight.copy_(W1.T)
            layers[2].weight.copy_(W2.T)
        loss = nn.functional.cross_entropy(layers(x), labels)
        loss.backward()
        assert part_f.net_loss(torch.tensor(row), x, labels).item() == pytest.approx(loss.item(), rel=1e-5)
        own = np.r_[layers[0].weight.grad.T.flatten(), layers[2].weight.grad.T.flatten()]
        np.testing.assert_allclose(slope, own, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("name", ["gradient descent", "momentum", "Adam"])
def test_the_networks_side_by_side_walk_with_torchs_optimisers_and_its_schedule(
    part_f, name, falling, monkeypatch
):
    import torch

    monkeypatch.setitem(part_f.train_nets.__globals__, "PER_EPOCH", 1)  # 20 steps
    theta, _ = part_f.train_nets(part_f.OURS[name], falling, part_f.train_set[1])
    place, start, rate = 1, 2, float(part_f.NET_RATES[1])
    mine, rng = torch.tensor(part_f.starts[start], requires_grad=True), np.random.default_rng(1)
    kinds = {
        "gradient descent": lambda p: torch.optim.SGD(p, rate),
        "momentum": lambda p: torch.optim.SGD(p, rate, momentum=0.9),
        "Adam": lambda p: torch.optim.Adam(p, rate),
    }
    optimiser, steps = kinds[name]([mine]), 20
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: (1 + np.cos(np.pi * step / steps)) / 2 if falling else 1.0
    )
    for _ in range(steps):
        batch = rng.integers(len(part_f.train_set[1]), size=(part_f.STARTS, part_f.BATCH))[start]
        optimiser.zero_grad()
        part_f.net_loss(mine, part_f.train_set[0][batch], part_f.train_set[1][batch]).backward()
        optimiser.step()
        schedule.step()
    np.testing.assert_allclose(theta[place, start], mine.detach().numpy(), rtol=0, atol=2e-4)


def test_tuned_as_the_networks_the_convex_classifier_gains_nothing_by_a_falling_rate(part_f):
    def end(name, falling, rate):
        update, draw = part_f.OURS[name](rate), part_f.batch_slope(part_f.X, part_f.y, part_f.PENALTY, 64, 0)
        W = part_f.ZERO
        for step in range(360):
            share = (1 + np.cos(np.pi * step / 360)) / 2 if falling else 1
            W = W + share * (update(W, draw(W)) - W)
        return part_f.loss(W, part_f.X_val, part_f.y_val, 0)

    rates = {"gradient descent": (1, 3.16), "momentum": (0.1, 0.316, 1), "Adam": (0.0316, 0.1, 0.316)}
    lowest = [
        [min(end(name, falling, rate) for rate in some) for name, some in rates.items()]
        for falling in (False, True)
    ]
    assert np.mean(lowest[1]) > 0.99 * np.mean(lowest[0])


# ---------------------------------------------------------------- Keras: some constants in 32 bits


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("tensorflow")
    from helpers import load_keras

    keras = load_keras()
    before = keras.config.floatx()
    keras.config.set_floatx("float64")  # learning rates too, else they are rounded to 32 bits
    yield keras
    keras.config.set_floatx(before)


def keras_path(keras, optimiser, gradient=valley_gradient, start=START, steps=100):
    theta, path = keras.Variable(start), [np.array(start)]
    for _ in range(steps):
        optimiser.apply([keras.ops.convert_to_tensor(gradient(path[-1]))], [theta])
        path.append(theta.numpy().copy())
    return np.array(path)


def keras_rmsprop(rate, rho=0.9, eps=1e-7):
    v = 0.0

    def update(theta, g):
        nonlocal v
        v = rho * v + (1 - rho) * g**2
        return theta - rate * g / np.sqrt(v + eps)

    return update


def keras_adam(rate, beta1=0.9, beta2=0.999, eps=1e-7):
    m = v = 0.0
    t, (b1, b2) = 0, np.float32([beta1, beta2]).astype(float)  # the powers go through 32 bits

    def update(theta, g):
        nonlocal m, v, t
        t += 1
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        return theta - rate * math.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps)

    return update


def test_each_optimiser_walks_with_keras_but_for_the_place_of_eps_and_constants_in_32_bits(part_e, keras):
    kinds, b = keras.optimizers, float(np.float32(0.9))
    for ours, theirs in (
        (gd(0.01), kinds.SGD(0.01)),
        (momentum(0.01, b), kinds.SGD(0.01, momentum=0.9)),
        (nesterov(0.01, b), kinds.SGD(0.01, momentum=0.9, nesterov=True)),
        (keras_rmsprop(0.01), kinds.RMSprop(0.01)),
        (keras_adam(0.01), kinds.Adam(0.01)),
        (keras_adam(0.01, eps=0.1), kinds.Adam(0.01, epsilon=0.1)),
    ):
        mine = descend(valley_gradient, START, ours, 100)
        np.testing.assert_allclose(mine, keras_path(keras, theirs), rtol=0, atol=1e-9)
    ours = descend(valley_gradient, START, part_e.adam(0.01), 100)
    assert 1e-8 < abs(keras_path(keras, kinds.Adam(0.01)) - ours).max() < 1e-5


def test_the_libraries_differ_in_the_small_print_that_the_text_names(keras):
    torch = pytest.importorskip("torch")
    theta = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    theta.grad = torch.ones(1, dtype=torch.float64)
    torch.optim.Adam([theta], 1.0, eps=0.1).step()
    keras_first = keras_path(keras, keras.optimizers.Adam(1.0, epsilon=0.1), np.ones_like, np.zeros(1), 1)
    assert [-theta.item(), -keras_first[1, 0]] == pytest.approx([0.909, 0.240], abs=5e-4)
    default = torch.optim.RMSprop([torch.zeros(1, requires_grad=True)]).defaults["lr"]
    assert [default, float(keras.optimizers.RMSprop().learning_rate.numpy())] == pytest.approx([0.01, 0.001])


# ---------------------------------------------------------------- Newton


def cosh_hessian(theta):
    return np.diag(1 - np.tanh(theta) ** 2)


def test_newton_arrives_in_one_step_on_a_quadratic_and_stops_on_a_saddle():
    A, b = np.array([[3.0, 1.0], [1.0, 200.0]]), np.array([1.0, -2.0])
    end = descend(lambda theta: A @ theta - b, [50.0, -70.0], newton(lambda theta: A), 1)[-1]
    np.testing.assert_allclose(end, np.linalg.solve(A, b), atol=1e-12)

    def saddle(theta):
        return np.array([2.0, -2.0]) * theta

    away = descend(saddle, [1.0, 0.1], newton(lambda theta: np.diag([2.0, -2.0])), 1)[-1]
    np.testing.assert_array_equal(np.abs(away), [0, 0])
    assert abs(descend(saddle, [1.0, 0.1], gd(0.1), 20)[-1][1]) > 1


def test_newton_on_log_cosh_is_scipys_and_shorter_steps_help_where_full_ones_run_away():
    from scipy import optimize

    near = descend(np.tanh, [1.0], newton(cosh_hessian), 5)[:, 0]
    scipys = [
        optimize.newton(np.tanh, 1.0, lambda x: 1 - np.tanh(x) ** 2, maxiter=steps, disp=False)
        for steps in (1, 2, 3)
    ]
    np.testing.assert_allclose(near[1:4], scipys, rtol=1e-6)
    step = newton(cosh_hessian)
    half = descend(np.tanh, [1.2], lambda theta, g: (theta + step(theta, g)) / 2, 30)
    assert abs(half[-1, 0]) < 1e-6
    with pytest.raises(np.linalg.LinAlgError):
        descend(np.tanh, [1.2], step, 5)


def test_newton_finds_the_minimum_of_scipy_and_of_scikit_learn_and_its_hessian_is_right(part_c, part_g):
    from scipy import optimize
    from sklearn.linear_model import LogisticRegression

    X, y, shape = part_c.X, part_c.y, (65, 10)
    W = np.random.default_rng(0).normal(0, 0.3, shape)
    direction = np.random.default_rng(1).normal(0, 1, shape)
    slopes = [part_c.slope(W + h * direction, X, y) for h in (-1e-5, 1e-5)]
    expected = ((slopes[1] - slopes[0]) / 2e-5).ravel()
    np.testing.assert_allclose(part_g.hessian(W) @ direction.ravel(), expected, rtol=1e-5, atol=1e-7)
    path = descend(lambda W: part_c.slope(W, X, y), np.zeros(shape), newton(part_g.hessian), 8)
    losses = [part_c.loss(W, X, y) for W in path]
    assert round(losses[-1], 3) == 0.123
    assert losses[3] < 1.02 * losses[-1] < losses[2]  # within a fiftieth after three steps
    found = optimize.minimize(
        lambda w: part_c.loss(w.reshape(shape), X, y),
        np.zeros(650),
        method="L-BFGS-B",
        jac=lambda w: part_c.slope(w.reshape(shape), X, y).ravel(),
        options={"maxiter": 2000},
    )
    assert losses[-1] == pytest.approx(found.fun, rel=1e-5)
    C = 1 / (part_c.PENALTY * len(X))
    learned = LogisticRegression(C=C, fit_intercept=False, tol=1e-7, max_iter=2000).fit(X, y)
    np.testing.assert_allclose(path[-1], learned.coef_.T, rtol=1e-2, atol=1e-2)


def test_a_newton_step_costs_what_the_text_says_counted_from_the_shapes_that_are_multiplied(part_c):
    n, sgd = len(part_c.X), 2 * 64 * 65 * 10
    by_blocks = sum(65 * n * 650 for _ in range(10))  # Xᵀ (65, N) times (N, 650), for each class
    assert by_blocks == n * 650**2
    solving = sum((649 - k) * (650 - k) for k in range(650))  # elimination, row by row
    assert solving == pytest.approx(650**3 / 3, rel=0.01)
    steps = (by_blocks + 650**3 / 3) / sgd
    assert round(steps) == 6976
    assert round(steps * 64 / n) == 386
    symmetric = (n * 650 * 651 / 2 + 650**3 / 3) / sgd
    assert round(symmetric * 64 / n) == 224
    assert pytest.approx(2.6e6, rel=0.01) == 4 * 25.6e6**2 / 1e9


# ---------------------------------------------------------------- solutions of the exercises


def descent_of(hessian, rate, steps=400):
    """Distance from the minimum of ½ θᵀ A θ after gradient descent from (1, 1, …)."""
    return np.linalg.norm(descend(lambda theta: hessian @ theta, np.ones(len(hessian)), gd(rate), steps)[-1])


def test_descent_converges_just_below_the_limit_and_runs_away_just_above():
    for seed in range(5):
        root = np.random.default_rng(seed).normal(size=(4, 4))
        hessian = root @ root.T + np.eye(4)
        limit = ch.rate_limit(hessian)
        assert descent_of(hessian, 0.98 * limit) < 0.1
        assert descent_of(hessian, 1.02 * limit) > 10


def test_steps_of_adam_are_those_of_torch():
    torch = pytest.importorskip("torch")
    gradients = np.random.default_rng(0).normal(size=(30, 3)) * [1e-3, 1.0, 1e3]
    theta = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([theta], lr=0.1, betas=(0.8, 0.95), eps=1e-2)
    mine, m, v = np.zeros(3), 0.0, 0.0
    for t, gradient in enumerate(gradients, 1):
        theta.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        step, m, v = ch.adam_step(gradient, m, v, t, 0.1, beta1=0.8, beta2=0.95, eps=1e-2)
        mine = mine + step
        np.testing.assert_allclose(mine, theta.detach().numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("power", "constant"), [(1, 0.3), (2, 3.0), (3, 0.7)])
def test_the_order_of_a_made_up_sequence_is_found(power, constant):
    errors = [0.2]
    for _ in range(3):
        errors.append(constant * errors[-1] ** power)
    assert ch.order_of_convergence(errors) == pytest.approx(power)


def test_gradient_descent_has_the_order_1_and_newton_on_log_cosh_3():
    near = np.abs(descend(np.tanh, [1.0], newton(cosh_hessian), 5)[:, 0])
    assert ch.order_of_convergence(near[near > 1e-12]) == pytest.approx(3, abs=0.1)
    bowl = descend(lambda theta: 2 * theta, 1.0, gd(0.25), 20)
    assert ch.order_of_convergence(bowl) == pytest.approx(1)


def test_the_slope_of_the_first_exercise_is_the_one_of_a_small_nudge():
    def loss(w):
        return ((w * 3) ** 2 - 5) ** 2 / 2

    slope = (loss(1 + 1e-6) - loss(1 - 1e-6)) / 2e-6
    assert pytest.approx(1 - 0.01 * slope, abs=1e-6) == ch.NEW_WEIGHT
    assert round((3 * ch.NEW_WEIGHT) ** 2, 1) == 0.7
