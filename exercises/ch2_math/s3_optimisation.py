"""Exercises of section 2.3, optimisation: steps, rates and batches; what is promised; Adam; a fair race.

The words stand in s3_optimisation.en.md.
"""

import math

import numpy as np

from exercises import Case, Exercise

# 2.3.1 one step by hand: h = 3 · 1 = 3, ŷ = 9, dL/dŷ = 9 - 5 = 4, dŷ/dh = 6, dh/dw = 3, so the slope is 72

NEW_WEIGHT = round(1 - 0.01 * 72, 2)


# 2.3.2 the largest safe rate -----------------------------------------------------------------------


def rate_limit(hessian):
    """The learning rate below which gradient descent on ½ θᵀ A θ converges: symmetric A (D, D) -> float.

    Flat directions (curvature 0) set no limit. Raises ValueError if some curvature is below 0, where no rate
    is safe, or if there is no curvature at all.
    """
    # Common wrong turn: the diagonal of A. It holds the curvatures along the axes, and the steepest direction
    # need not be an axis.
    curvatures = np.linalg.eigvalsh(hessian)
    tiny = 1e-12 * np.abs(curvatures).max()
    if curvatures[0] < -tiny:
        raise ValueError(f"curvature {curvatures[0]:g} is below 0: the descent runs away there at any rate")
    if curvatures[-1] <= tiny:
        raise ValueError("no curvature at all: there is no limit")
    return float(2 / curvatures[-1])


def draw_hessian(rng):
    """A symmetric matrix with curvatures of one scale, large or tiny, some of them 0 or negative; turned."""
    n = int(rng.integers(1, 4))
    curvatures = rng.choice([0.0, 0.5, 1.0, 2.0, 5.0, 25.0], size=n)
    if rng.random() < 0.2:
        curvatures[rng.integers(n)] = rng.choice([-0.5, -5.0, -50.0])
    if rng.random() < 0.3:
        return (np.diag(curvatures.astype(int)),)
    A = np.diag(curvatures) * rng.choice([1.0, 1e-13, 1e6])
    if n > 1 and rng.random() < 0.7:
        i, j = rng.choice(n, size=2, replace=False)
        turn = np.eye(n)
        turn[[i, i, j, j], [i, j, i, j]] = 0.6, -0.8, 0.8, 0.6
        A = turn @ A @ turn.T
    return ((A + A.T) / 2,)


def answers_1_divided_by_the_largest_curvature(hessian):
    return rate_limit(hessian) / 2


def takes_the_largest_number_on_the_diagonal(hessian):
    rate_limit(hessian)
    return float(2 / np.diag(hessian).max())


def adds_the_curvatures(hessian):
    rate_limit(hessian)
    return float(2 / np.trace(hessian))


def takes_the_frobenius_norm(hessian):
    rate_limit(hessian)
    return float(2 / np.linalg.norm(hessian))


def takes_the_smallest_curvature(hessian):
    rate_limit(hessian)
    smallest = np.linalg.eigvalsh(hessian)[0]
    return float(2 / smallest) if smallest > 1e-12 else math.inf


def takes_a_curvature_without_its_sign(hessian):
    largest = np.abs(np.linalg.eigvalsh(hessian)).max()
    if largest == 0:
        raise ValueError("no curvature")
    return float(2 / largest)


def accepts_a_curvature_below_0(hessian):
    largest = np.linalg.eigvalsh(hessian)[-1]
    if largest <= 0:
        raise ValueError("no curvature")
    return float(2 / largest)


def refuses_a_flat_direction(hessian):
    curvatures = np.linalg.eigvalsh(hessian)
    if curvatures[0] <= 0:
        raise ValueError("not positive definite")
    return float(2 / curvatures[-1])


def returns_an_infinite_rate(hessian):
    if not np.any(hessian):
        return math.inf
    return rate_limit(hessian)


def takes_tiny_curvatures_for_0(hessian):
    curvatures = np.linalg.eigvalsh(hessian)
    if curvatures[0] < -1e-12 or curvatures[-1] <= 1e-12:
        raise ValueError("no curvature, or one below 0")
    return float(2 / curvatures[-1])


def looks_for_negative_curvature_on_the_diagonal(hessian):
    largest = np.abs(np.linalg.eigvalsh(hessian)).max()
    if np.min(np.diag(hessian)) < 0 or largest == 0:
        raise ValueError("no curvature, or one below 0")
    return float(2 / largest)


# 2.3.4 Adam ----------------------------------------------------------------------------------------


