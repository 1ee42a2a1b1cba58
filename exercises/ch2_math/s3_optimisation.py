"""Exercises of section 2.3, optimisation: one step by hand, a safe rate, Adam, the speed of convergence."""

import math

import numpy as np

from exercises import Case, Exercise

# 2.3.1 one step by hand ---------------------------------------------------------------------------


def _is_not(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if abs(answer - number) < 1e-6 else None


# h = 3 * 1 = 3, ŷ = 9, dL/dŷ = 9 - 5 = 4, dŷ/dh = 6, dh/dw = 3: slope 72
NEW_WEIGHT = 1 - 0.01 * 72

one_step = Exercise(
    "2.3.1",
    level=1,
    minutes=5,
    points=1,
    kind="predict",
    solution=round(NEW_WEIGHT, 2),
    wrong={
        "plus_instead_of_minus": (1.72, 1),
        "forgets_the_derivative_of_the_square": (0.88, 0),
        "forgets_that_h_changes_x_times_as_fast_as_w": (0.76, 2),
        "forgets_that_the_cancels_the_2": (-0.44, 2),
        "writes_the_slope": (72.0, 1),
        "forgets_the_learning_rate": (-71.0, 1),
        "takes_the_squares_derivative_for_h_instead_of_2_h": (0.64, None),
    },
)

# 2.3.2 the largest safe rate ----------------------------------------------------------------------


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


def _guarded(rule):
    """A wrong rule for the limit, with the right refusals."""

    def answer(hessian):
        rate_limit(hessian)
        return float(rule(np.asarray(hessian, dtype=float)))

    return answer


def no_refusal(hessian):
    return float(2 / np.abs(np.linalg.eigvalsh(hessian)).max())


def refuses_flat(hessian):
    curvatures = np.linalg.eigvalsh(hessian)
    if curvatures[0] <= 1e-12:
        raise ValueError("not positive definite")
    return float(2 / curvatures[-1])


def lets_nothing_through(hessian):
    curvatures = np.linalg.eigvalsh(hessian)
    if curvatures[0] < -1e-12:
        raise ValueError("negative curvature")
    return float(2 / curvatures[-1]) if curvatures[-1] > 0 else math.inf


def looks_at_the_diagonal_only(hessian):
    if np.min(np.diag(hessian)) < 0:
        raise ValueError("negative curvature")
    return float(2 / np.abs(np.linalg.eigvalsh(hessian)).max())


safe_rate = Exercise(
    "2.3.2",
    level=2,
    minutes=10,
    points=2,
    solution=rate_limit,
    cases=(
        Case((np.diag([1.0, 4.0]),), expected=0.5, name="the smallest curvature decides"),
        Case((np.array([[2.0, 1.0], [1.0, 2.0]]),), expected=2 / 3, name="the diagonal, not the eigenvalues"),
        Case(
            (np.array([[2, -1, 0], [-1, 2, -1], [0, -1, 2]]),),
            expected=2 / (2 + math.sqrt(2)),
            name="the trace or a norm in place of the largest curvature",
        ),
        Case((np.diag([0.0, 2.0]),), expected=1.0, name="a flat direction refused"),
        Case((np.diag([1.0, -9.0]),), raises=ValueError, name="a direction that curves down, unnoticed"),
        Case(
            (np.array([[1.0, 3.0], [3.0, 1.0]]),),
            raises=ValueError,
            name="a direction that curves down, hidden behind a positive diagonal",
        ),
        Case((np.zeros((2, 2)),), raises=ValueError, name="no curvature at all"),
    ),
    wrong={
        "answers_1_largest_curvature_safe_but_half_the_limit": (
            _guarded(lambda a: 1 / np.linalg.eigvalsh(a)[-1]),
            0,
        ),
        "the_largest_number_on_the_diagonal": (_guarded(lambda a: 2 / np.diag(a).max()), 0),
        "the_sum_of_the_curvatures": (_guarded(lambda a: 2 / np.trace(a)), 0),
        "the_frobenius_norm": (_guarded(lambda a: 2 / np.linalg.norm(a)), 0),
        "the_smallest_curvature": (_guarded(lambda a: 2 / max(np.linalg.eigvalsh(a)[0], 1e-9)), 0),
        no_refusal: 2,
        refuses_flat: 2,
        lets_nothing_through: 2,
        looks_at_the_diagonal_only: 2,
    },
)

# 2.3.3 Adam ---------------------------------------------------------------------------------------


def adam_steps(gradients, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    """What Adam adds to the parameters at each step: gradients (T, D), in order of time -> steps (T, D)."""
    # Common wrong turn: to store the corrected averages, m = m / (1 - beta1**t). The correction is for use in
    # this step; what is carried on is the average itself.
    gradients = np.asarray(gradients, dtype=float)
    m, v = np.zeros(gradients.shape[1]), np.zeros(gradients.shape[1])
    steps = np.empty_like(gradients)
    for t, g in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        steps[t - 1] = -rate * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return steps


def _adam_variant(
    correct1=True, correct2=True, first=1, inside=False, folded=False, stored=False, sign=-1, scale="each"
):
    """Adam with one thing done otherwise."""

    def answer(gradients, rate, beta1=0.9, beta2=0.999, eps=1e-8):
        gradients = np.asarray(gradients, dtype=float)
        m, v = np.zeros(gradients.shape[1]), np.zeros(gradients.shape[1])
        steps = []
        for t, g in enumerate(gradients, first):
            square = g**2 if scale == "each" else np.full_like(g, (g**2).mean())
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * square
            c1 = 1 - beta1**t if correct1 else 1
            c2 = 1 - beta2**t if correct2 else 1
            with np.errstate(all="ignore"):
                m_hat, v_hat = np.divide(m, c1), np.divide(v, c2)
                tiny = eps / math.sqrt(c2) if folded else eps
                root = np.sqrt(v_hat + tiny) if inside else np.sqrt(v_hat) + tiny
                steps.append(sign * rate * (m_hat / root if scale != "none" else m_hat))
            if stored:
                m, v = m_hat, v_hat
        return np.array(steps)

    return answer


def without_momentum(gradients, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return adam_steps(gradients, rate, 0.0, beta2, eps)


def exchanged(gradients, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return adam_steps(gradients, rate, beta2, beta1, eps)


def positions(gradients, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return np.cumsum(adam_steps(gradients, rate, beta1, beta2, eps), axis=0)


_THREE = [[1.0, -20.0], [3.0, 10.0], [-2.0, 0.5]]

adam = Exercise(
    "2.3.3",
    level=3,
    minutes=15,
    points=3,
    solution=adam_steps,
    cases=(
        Case(
            (np.array([[2.0, -0.5]]), 0.1),
            expected=np.array([[-0.1, 0.1]]),
            name="no bias correction: the first step has the wrong length",
        ),
        Case(
            (np.array([[1.0, 100.0], [1.0, 100.0]]), 1.0),
            expected=np.array([[-1.0, -1.0], [-1.0, -1.0]]),
            name="the same scale for all parameters",
        ),
        Case((np.array(_THREE), 0.1), name="corrected averages carried on, or one correction left out"),
        Case(
            (np.array([[1.0], [1.0]]), 1.0),
            {"eps": 0.25},
            expected=np.array([[-0.8], [-0.8]]),
            name="eps in another place",
        ),
        Case(
            (np.array([[1.0], [-1.0]]), 1.0),
            {"beta1": 0.5, "beta2": 0.5},
            expected=np.array([[-1.0], [1 / 3]]),
            name="no average of the gradients",
        ),
    ),
    wrong={
        "no_bias_correction": (_adam_variant(correct1=False, correct2=False), 0),
        "corrects_the_average_of_the_gradients_only": (_adam_variant(correct2=False), 0),
        "corrects_the_average_of_the_squares_only": (_adam_variant(correct1=False), 0),
        "counts_steps_from_0": (_adam_variant(first=0), 0),
        "stores_the_corrected_averages": (_adam_variant(stored=True), 2),
        "eps_under_the_root": (_adam_variant(inside=True), 2),
        "eps_before_the_correction_as_keras_has_it": (_adam_variant(folded=True), 2),
        "momentum_only_no_division_by_the_root": (_adam_variant(scale="none"), 0),
        "one_scale_for_all_parameters": (_adam_variant(scale="all"), 0),
        "the_sign_of_the_gradient": (_adam_variant(sign=1), 0),
        without_momentum: 1,
        exchanged: 1,
        positions: 2,
    },
    atol=1e-7,
)

# 2.3.4 how fast? ----------------------------------------------------------------------------------


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


def _refused(errors):
    order_of_convergence(errors)


def without_constant(errors):
    _refused(errors)
    return math.log(errors[-1]) / math.log(errors[-2])


def ratio(errors):
    _refused(errors)
    return float(errors[-1] / errors[-2])


def of_differences(errors):
    _refused(errors)
    e1, e2, e3 = errors[-3:]
    return math.log(abs(e3 - e2)) / math.log(abs(e2 - e1))


def upside_down(errors):
    return 1 / order_of_convergence(errors)


def from_the_start(errors):
    _refused(errors)
    return order_of_convergence(list(errors)[:3])


def mean_of_all(errors):
    _refused(errors)
    logs = np.log(np.asarray(errors, dtype=float))
    falls = np.diff(logs)
    return float(np.mean(falls[1:] / falls[:-1]))


def careless(errors):
    if len(errors) < 3:
        raise ValueError("too few")
    e1, e2, e3 = errors[-3:]
    return math.log(max(e3, 1e-300) / e2) / math.log(e2 / e1) if e1 != e2 else 1.0


def pads(errors):
    if len(errors) < 3:
        return 1.0
    return order_of_convergence(errors)


convergence = Exercise(
    "2.3.4",
    level=4,
    minutes=15,
    points=3,
    solution=order_of_convergence,
    cases=(
        Case(([0.1, 0.05, 0.025],), expected=1.0, name="the ratio of the errors, without logarithms"),
        Case(([0.1, 0.03, 0.0027],), expected=2.0, name="the constant c forgotten"),
        Case((np.array([1.0, 0.9, 0.5, 1e-1, 1e-3, 1e-7]),), expected=2.0, name="the slow beginning counted"),
        Case(([64.0, 16.0, 2.0],), expected=1.5, name="the constant c forgotten, errors above 1"),
        Case(([0.1, 0.01],), raises=ValueError, name="two errors are enough"),
        Case(([0.1, 0.01, 0.0],), raises=ValueError, name="an error of 0 is taken on"),
        Case(([0.1, 0.1, 0.05],), raises=ValueError, name="errors that do not fall"),
    ),
    wrong={
        without_constant: 0,
        ratio: 0,
        of_differences: 0,
        upside_down: 1,
        from_the_start: 2,
        mean_of_all: 2,
        careless: 2,
        pads: 2,
    },
)

# 2.3.5 make a favourite lose ----------------------------------------------------------------------

make_it_lose = Exercise(
    "2.3.5",
    level=4,
    minutes=20,
    points=0,
    kind="design",
)

EXERCISES = [one_step, safe_rate, adam, convergence, make_it_lose]
