"""Exercises of section 2.3, optimisation: one step by hand, a safe rate, Adam, the speed of convergence."""

import math

import numpy as np

from . import Case, Exercise

# 2.3.1 one step by hand ---------------------------------------------------------------------------


def _is_not(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if abs(answer - number) < 1e-6 else None


# h = 3 * 1 = 3, ŷ = 9, dL/dŷ = 9 - 5 = 4, dŷ/dh = 6, dh/dw = 3: slope 72
NEW_WEIGHT = 1 - 0.01 * 72

one_step = Exercise(
    number="2.3.1",
    title="One step by hand",
    level=1,
    minutes=5,
    points=1,
    kind="predict",
    statement="""\
Paper and pencil. A model with one weight $w$ and one input $x$ squares what it gets:

$$h = w x \\qquad ŷ = h^2 \\qquad L = \\tfrac12 (ŷ - y)^2$$

With $w = 1$, $x = 3$ and the target $y = 5$, what is $w$ after **one** step of gradient descent with learning
rate $η = 0.01$? Write the number, to two digits after the point, instead of the three dots.""",
    hints=(
        (
            "How many factors does the derivative have?",
            "Three arrows lead from w to L, so three: how L changes with ŷ, ŷ with h, and h with w. Write "
            "each as a number before you multiply.",
        ),
        (
            "Where does the minus belong?",
            "The three factors are multiplied as they are. The only minus is in the update: "
            "new w = w - η · slope.",
        ),
        (
            "I have a number, and it is still wrong.",
            "Look at each factor: the ½ cancels a 2, the square leaves one behind, and h = w x changes x "
            "times as fast as w.",
        ),
    ),
    solution=round(NEW_WEIGHT, 2),
    cases=(
        Case(
            "a step uphill",
            hint=1,
            check=_is_not(1 + 0.72, "The step goes uphill: there is a minus too many or too few."),
        ),
        Case(
            "the derivative of the square left out",
            hint=0,
            check=_is_not(1 - 0.12, "One of the three factors is missing."),
        ),
        Case(
            "the derivative of h = w x left out",
            hint=2,
            check=_is_not(1 - 0.24, "h changes x times as fast as w: a factor is missing."),
        ),
        Case(
            "a 2 from the loss, although ½ cancels it",
            hint=2,
            check=_is_not(1 - 1.44, "The slope is twice what it should be."),
        ),
        Case(
            "the slope itself",
            hint=1,
            check=_is_not(72, "That is the slope; asked for is the weight after the step."),
        ),
        Case(
            "the learning rate left out",
            hint=1,
            check=_is_not(1 - 72, "The step is the slope times the learning rate."),
        ),
        Case("any other number"),
    ),
    wrong={
        "plus instead of minus": 1.72,
        "forgets the derivative of the square": 0.88,
        "forgets that h changes x times as fast as w": 0.76,
        "forgets that the ½ cancels the 2": -0.44,
        "writes the slope": 72.0,
        "forgets the learning rate": -71.0,
        "takes the square's derivative for h instead of 2 h": 0.64,
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


def _no_refusal(hessian):
    return float(2 / np.abs(np.linalg.eigvalsh(hessian)).max())


def _refuses_flat(hessian):
    curvatures = np.linalg.eigvalsh(hessian)
    if curvatures[0] <= 1e-12:
        raise ValueError("not positive definite")
    return float(2 / curvatures[-1])


def _lets_nothing_through(hessian):
    curvatures = np.linalg.eigvalsh(hessian)
    if curvatures[0] < -1e-12:
        raise ValueError("negative curvature")
    return float(2 / curvatures[-1]) if curvatures[-1] > 0 else math.inf


def _looks_at_the_diagonal_only(hessian):
    if np.min(np.diag(hessian)) < 0:
        raise ValueError("negative curvature")
    return float(2 / np.abs(np.linalg.eigvalsh(hessian)).max())


safe_rate = Exercise(
    number="2.3.2",
    title="The largest safe rate",
    level=2,
    minutes=10,
    points=2,
    statement="""\
Write `rate_limit`: below which learning rate does gradient descent converge on the quadratic
$L(θ) = \\tfrac12 θ^\\top A\\, θ$?

- `hessian` is the symmetric matrix $A$, an array `(D, D)` of floats or ints. The result is a `float`.
- A direction without curvature sets no limit: nothing moves there.
- If some curvature is **below** 0, the descent runs away along it at any rate: raise `ValueError`. If there
  is no curvature at all, there is no limit: `ValueError` too. (Count what is below `1e-12` of the largest as
  0.)

By hand: `[[1, 0], [0, 4]]` has curvatures 1 and 4, so the limit is 2 / 4 = 0.5.""",
    hints=(
        (
            "Which number of the matrix decides?",
            "The direction of the largest curvature runs away first. The curvatures along the surface's own "
            "main directions are the eigenvalues of A: np.linalg.eigvalsh.",
        ),
        (
            "My rate is safe, but the check wants another.",
            "Asked for is the limit itself: the factor of the steepest direction, 1 - η a, reaches -1 there.",
        ),
        (
            "Which matrices have no answer?",
            "Along a curvature a < 0 the factor 1 - η a is above 1 for every η. The size of a alone does not "
            "show that, and neither does the diagonal.",
        ),
    ),
    solution=rate_limit,
    cases=(
        Case("the smallest curvature decides", (np.diag([1.0, 4.0]),), hint=0, expected=0.5),
        Case(
            "the diagonal, not the eigenvalues",
            (np.array([[2.0, 1.0], [1.0, 2.0]]),),
            hint=0,
            expected=2 / 3,
        ),
        Case(
            "the trace or a norm in place of the largest curvature",
            (np.array([[2, -1, 0], [-1, 2, -1], [0, -1, 2]]),),
            hint=0,
            expected=2 / (2 + math.sqrt(2)),
        ),
        Case("a flat direction refused", (np.diag([0.0, 2.0]),), hint=2, expected=1.0),
        Case(
            "a direction that curves down, unnoticed",
            (np.diag([1.0, -9.0]),),
            hint=2,
            raises=ValueError,
        ),
        Case(
            "a direction that curves down, hidden behind a positive diagonal",
            (np.array([[1.0, 3.0], [3.0, 1.0]]),),
            hint=2,
            raises=ValueError,
        ),
        Case("no curvature at all", (np.zeros((2, 2)),), hint=2, raises=ValueError),
    ),
    wrong={
        "1 / largest curvature: safe, but half the limit": _guarded(lambda a: 1 / np.linalg.eigvalsh(a)[-1]),
        "the largest number on the diagonal": _guarded(lambda a: 2 / np.diag(a).max()),
        "the sum of the curvatures": _guarded(lambda a: 2 / np.trace(a)),
        "the Frobenius norm": _guarded(lambda a: 2 / np.linalg.norm(a)),
        "the smallest curvature": _guarded(lambda a: 2 / max(np.linalg.eigvalsh(a)[0], 1e-9)),
        "the size of a curvature without its sign": _no_refusal,
        "refuses a flat direction": _refuses_flat,
        "an infinite rate where there is no curvature": _lets_nothing_through,
        "looks for negative curvature on the diagonal": _looks_at_the_diagonal_only,
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


def _without_momentum(gradients, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return adam_steps(gradients, rate, 0.0, beta2, eps)


def _exchanged(gradients, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return adam_steps(gradients, rate, beta2, beta1, eps)


def _positions(gradients, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return np.cumsum(adam_steps(gradients, rate, beta1, beta2, eps), axis=0)


_THREE = [[1.0, -20.0], [3.0, 10.0], [-2.0, 0.5]]

adam = Exercise(
    number="2.3.3",
    title="Adam from its gradients",
    level=3,
    minutes=15,
    points=3,
    statement="""\
Given all gradients of a run in order, which steps does Adam take? Write `adam_steps` without looking up: two
averages, two corrections, one division.

- `gradients` is an array `(T, D)`: the gradient of each of `T` steps for each of `D` parameters.
- The result is an array `(T, D)` of floats: what is *added* to the parameters at each step, so that
  $θ_t = θ_{t-1} +$ `steps[t - 1]`.
- `eps` is added after the root, as in the paper and in PyTorch. Both averages begin at 0; the first step has
  $t = 1$.

By hand: whatever the size of the first gradient, the first step is `-rate` where it is positive and `rate`
where it is negative (up to `eps`).""",
    hints=(
        (
            "My first step is too long or too short.",
            "After one step the averages are (1 - β₁) g and (1 - β₂) g². Divide each by what is missing to "
            "g and g²: 1 - β₁ᵗ and 1 - β₂ᵗ, with t = 1 at the first step.",
        ),
        (
            "The first step is right, a later one is not.",
            "Carry the plain averages from step to step. The corrected ones are used once and thrown away.",
        ),
        (
            "Where does eps go, and what has its own scale?",
            "Each parameter is divided by the root of its own corrected average of squares; eps is added "
            "after the root is taken.",
        ),
    ),
    solution=adam_steps,
    cases=(
        Case(
            "no bias correction: the first step has the wrong length",
            (np.array([[2.0, -0.5]]), 0.1),
            hint=0,
            expected=np.array([[-0.1, 0.1]]),
        ),
        Case(
            "the same scale for all parameters",
            (np.array([[1.0, 100.0], [1.0, 100.0]]), 1.0),
            hint=2,
            expected=np.array([[-1.0, -1.0], [-1.0, -1.0]]),
        ),
        Case("corrected averages carried on, or one correction left out", (np.array(_THREE), 0.1), hint=1),
        Case(
            "eps in another place",
            (np.array([[1.0], [1.0]]), 1.0),
            {"eps": 0.25},
            hint=2,
            expected=np.array([[-0.8], [-0.8]]),
        ),
        Case(
            "no average of the gradients",
            (np.array([[1.0], [-1.0]]), 1.0),
            {"beta1": 0.5, "beta2": 0.5},
            hint=1,
            expected=np.array([[-1.0], [1 / 3]]),
        ),
    ),
    wrong={
        "no bias correction": _adam_variant(correct1=False, correct2=False),
        "corrects the average of the gradients only": _adam_variant(correct2=False),
        "corrects the average of the squares only": _adam_variant(correct1=False),
        "counts steps from 0": _adam_variant(first=0),
        "stores the corrected averages": _adam_variant(stored=True),
        "eps under the root": _adam_variant(inside=True),
        "eps before the correction, as Keras has it": _adam_variant(folded=True),
        "momentum only: no division by the root": _adam_variant(scale="none"),
        "one scale for all parameters": _adam_variant(scale="all"),
        "the sign of the gradient": _adam_variant(sign=1),
        "RMSprop with a correction: no average of the gradients": _without_momentum,
        "the two β exchanged": _exchanged,
        "the parameters instead of the steps": _positions,
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


def _without_constant(errors):
    _refused(errors)
    return math.log(errors[-1]) / math.log(errors[-2])


def _ratio(errors):
    _refused(errors)
    return float(errors[-1] / errors[-2])


def _of_differences(errors):
    _refused(errors)
    e1, e2, e3 = errors[-3:]
    return math.log(abs(e3 - e2)) / math.log(abs(e2 - e1))


def _upside_down(errors):
    return 1 / order_of_convergence(errors)


def _from_the_start(errors):
    _refused(errors)
    return order_of_convergence(list(errors)[:3])


def _mean_of_all(errors):
    _refused(errors)
    logs = np.log(np.asarray(errors, dtype=float))
    falls = np.diff(logs)
    return float(np.mean(falls[1:] / falls[:-1]))


def _careless(errors):
    if len(errors) < 3:
        raise ValueError("too few")
    e1, e2, e3 = errors[-3:]
    return math.log(max(e3, 1e-300) / e2) / math.log(e2 / e1) if e1 != e2 else 1.0


def _pads(errors):
    if len(errors) < 3:
        return 1.0
    return order_of_convergence(errors)


convergence = Exercise(
    number="2.3.4",
    title="How fast does the error fall?",
    level=4,
    minutes=15,
    points=3,
    statement="""\
Near the minimum the distance $e$ to it often obeys $e_{t+1} ≈ c\\, e_t^{\\,p}$. With $p = 1$ each step adds
the same number of right digits, with $p = 2$ it doubles them. Write `order_of_convergence`, which finds $p$
without knowing $c$.

- `errors` is a list or array of $T ≥ 3$ distances, one a step. Use the **last three**: the law holds near the
  end.
- The result is a `float`.
- Fewer than three errors, or a last three that are not all above 0 and falling: `ValueError`. (An error of
  exactly 0 has no logarithm.)

By hand: 0.1, 0.05, 0.025 halve at each step, so $p = 1$ (and $c = ½$).

When it is right, let it judge: give it the distances from the minimum of gradient descent on the bowl (rate
0.25), and those of Newton's method on log cosh from 1.0, as far as they are above 1e-12. Textbooks promise 1
and 2. One of the two keeps more than was promised; $\\tanh θ ≈ θ - θ^3/3$, which has no square, says why.""",
    hints=(
        (
            "How do I get rid of c?",
            "Write the law for two successive steps, e₂ = c e₁ᵖ and e₃ = c e₂ᵖ, and divide one by the other.",
        ),
        (
            "How do I get at p, an exponent?",
            "Logarithms: log(e₃ / e₂) = p · log(e₂ / e₁).",
        ),
        (
            "My answer is right for clean numbers and wrong in a case.",
            "Only the last three errors count. Check that they are positive and falling before you take a "
            "logarithm.",
        ),
    ),
    solution=order_of_convergence,
    cases=(
        Case("the ratio of the errors, without logarithms", ([0.1, 0.05, 0.025],), hint=0, expected=1.0),
        Case("the constant c forgotten", ([0.1, 0.03, 0.0027],), hint=1, expected=2.0),
        Case(
            "the slow beginning counted",
            (np.array([1.0, 0.9, 0.5, 1e-1, 1e-3, 1e-7]),),
            hint=2,
            expected=2.0,
        ),
        Case("the constant c forgotten, errors above 1", ([64.0, 16.0, 2.0],), hint=1, expected=1.5),
        Case("two errors are enough", ([0.1, 0.01],), hint=2, raises=ValueError),
        Case("an error of 0 is taken on", ([0.1, 0.01, 0.0],), hint=2, raises=ValueError),
        Case("errors that do not fall", ([0.1, 0.1, 0.05],), hint=2, raises=ValueError),
    ),
    wrong={
        "log e3 / log e2: forgets the constant": _without_constant,
        "the ratio of the errors": _ratio,
        "differences instead of ratios": _of_differences,
        "the fraction upside down": _upside_down,
        "the first three errors": _from_the_start,
        "the mean over all steps": _mean_of_all,
        "takes an error of 0, or one that does not fall": _careless,
        "an answer for two errors": _pads,
    },
)

# 2.3.5 make a favourite lose ----------------------------------------------------------------------

make_it_lose = Exercise(
    number="2.3.5",
    title="Make a favourite lose",
    level=4,
    minutes=20,
    points=0,
    kind="design",
    statement="""\
An experiment of your own. Choose one optimiser and build a problem of two parameters on which it needs at
least three times the steps of another, each at its best rate. Write down before you run it **why** it should
lose; vary one thing; count steps with `steps_until` and choose rates from one grid for all.

There is nothing to check. `show_solution("2.3.5")` has one worked example.""",
    hints=(
        (
            "I do not know where to begin.",
            "Ask what each update assumes. RMSprop and Adam assume that the axes are the directions that "
            "matter. Momentum assumes that the next slope is like the last.",
        ),
        (
            "My favourite always wins.",
            "Turn a ravine, make it as narrow as you like, or add noise to the gradient. And see that its "
            "best rate is not at the end of your grid.",
        ),
    ),
    solution="""\
Why RMSprop should lose: its division is done for each axis apart. In a ravine that lies along the diagonal
both axes see much the same squares, so the division evens out nothing, and what is left is plain descent
with a step that does not shrink as the slope does.

One thing varies: the angle of the ravine, 0 or 45 degrees, condition number 1000. Grid: 17 rates from 0.001
to 10, up to 500 steps, counted until the loss stays below 1/10,000 of its start.

Result, in the section's table: along the axes RMSprop needs 8 steps and wins; turned, it does not arrive in
500. Momentum needs 103 at both angles, since turning the problem turns its path. Adam goes from 78 to 212:
its momentum saves it from the worst.

What this does not show: that RMSprop loses on networks, where nobody knows the angle.""",
)

EXERCISES = [one_step, safe_rate, adam, convergence, make_it_lose]