def adam_step(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    """One step of Adam. -> (what is added to the parameters, new m, new v)

    g: the gradient, any shape; m, v: the two averages before this step (0 at first); t: 1 at the first step.
    """
    # Common wrong turn: to return the corrected averages. The correction is for use in this step; what is
    # carried on is the average itself.
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return -rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def draw_state(rng):
    """A gradient of 1 to 3 parameters, of every size, zeros among them; averages; t from 1; any β and eps."""
    n = int(rng.integers(1, 4))
    g = rng.integers(-3, 4, size=n) * rng.choice([0.5, 1.0, 0.01, 100.0], size=n)
    t, options = 1, {}
    m, v = np.zeros(n), np.zeros(n)
    if rng.random() < 0.7:
        t = int(rng.integers(2, 6))
        m, v = rng.choice([-2.0, -0.5, 0.0, 0.5, 3.0], size=n), rng.choice([0.0, 0.25, 1.0, 4.0], size=n)
    if rng.random() < 0.4:
        options |= {"beta1": float(rng.choice([0.0, 0.5, 0.8])), "beta2": float(rng.choice([0.5, 0.9]))}
    if rng.random() < 0.4:
        options["eps"] = float(rng.choice([1e-3, 0.1, 1.0]))
    return Case((g, m, v, t, float(rng.choice([0.01, 0.1, 1.0]))), options)


def _averages(g, m, v, beta1, beta2):
    return beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2


def corrects_no_average(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _averages(g, m, v, beta1, beta2)
    return -rate * m / (np.sqrt(v) + eps), m, v


def corrects_the_average_of_the_gradients_only(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _averages(g, m, v, beta1, beta2)
    return -rate * m / (1 - beta1**t) / (np.sqrt(v) + eps), m, v


def corrects_the_average_of_the_squares_only(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _averages(g, m, v, beta1, beta2)
    return -rate * m / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def counts_steps_from_0(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _averages(g, m, v, beta1, beta2)
    with np.errstate(all="ignore"):
        m_hat, v_hat = m / np.float64(1 - beta1 ** (t - 1)), v / np.float64(1 - beta2 ** (t - 1))
        return -rate * m_hat / (np.sqrt(v_hat) + eps), m, v


def carries_the_corrected_averages_on(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _averages(g, m, v, beta1, beta2)
    m, v = m / (1 - beta1**t), v / (1 - beta2**t)
    return -rate * m / (np.sqrt(v) + eps), m, v


def corrects_every_step_as_the_first(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _averages(g, m, v, beta1, beta2)
    return -rate * m / (1 - beta1) / (np.sqrt(v / (1 - beta2)) + eps), m, v


def adds_eps_under_the_root(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _averages(g, m, v, beta1, beta2)
    return -rate * m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t) + eps), m, v


def adds_eps_before_the_correction(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _averages(g, m, v, beta1, beta2)
    return -rate * m / (1 - beta1**t) * np.sqrt(1 - beta2**t) / (np.sqrt(v) + eps), m, v


def leaves_eps_out(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    with np.errstate(all="ignore"):
        return adam_step(g, m, v, t, rate, beta1, beta2, 0.0)


def does_not_divide_by_the_root(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _averages(g, m, v, beta1, beta2)
    return -rate * m / (1 - beta1**t), m, v


def goes_uphill(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    step, m, v = adam_step(g, m, v, t, rate, beta1, beta2, eps)
    return -step, m, v


def takes_the_gradient_for_its_average(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _averages(g, m, v, beta1, beta2)
    return -rate * g / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def uses_the_averages_before_this_step(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    new_m, new_v = _averages(g, m, v, beta1, beta2)
    return -rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps), new_m, new_v


def exchanges_the_two_betas(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return adam_step(g, m, v, t, rate, beta2, beta1, eps)


def averages_the_slopes_without_squares(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * np.abs(g)
    return -rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def returns_the_step_alone(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return adam_step(g, m, v, t, rate, beta1, beta2, eps)[0]


# 2.3.5 how fast? -----------------------------------------------------------------------------------


def order_of_convergence(errors):
    """The power p in e_next ≈ c · e^p, from the last three of the errors: T numbers above 0 -> float.

    Raises ValueError for fewer than three errors, and where the last three are not positive and falling.
    """
    # Common wrong turn: log(e3) / log(e2), which forgets the constant c. It is right only in the limit.
    if len(errors) < 3:
        raise ValueError(f"{len(errors)} errors: at least 3 are needed")
    e1, e2, e3 = (float(error) for error in errors[-3:])
    if not e1 > e2 > e3 > 0:
        raise ValueError(f"the last three errors, {e1:g}, {e2:g}, {e3:g}, must be positive and falling")
    return math.log(e3 / e2) / math.log(e2 / e1)


def draw_errors(rng):
    """0 to 6 errors as a list or an array; the last three fall, or two are equal, or one is 0 or negative."""
    errors = rng.choice([0.0, 1e-9, 1e-4, 0.01, 0.2, 0.5, 0.9, 3.0, 40.0], size=rng.integers(0, 7))
    if rng.random() < 0.8:
        last = np.sort(rng.choice([1e-12, 1e-6, 0.01, 0.1, 0.4, 0.7, 2.0, 30.0], size=3, replace=False))[::-1]
        errors = np.append(errors[:3], last)
    if len(errors) and rng.random() < 0.2:
        errors[-rng.integers(1, min(3, len(errors)) + 1)] = rng.choice([0.0, -0.1, 0.1])
    return (errors.tolist() if rng.random() < 0.5 else errors,)


def forgets_the_constant(errors):
    order_of_convergence(errors)
    return math.log(errors[-1]) / math.log(errors[-2])


def returns_the_ratio_of_the_errors(errors):
    order_of_convergence(errors)
    return float(errors[-1] / errors[-2])


def divides_the_ratios_without_logarithms(errors):
    order_of_convergence(errors)
    return float(errors[-1] / errors[-2] / (errors[-2] / errors[-3]))


def takes_differences_instead_of_ratios(errors):
    order_of_convergence(errors)
    e1, e2, e3 = errors[-3:]
    return math.log(e2 - e3) / math.log(e1 - e2)


def turns_the_fraction_upside_down(errors):
    return 1 / order_of_convergence(errors)


def uses_the_first_three_errors(errors):
    return order_of_convergence(list(errors)[:3])


def takes_the_mean_over_all_steps(errors):
    order_of_convergence(errors)
    with np.errstate(all="ignore"):
        falls = np.diff(np.log(np.asarray(errors, dtype=float)))
        return float(np.mean(falls[1:] / falls[:-1]))


def wants_all_errors_to_fall(errors):
    if len(errors) < 3 or any(b >= a for a, b in zip(errors, list(errors)[1:], strict=False)):
        raise ValueError("the errors must fall")
    return order_of_convergence(errors)


def takes_errors_that_do_not_fall(errors):
    if len(errors) < 3 or min(errors[-3:]) <= 0:
        raise ValueError("at least three errors above 0")
    e1, e2, e3 = errors[-3:]
    return math.log(e3 / e2) / math.log(e2 / e1) if e1 != e2 else 1.0


def takes_an_error_of_0(errors):
    if len(errors) < 3 or not errors[-3] > errors[-2] > errors[-1] >= 0:
        raise ValueError("the last three errors must fall")
    return math.inf if errors[-1] == 0 else order_of_convergence(errors)


def answers_for_fewer_than_three_errors(errors):
    return order_of_convergence(errors) if len(errors) > 2 else 1.0


# 2.3.6 a rate that keeps its promise -----------------------------------------------------------------


def paying_rate(loss, theta, g, rate):
    """The first of rate, rate / 2, rate / 4, … whose step pays: loss(θ - η g) ≤ loss(θ) - ½ η |g|² -> float.

    loss: a function of an array like theta; theta, g: a place and the slope there, of one shape, any shape.
    A loss that is nan pays nothing. Raises ValueError if even after 50 halvings the step does not pay.
    """
    # Common wrong turn: `while loss(new) > bound` and a loss that is nan there: nan > bound is False, so the
    # rate is accepted. Ask for what must hold, `<=`, and halve otherwise.
    here, square = loss(theta), np.sum(g * g)
    for _ in range(51):
        if loss(theta - rate * g) <= here - rate / 2 * square:
            return float(rate)
        rate = rate / 2
    raise ValueError(f"no rate down to {2 * rate:g} pays: is g the slope of this loss?")


class _Bowls:
    """½ Σ aᵢ θᵢᵖ for an even power p. The repr is the Python that makes it."""

    def __init__(self, curvatures, power=2):
        self.curvatures, self.power = np.asarray(curvatures, dtype=float), power

    def __call__(self, theta):
        return float(np.sum(self.curvatures * theta**self.power) / 2)

    def __repr__(self):
        return f"lambda theta: np.sum(np.array({self.curvatures.tolist()}) * theta**{self.power}) / 2"

    def slope(self, theta):
        return self.curvatures * self.power / 2 * theta ** (self.power - 1)


class _Fenced:
    """θ - 2 √θ of one number, least at 1, nan below 0. The repr is the Python that makes it."""

    def __call__(self, theta):
        with np.errstate(invalid="ignore"):
            return float((theta - 2 * np.sqrt(theta))[0])

    def __repr__(self):
        return "lambda theta: (theta - 2 * np.sqrt(theta))[0]"

    def slope(self, theta):
        return 1 - 1 / np.sqrt(theta)


def _paying_call(loss, theta, rate, sign=1.0):
    theta = np.array(theta, dtype=float)
    return loss, theta, sign * loss.slope(theta), rate


def _is_clear(loss, theta, g, rate):
    """Whether no halving hangs on rounding: what a step gains is never just what it promises."""
    rates, here, square = rate / 2.0 ** np.arange(51), loss(theta), np.sum(g * g)
    gains = np.array([here - loss(theta - r * g) for r in rates[:20]])
    return not square or np.nanmin(np.abs(gains / (rates[:20] * square) - 0.5)) > 1e-3


def draw_paying(rng):
    """Bowls of 1 to 3 numbers or 2 × 2, squares or fourth powers, some with a fence; also from a minimum."""
    while True:
        rate = float(rng.choice([0.01, 0.1, 1.0, 3.0, 10.0, 1000.0]))
        if rng.random() < 0.2:
            call = _paying_call(_Fenced(), [float(rng.choice([0.25, 0.5, 2.0, 3.0, 4.0, 9.0]))], rate)
        else:
            shape = (2, 2) if rng.random() < 0.25 else (int(rng.integers(1, 4)),)
            loss = _Bowls(rng.choice([0.3, 1.0, 3.0, 7.0, 50.0], size=shape), int(rng.choice([2, 2, 4])))
            theta = rng.integers(-3, 4, size=shape) * float(rng.choice([1.0, 0.5]))
            call = _paying_call(loss, theta, rate, -1.0 if rng.random() < 0.1 else 1.0)
        if _is_clear(*call):
            return call


def takes_any_fall_for_enough(loss, theta, g, rate):
    return _halve(loss, theta, g, rate, lambda rate, square: 0.0)


def promises_twice_as_much(loss, theta, g, rate):
    return _halve(loss, theta, g, rate, lambda rate, square: rate * square)


def forgets_the_rate_in_the_promise(loss, theta, g, rate):
    return _halve(loss, theta, g, rate, lambda rate, square: square / 2)


def takes_the_length_for_its_square(loss, theta, g, rate):
    return _halve(loss, theta, g, rate, lambda rate, square: rate / 2 * math.sqrt(square))


def keeps_the_promise_of_the_first_rate(loss, theta, g, rate):
    return _halve(loss, theta, g, rate, lambda _, square: rate / 2 * square)


def _halve(loss, theta, g, rate, promise, step=-1.0, factor=0.5):
    here, square = loss(theta), np.sum(g * g)
    for _ in range(51):
        if loss(theta + step * rate * g) <= here - promise(rate, square):
            return float(rate)
        rate = rate * factor
    raise ValueError("no rate pays")


def steps_uphill(loss, theta, g, rate):
    return _halve(loss, theta, g, rate, lambda rate, square: rate / 2 * square, step=1.0)


def divides_by_ten(loss, theta, g, rate):
    return _halve(loss, theta, g, rate, lambda rate, square: rate / 2 * square, factor=0.1)


def halves_once_more(loss, theta, g, rate):
    return paying_rate(loss, theta, g, rate) / 2


def halves_at_most_once(loss, theta, g, rate):
    pays = loss(theta - rate * g) <= loss(theta) - rate / 2 * np.sum(g * g)
    return float(rate if pays else rate / 2)


def goes_on_from_the_place_that_was_tried(loss, theta, g, rate):
    here, square, place = loss(theta), np.sum(g * g), theta
    for _ in range(51):
        place = place - rate * g
        if loss(place) <= here - rate / 2 * square:
            return float(rate)
        rate = rate / 2
    raise ValueError("no rate pays")


def accepts_a_loss_that_is_nan(loss, theta, g, rate):
    here, square = loss(theta), np.sum(g * g)
    for _ in range(51):
        if not loss(theta - rate * g) > here - rate / 2 * square:
            return float(rate)
        rate = rate / 2
    raise ValueError("no rate pays")


def wants_less_than_the_promise_leaves(loss, theta, g, rate):
    here, square = loss(theta), np.sum(g * g)
    for _ in range(51):
        if loss(theta - rate * g) < here - rate / 2 * square:
            return float(rate)
        rate = rate / 2
    raise ValueError("no rate pays")


def returns_the_next_place(loss, theta, g, rate):
    return theta - paying_rate(loss, theta, g, rate) * g


def returns_the_last_rate_where_none_pays(loss, theta, g, rate):
    for _ in range(51):
        if loss(theta - rate * g) <= loss(theta) - rate / 2 * np.sum(g * g):
            return float(rate)
        rate = rate / 2
    return float(rate)


def gives_up_after_thirty_halvings(loss, theta, g, rate):
    here, square = loss(theta), np.sum(g * g)
    for _ in range(31):
        if loss(theta - rate * g) <= here - rate / 2 * square:
            return float(rate)
        rate = rate / 2
    raise ValueError("no rate pays")


# 2.3.7 a batch that is enough ------------------------------------------------------------------------


def batch_for(spread, noise):
    """The smallest batch whose slope is off by at most `noise`, if one example's is off by `spread` -> int.

    Raises ValueError for a spread below 0 and for a noise that is not above 0.
    """
    # Common wrong turn: spread / noise without the square. The noise falls with the root of the batch only.
    if spread < 0 or noise <= 0:
        raise ValueError(f"spread {spread:g} must not be below 0, noise {noise:g} must be above 0")
    return max(1, math.ceil((spread / noise) ** 2))


def draw_spread(rng):
    """A spread and a noise whose ratio has few binary digits, so that nothing hangs on rounding."""
    spread = float(rng.choice([0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 12.0]))
    noise = float(rng.choice([0.25, 0.5, 1.0, 2.0, 4.0]))
    if rng.random() < 0.1:
        return (-spread - 1, noise) if rng.random() < 0.5 else (spread, float(rng.choice([0.0, -0.5, -2.0])))
    return spread, noise


def forgets_the_square(spread, noise):
    batch_for(spread, noise)
    return max(1, math.ceil(spread / noise))


def squares_the_spread_only(spread, noise):
    batch_for(spread, noise)
    return max(1, math.ceil(spread**2 / noise))


def rounds_down(spread, noise):
    batch_for(spread, noise)
    return max(1, math.floor((spread / noise) ** 2))


def rounds_to_the_nearest(spread, noise):
    batch_for(spread, noise)
    return max(1, round((spread / noise) ** 2))


def wants_less_noise_than_allowed(spread, noise):
    batch_for(spread, noise)
    return math.floor((spread / noise) ** 2) + 1


def divides_the_noise_by_the_spread(spread, noise):
    batch_for(spread, noise)
    return max(1, math.ceil((noise / spread) ** 2)) if spread else 1


def answers_0_for_no_spread(spread, noise):
    batch_for(spread, noise)
    return math.ceil((spread / noise) ** 2)


def does_not_round(spread, noise):
    batch_for(spread, noise)
    return max(1.0, (spread / noise) ** 2)


def accepts_a_noise_below_0(spread, noise):
    if not noise:
        raise ValueError("the noise is 0")
    return max(1, math.ceil((spread / noise) ** 2))


def answers_infinity_for_no_noise(spread, noise):
    return math.inf if noise == 0 and spread >= 0 else batch_for(spread, noise)


# 2.3.8 what SGD is promised --------------------------------------------------------------------------


def sgd_bound(rates, r, L):
    """What the theorem promises: the most that the mean gap of the averaged place can be. T rates -> float.

    r: distance of the start from the minimum; L: bound of the slopes. Raises ValueError where there is no
    rate, or one that is not above 0.
    """
    # Common wrong turn: the square of the sum of the rates for the sum of their squares.
    rates = np.asarray(rates, dtype=float)
    if rates.size == 0 or not (rates > 0).all():
        raise ValueError(f"{rates.size} rates: at least one is needed, and all must be above 0")
    return float((r**2 + L**2 * np.sum(rates**2)) / (2 * np.sum(rates)))


def draw_rates(rng):
    """0 to 4 rates as a list or an array, sometimes one that is 0 or below; r and L from 0 on."""
    rates = rng.choice(
        [0.125, 0.25, 0.5, 1.0, 2.0, 3.0], size=rng.integers(0 if rng.random() < 0.1 else 1, 5)
    )
    if rates.size and rng.random() < 0.1:
        rates[rng.integers(rates.size)] = rng.choice([0.0, -0.25])
    r, L = (float(rng.choice([0.0, 0.5, 1.0, 2.0, 3.0, 10.0])) for _ in range(2))
    return rates.tolist() if rng.random() < 0.5 else rates, r, L


def forgets_the_2(rates, r, L):
    return 2 * sgd_bound(rates, r, L)


def takes_r_without_its_square(rates, r, L):
    return sgd_bound(rates, math.sqrt(r), L)


def takes_L_without_its_square(rates, r, L):
    return sgd_bound(rates, r, math.sqrt(L))


def squares_the_sum_of_the_rates(rates, r, L):
    sgd_bound(rates, r, L)
    total = float(np.sum(rates))
    return (r**2 + L**2 * total**2) / (2 * total)


def sums_the_rates_without_squares(rates, r, L):
    sgd_bound(rates, r, L)
    total = float(np.sum(rates))
    return (r**2 + L**2 * total) / (2 * total)


def divides_the_first_term_only(rates, r, L):
    sgd_bound(rates, r, L)
    return float(r**2 / (2 * np.sum(rates)) + L**2 * np.sum(np.square(rates)))


def takes_means_for_sums(rates, r, L):
    sgd_bound(rates, r, L)
    return float((r**2 + L**2 * np.mean(np.square(rates))) / (2 * np.mean(rates)))


def takes_the_first_rate_for_all(rates, r, L):
    sgd_bound(rates, r, L)
    return sgd_bound([rates[0]] * len(rates), r, L)


def accepts_a_rate_that_is_not_above_0(rates, r, L):
    if len(rates) == 0 or not np.sum(rates) > 0:
        raise ValueError("no rates")
    return float((r**2 + L**2 * np.sum(np.square(rates))) / (2 * np.sum(rates)))


def answers_0_for_no_rate(rates, r, L):
    return sgd_bound(rates, r, L) if len(rates) else 0.0


# 2.3.9 the best constant rate: r / (L √T) = 6 / (3 · 20)

BEST_RATE = 0.1


# 2.3.10 a fair choice --------------------------------------------------------------------------------


def fairest(losses):
    """The learning rate whose losses have the lowest mean: losses (rates, starts) -> its row, an int.

    A rate at which some start has run away (nan or inf) is out. Of equals the first. Raises ValueError if
    every rate is out.
    """
    # Common wrong turn: np.nanmean, which forgives a rate every start that has run away.
    means = np.mean(np.asarray(losses, dtype=float), axis=1)
    if not np.isfinite(means).any():
        raise ValueError("at every learning rate some start has run away: try smaller ones")
    return int(np.argmin(np.where(np.isfinite(means), means, np.inf)))


def draw_losses(rng):
    """Losses of 1 to 4 rates and 1 to 4 starts, in quarters, so that equal means are equal; some run away."""
    losses = rng.integers(0, 9, size=(int(rng.integers(1, 5)), int(rng.integers(1, 5)))) / 4
    if rng.random() < 0.6:
        losses[rng.random(losses.shape) < 0.25] = rng.choice([np.nan, np.inf])
    return (losses,)


def takes_the_luckiest_start(losses):
    fairest(losses)
    return int(np.nanargmin(losses) // np.shape(losses)[1])


def forgives_the_starts_that_ran_away(losses):
    fairest(losses)
    finite = np.where(np.isfinite(losses), losses, np.nan)
    means = [np.nanmean(row) if np.isfinite(row).any() else np.inf for row in finite]
    return int(np.argmin(means))


def takes_nan_for_the_lowest(losses):
    return int(np.argmin(np.mean(losses, axis=1)))


def counts_a_run_that_ran_away_as_0(losses):
    fairest(losses)
    return int(np.argmin(np.mean(np.where(np.isfinite(losses), losses, 0.0), axis=1)))


def answers_with_the_best_start(losses):
    means = np.mean(losses, axis=0)
    if not np.isfinite(means).any():
        raise ValueError("all have run away")
    return int(np.nanargmin(means))


def takes_the_highest_loss(losses):
    fairest(losses)
    means = np.mean(losses, axis=1)
    return int(np.argmax(np.where(np.isfinite(means), means, -np.inf)))


def returns_the_lowest_mean(losses):
    return float(np.mean(losses, axis=1)[fairest(losses)])


def takes_the_last_of_equals(losses):
    fairest(losses)
    means = np.mean(losses, axis=1)[::-1]
    return int(len(means) - 1 - np.argmin(np.where(np.isfinite(means), means, np.inf)))


def answers_where_every_rate_is_out(losses):
    means = np.mean(losses, axis=1)
    return int(np.argmin(np.where(np.isfinite(means), means, np.inf)))


EXERCISES = (
    Exercise(
        "2.3.1",
        kind="predict",
        level=1,
        minutes=5,
        points=1,
        solution=NEW_WEIGHT,
        wrong={
            "goes_uphill": (1.72, 1),
            "forgets_the_derivative_of_the_square": (0.88, 0),
            "forgets_that_h_changes_x_times_as_fast_as_w": (0.76, 2),
            "forgets_that_the_half_cancels_the_2": (-0.44, 2),
            "writes_the_slope": (72.0, 1),
            "forgets_the_learning_rate": (-71.0, 1),
            "takes_h_for_the_derivative_of_its_square": (0.64, 2),
        },
    ),
    Exercise(
        "2.3.2",
        level=2,
        minutes=10,
        points=2,
        solution=rate_limit,
        cases=(
            Case((np.diag([1.0, 4.0]),), expected=0.5, name="the smallest curvature decides"),
            Case((np.array([[2.0, 1.0], [1.0, 2.0]]),), expected=2 / 3, name="the diagonal"),
            Case(
                (np.array([[2, -1, 0], [-1, 2, -1], [0, -1, 2]]),),
                expected=2 / (2 + math.sqrt(2)),
                name="the trace or a norm in place of the largest curvature",
            ),
            Case((np.diag([0.0, 2.0]),), expected=1.0, name="a flat direction refused"),
            Case((np.diag([1.0, -9.0]),), raises=ValueError, name="a direction that curves down"),
            Case(
                (np.array([[1.0, 3.0], [3.0, 1.0]]),),
                raises=ValueError,
                name="a direction that curves down, hidden behind a positive diagonal",
            ),
            Case((np.zeros((2, 2)),), raises=ValueError, name="no curvature at all"),
            Case((np.diag([1e-13, 4e-13]),), expected=5e12, name="a bound that knows no scale"),
        ),
        wrong={
            answers_1_divided_by_the_largest_curvature: 1,
            takes_the_largest_number_on_the_diagonal: 0,
            adds_the_curvatures: 0,
            takes_the_frobenius_norm: 0,
            takes_the_smallest_curvature: 0,
            takes_a_curvature_without_its_sign: 2,
            accepts_a_curvature_below_0: 2,
            refuses_a_flat_direction: 2,
            returns_an_infinite_rate: None,
            takes_tiny_curvatures_for_0: None,
            looks_for_negative_curvature_on_the_diagonal: 2,
        },
        draw=draw_hessian,
    ),
    Exercise("2.3.3", kind="design", level=4, minutes=15),
    Exercise(
        "2.3.4",
        level=3,
        minutes=10,
        points=3,
        solution=adam_step,
        cases=(
            Case(
                (np.array([2.0, -0.5]), np.zeros(2), np.zeros(2), 1, 0.1),
                expected=(np.array([-0.1, 0.1]), np.array([0.2, -0.05]), np.array([0.004, 0.00025])),
                name="no bias correction: the first step has the wrong length",
            ),
            Case(
                (np.array([2.0]), np.array([0.0]), np.array([8.0]), 2, 1.0),
                {"beta1": 0.5, "beta2": 0.5},
                expected=(np.array([-(4 / 3) / 8**0.5]), np.array([1.0]), np.array([6.0])),
                name="the correction of the second step is another; the averages themselves are carried on",
            ),
            Case(
                (np.array([1.0]), np.array([0.0]), np.array([0.0]), 1, 1.0),
                {"eps": 0.25},
                expected=(np.array([-0.8]), np.array([0.1]), np.array([0.001])),
                name="eps in another place",
            ),
        ),
        wrong={
            corrects_no_average: 0,
            corrects_the_average_of_the_gradients_only: 0,
            corrects_the_average_of_the_squares_only: 0,
            counts_steps_from_0: 0,
            carries_the_corrected_averages_on: 1,
            corrects_every_step_as_the_first: 0,
            adds_eps_under_the_root: 2,
            adds_eps_before_the_correction: 2,
            leaves_eps_out: 2,
            does_not_divide_by_the_root: None,
            goes_uphill: None,
            takes_the_gradient_for_its_average: None,
            uses_the_averages_before_this_step: 1,
            exchanges_the_two_betas: None,
            averages_the_slopes_without_squares: None,
            returns_the_step_alone: 1,
        },
        draw=draw_state,
    ),
    Exercise(
        "2.3.5",
        level=4,
        minutes=10,
        points=3,
        solution=order_of_convergence,
        cases=(
            Case(([0.1, 0.05, 0.025],), expected=1.0, name="the ratio of the errors, without logarithms"),
            Case(([0.1, 0.03, 0.0027],), expected=2.0, name="the constant c forgotten"),
            Case((np.array([1.0, 0.9, 0.5, 1e-1, 1e-3, 1e-7]),), expected=2.0, name="the slow beginning"),
            Case(([64.0, 16.0, 2.0],), expected=1.5, name="errors above 1"),
            Case(([0.1, 0.01],), raises=ValueError, name="two errors are enough"),
            Case(([0.1, 0.01, 0.0],), raises=ValueError, name="an error of 0 is taken on"),
            Case(([0.1, 0.1, 0.05],), raises=ValueError, name="errors that do not fall"),
            Case(([0.3, 0.5, 0.1, 0.02, 0.004],), expected=1.0, name="only the last three have to fall"),
        ),
        wrong={
            forgets_the_constant: 0,
            returns_the_ratio_of_the_errors: 1,
            divides_the_ratios_without_logarithms: 1,
            takes_differences_instead_of_ratios: 0,
            turns_the_fraction_upside_down: 1,
            uses_the_first_three_errors: 2,
            takes_the_mean_over_all_steps: 2,
            wants_all_errors_to_fall: 2,
            takes_errors_that_do_not_fall: 2,
            takes_an_error_of_0: 2,
            answers_for_fewer_than_three_errors: None,
        },
        draw=draw_errors,
    ),
    Exercise(
        "2.3.6",
        level=3,
        minutes=10,
        points=3,
        solution=paying_rate,
        cases=(
            Case(
                _paying_call(_Bowls([2.0]), [1.0], 4.0),
                expected=0.5,
                name="the promise is the whole, or none",
            ),
            Case(_paying_call(_Bowls([3.0]), [1.0], 0.625), expected=0.3125, name="any fall is enough"),
            Case(
                _paying_call(_Bowls([1.0, 10.0]), [3.0, 0.5], 1.0), expected=0.125, name="a length, no square"
            ),
            Case(
                _paying_call(_Bowls(np.full((2, 2), 3.0)), np.ones((2, 2)), 0.625),
                expected=0.3125,
                args_text="lambda theta: np.sum(1.5 * theta**2), np.ones((2, 2)), 3 * np.ones((2, 2)), 0.625",
                name="theta is a table",
            ),
            Case(_paying_call(_Bowls([0.3]), [2.0], 1.0), expected=1.0, name="the first rate pays already"),
            Case(_paying_call(_Fenced(), [4.0], 16.0), expected=4.0, name="a loss that is nan is taken"),
            Case(
                _paying_call(_Bowls([2.0]), [0.0], 1.0),
                expected=1.0,
                name="at the minimum nothing is promised",
            ),
            Case(
                _paying_call(_Bowls([2.0]), [1.0], 1e12),
                expected=1e12 / 2**41,
                name="a first rate that is far too large: 41 halvings",
            ),
            Case(
                _paying_call(_Bowls([2.0]), [1.0], 1.0, sign=-1.0),
                raises=ValueError,
                name="a slope that points the wrong way: without an end",
            ),
        ),
        wrong={
            takes_any_fall_for_enough: 0,
            promises_twice_as_much: 0,
            forgets_the_rate_in_the_promise: 0,
            takes_the_length_for_its_square: 0,
            keeps_the_promise_of_the_first_rate: 1,
            steps_uphill: None,
            divides_by_ten: None,
            halves_once_more: 1,
            halves_at_most_once: 1,
            goes_on_from_the_place_that_was_tried: 1,
            accepts_a_loss_that_is_nan: 2,
            wants_less_than_the_promise_leaves: 2,
            returns_the_next_place: None,
            returns_the_last_rate_where_none_pays: 2,
            gives_up_after_thirty_halvings: 2,
        },
        draw=draw_paying,
    ),
    Exercise(
        "2.3.7",
        level=2,
        minutes=5,
        points=1,
        solution=batch_for,
        cases=(
            Case((1.5, 0.25), expected=36, name="without the square"),
            Case((1.0, 0.75), expected=2, name="rounded down: too noisy"),
            Case((3.0, 2.0), expected=3, name="rounded to the nearest: too noisy"),
            Case((3.0, 0.5), expected=36, name="only the spread squared"),
            Case((0.5, 2.0), expected=1, name="a batch has one example at least"),
            Case((0.0, 1.0), expected=1, name="no spread"),
            Case((1.0, 0.0), raises=ValueError, name="no noise at all"),
            Case((1.0, -0.5), raises=ValueError, name="a noise below 0"),
        ),
        wrong={
            forgets_the_square: 0,
            squares_the_spread_only: 0,
            rounds_down: 1,
            rounds_to_the_nearest: 1,
            wants_less_noise_than_allowed: 1,
            divides_the_noise_by_the_spread: 0,
            answers_0_for_no_spread: None,
            does_not_round: 1,
            accepts_a_noise_below_0: None,
            answers_infinity_for_no_noise: None,
        },
        draw=draw_spread,
    ),
    Exercise(
        "2.3.8",
        level=2,
        minutes=10,
        points=2,
        solution=sgd_bound,
        cases=(
            Case(([1.0, 0.5], 2.0, 1.0), expected=1.75, name="each part of the formula"),
            Case(([0.25] * 4, 1.0, 1.0), expected=0.625, name="the walk on |θ|"),
            Case((np.array([0.5, 0.25]), 3.0, 2.0), expected=10.25 / 1.5, name="r and L squared"),
            Case(([], 1.0, 1.0), raises=ValueError, name="no rate"),
            Case(([1.0, 0.0], 1.0, 1.0), raises=ValueError, name="a rate of 0"),
        ),
        wrong={
            forgets_the_2: 0,
            takes_r_without_its_square: 0,
            takes_L_without_its_square: 0,
            squares_the_sum_of_the_rates: 1,
            sums_the_rates_without_squares: 1,
            divides_the_first_term_only: 0,
            takes_means_for_sums: 1,
            takes_the_first_rate_for_all: 1,
            accepts_a_rate_that_is_not_above_0: None,
            answers_0_for_no_rate: None,
        },
        draw=draw_rates,
    ),
    Exercise(
        "2.3.9",
        kind="predict",
        level=2,
        minutes=5,
        points=1,
        solution=BEST_RATE,
        wrong={
            "forgets_the_root": (0.005, 1),
            "turns_the_fraction_upside_down": (0.025, 0),
            "writes_the_promise": (0.9, 0),
            "forgets_the_steps": (2.0, 1),
            "takes_the_square_of_L": (1 / 30, 0),
            "forgets_the_distance": (1 / 60, 0),
        },
    ),
    Exercise(
        "2.3.10",
        level=2,
        minutes=10,
        points=2,
        solution=fairest,
        cases=(
            Case((np.array([[3.0, 3.0], [1.0, 2.0], [2.0, 2.0]]),), expected=1, name="the mean decides"),
            Case((np.array([[2.0, 2.0], [0.0, 5.0]]),), expected=0, name="one lucky start"),
            Case(
                (np.array([[3.0, 3.0], [1.0, np.nan]]),), expected=0, name="a start that ran away, forgiven"
            ),
            Case((np.array([[1.0, np.inf], [4.0, 4.0]]),), expected=1, name="a start that ran away to inf"),
            Case((np.array([[1.0, 3.0, 2.0], [2.0, 2.0, 2.0]]),), expected=0, name="of equals the first"),
            Case((np.array([[np.nan, 1.0]]),), raises=ValueError, name="no rate is left"),
        ),
        wrong={
            takes_the_luckiest_start: 0,
            forgives_the_starts_that_ran_away: 1,
            takes_nan_for_the_lowest: 1,
            counts_a_run_that_ran_away_as_0: 1,
            answers_with_the_best_start: 0,
            takes_the_highest_loss: None,
            returns_the_lowest_mean: 0,
            takes_the_last_of_equals: None,
            answers_where_every_rate_is_out: 1,
        },
        draw=draw_losses,
    ),
)
