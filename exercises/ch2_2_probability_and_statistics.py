"""Exercises of section 2.2, probability: Bayes, scaling, coverage, a safe loss, a fair comparison."""

import math
import random
from statistics import stdev

import numpy as np
from scipy import stats

from . import Case, Exercise

# 2.2.1 two checkers agree -------------------------------------------------------------------------

_BOTH_IF_WRONG, _BOTH_IF_RIGHT = 0.9**2, 0.05**2
BOTH_FLAG = 0.02 * _BOTH_IF_WRONG / (0.02 * _BOTH_IF_WRONG + 0.98 * _BOTH_IF_RIGHT)


def _near(number, sentence):
    """A check that knows one wrong number, to three decimals, and where it comes from."""
    return lambda answer: sentence if abs(answer - number) < 2e-3 * max(number, 0.1) else None


two_checkers = Exercise(
    number="2.2.1",
    title="Two checkers agree",
    level=1,
    minutes=5,
    points=1,
    kind="predict",
    rtol=1e-3,
    statement="""\
A second checker is bought. It is as good as the first (it flags 90 % of the wrong labels and 5 % of the
right ones) and works independently: once we know whether a label is wrong, what one checker says tells
nothing about the other. Of the labels, 2 % are wrong. **Both** checkers flag a picture. How likely is its
label wrong?

Work it out on paper and write a number between 0 and 1, to three decimals or as an expression. To start: when
one checker flags, 18 flags are justified for every 49 that are not, and 18 / (18 + 49) = 0.269.""",
    hints=(
        (
            "I do not know how to use the second flag.",
            "What is P(both flag | wrong), and what is P(both flag | right)? Independent, so multiply. Then "
            "use Bayes' rule as before, with these two in place of 0.9 and 0.05.",
        ),
        (
            "I have a number for the wrong labels only.",
            "Imagine 1,000,000 pictures: 20,000 wrong labels, 980,000 right ones. How many of each kind "
            "does the pair of checkers flag?",
        ),
    ),
    solution=BOTH_FLAG,
    cases=(
        Case(
            "a percentage",
            check=lambda answer: "A probability lies between 0 and 1." if not 0 <= answer <= 1 else None,
        ),
        Case(
            "the wrong direction",
            hint=0,
            check=_near(0.81, "That is P(both flag | wrong). Asked is P(wrong | both flag)."),
        ),
        Case(
            "the prior left out",
            hint=1,
            check=_near(0.81 / 0.8125, "Right labels are 49 times as common as wrong ones: where is that?"),
        ),
        Case("the second flag ignored", hint=0, check=_near(18 / 67, "That is what one flag says.")),
        Case(
            "posteriors multiplied",
            hint=0,
            check=_near((18 / 67) ** 2, "A second flag cannot make the label less suspicious."),
        ),
        Case(
            "the two taken for two labels",
            hint=1,
            check=_near(
                1 - (49 / 67) ** 2, "That is the chance that of two flagged labels at least one is wrong."
            ),
        ),
        Case(
            "the joint probability",
            hint=1,
            check=_near(0.0162, "That is P(wrong and both flag): divide by the probability of two flags."),
        ),
        Case("any other number"),
    ),
    wrong={
        "gives P(both flag | wrong)": 0.81,
        "forgets how rare wrong labels are": 0.997,
        "ignores the second flag": 18 / 67,
        "multiplies the two posteriors": (18 / 67) ** 2,
        "takes the two flags for two labels": 1 - (49 / 67) ** 2,
        "forgets to divide": 0.02 * 0.81,
        "answers in percent": 86.9,
        "adds the odds instead of multiplying them": 36 / 85,
    },
)

# 2.2.2 scaling that survives a constant column ----------------------------------------------------


def standardise(X_train, X):
    """X with each column shifted by the mean and divided by the standard deviation it has in X_train.

    X_train (N, D), X (M, D), any numbers -> float array (M, D). ddof=0. A column that is constant in X_train
    is shifted and not divided. The inputs stay as they are.
    """
    # Common wrong turn: testing std == 0. The mean of 0.1, 0.1, 0.1 is rounded, so the standard deviation is
    # 1e-17 and not 0, and dividing by it makes rounding errors as large as the data.
    mean, sd = np.mean(X_train, axis=0), np.std(X_train, axis=0)
    constant = np.max(X_train, axis=0) == np.min(X_train, axis=0)
    return (np.asarray(X) - mean) / np.where(constant, 1.0, sd)


def _quietly(function):
    """With NumPy's warnings off: in a notebook they are printed, and the numbers come all the same."""

    def answer(*arguments):
        with np.errstate(all="ignore"):
            return function(*arguments)

    return answer


def _scaled(X_train, X, sd):
    return (np.asarray(X) - np.mean(X_train, axis=0)) / sd


def _divides_where_not_zero(X_train, X):
    sd = np.std(X_train, axis=0)
    return _scaled(X_train, X, np.where(sd == 0, 1.0, sd))


def _drops_what_is_constant(X_train, X):
    constant = np.max(X_train, axis=0) == np.min(X_train, axis=0)
    return np.where(constant, 0.0, standardise(X_train, X))


def _in_place(X_train, X):
    X[:] = standardise(X_train, X)
    return X


def _one_mean_for_all(X_train, X):
    sd = np.std(X_train)
    return (np.asarray(X) - np.mean(X_train)) / (sd if sd > 1e-12 else 1.0)


def _with_ddof(X_train, X):
    constant = np.max(X_train, axis=0) == np.min(X_train, axis=0)
    return _scaled(X_train, X, np.where(constant, 1.0, np.std(X_train, axis=0, ddof=1)))


_CONSTANT = np.array([[1.0, 7.0], [3.0, 7.0]])
_ROUNDED = np.array([[0.1, 0.0], [0.1, 2.0], [0.1, 4.0]])

scale_columns = Exercise(
    number="2.2.2",
    title="Scaling that survives a constant column",
    level=2,
    minutes=10,
    points=2,
    statement="""\
Many methods want every column of the data at mean 0 and standard deviation 1. Write `standardise`, which
prepares any `X` with what was measured on `X_train`.

- `X_train` (N, D) and `X` (M, D) are arrays of any numbers; the result is a float array (M, D).
- Mean and standard deviation (ddof=0) are those of each column of `X_train`, also when `X` is another split.
- A column that is constant in `X_train` has no spread to divide by: shift it, and leave its scale alone.
- The inputs keep their values.

By hand: a training column 1, 3 has mean 2 and standard deviation 1, so 5 becomes 3. A training column 7, 7
becomes 0, 0, and a 9 in the same column becomes 2.""",
    hints=(
        (
            "Which numbers are measured where?",
            "np.mean and np.std with axis=0 give one number a column. Both are of X_train; of X you need "
            "only its values.",
        ),
        (
            "nan, inf or huge numbers come out.",
            "Something was divided by nothing. Replace the standard deviation of a constant column by 1 "
            "before you divide: np.where. Hiding nan afterwards does not help: 2 / 0 is inf.",
        ),
        (
            "It works for a column of 7 and fails for a column of 0.1.",
            "Print np.std([0.1, 0.1, 0.1]). What tells a constant column apart without any rounding?",
        ),
    ),
    solution=standardise,
    cases=(
        Case(
            "columns mixed up, or shifted and not scaled",
            (np.array([[1.0, 10.0], [5.0, 40.0]]), np.array([[1.0, 10.0], [5.0, 55.0]])),
            hint=0,
            expected=np.array([[-1.0, -1.0], [1.0, 2.0]]),
        ),
        Case(
            "X scaled by its own numbers",
            (np.array([[1.0], [3.0]]), np.array([[5.0], [7.0], [9.0]])),
            hint=0,
            expected=np.array([[3.0], [5.0], [7.0]]),
        ),
        Case(
            "divided by n - 1",
            (np.array([[0.0], [3.0], [6.0]]), np.array([[3.0], [3.0 + math.sqrt(6)]])),
            hint=0,
            expected=np.array([[0.0], [1.0]]),
        ),
        Case(
            "a constant column divided by nothing",
            (_CONSTANT, _CONSTANT),
            hint=1,
            expected=np.array([[-1.0, 0.0], [1.0, 0.0]]),
        ),
        Case(
            "a new value in a column that was constant",
            (_CONSTANT, np.array([[5.0, 7.0], [1.0, 9.0]])),
            hint=1,
            expected=np.array([[3.0, 0.0], [-1.0, 2.0]]),
        ),
        Case(
            "a constant column that rounding hides",
            (_ROUNDED, np.array([[0.1, 2.0], [1.1, 2.0]])),
            hint=2,
            expected=np.array([[0.0, 0.0], [1.0, 0.0]]),
        ),
        Case(
            "small whole numbers that run over",
            (np.array([[100], [200]], dtype=np.uint8), np.array([[50], [250]], dtype=np.uint8)),
            hint=0,
            expected=np.array([[-2.0], [2.0]]),
        ),
    ),
    wrong={
        "measures X itself": lambda X_train, X: standardise(X, X),
        "no thought of constant columns": _quietly(
            lambda X_train, X: _scaled(X_train, X, np.std(X_train, 0))
        ),
        "hides the nan afterwards": _quietly(
            lambda X_train, X: np.nan_to_num(_scaled(X_train, X, np.std(X_train, 0)))
        ),
        "adds a tiny number to the standard deviation": lambda X_train, X: _scaled(
            X_train, X, np.std(X_train, axis=0) + 1e-8
        ),
        "asks whether the standard deviation is exactly 0": _divides_where_not_zero,
        "sets what was constant to 0, whatever comes": _drops_what_is_constant,
        "divides by n - 1": _with_ddof,
        "one mean and one spread for the whole table": _one_mean_for_all,
        "divides by the variance": lambda X_train, X: _scaled(
            X_train, X, np.where(np.ptp(X_train, axis=0) == 0, 1.0, np.var(X_train, axis=0))
        ),
        "writes into X": _in_place,
        "keeps the whole numbers whole": lambda X_train, X: standardise(X_train, X).astype(X.dtype),
    },
)

# 2.2.3 does a 95 % interval keep its word? --------------------------------------------------------


def coverage(low, high, p):
    """Probability that the interval holds the true p (low <= p <= high), exactly, without simulation.

    low, high (n + 1,): the ends of the interval that is reported for 0, 1, ..., n right answers of n. How
    many are right is binomial with probability p -> float.
    """
    # Common wrong turn: the share of the n + 1 results that are covered; but they are not equally likely.
    low, high = np.asarray(low), np.asarray(high)
    n = len(low) - 1
    held = (low <= p) & (p <= high)
    return float(stats.binom.pmf(np.arange(n + 1), n, p)[held].sum())


def _weighted(pmf, *, strict=False, part=slice(None)):
    """Sums pmf(right, n, p) over the results whose interval holds p, or over a part of them."""

    def answer(low, high, p):
        n = len(low) - 1
        results = range(n + 1)[part]
        held = [low[k] < p < high[k] if strict else low[k] <= p <= high[k] for k in results]
        return float(sum(pmf(k, n, p) for k, inside in zip(results, held, strict=True) if inside))

    return answer


def _one_too_many(low, high, p):
    held = (np.asarray(low) <= p) & (p <= np.asarray(high))
    return float(stats.binom.pmf(np.arange(len(low)), len(low), p)[held].sum())


def _of_the_likeliest(low, high, p):
    likeliest = round((len(low) - 1) * p)
    return float(low[likeliest] <= p <= high[likeliest])


def _simulated(low, high, p):
    draws = np.random.default_rng(0).binomial(len(low) - 1, p, size=2_000)
    return float(np.mean((np.asarray(low)[draws] <= p) & (p <= np.asarray(high)[draws])))


def _many_results():
    share = np.arange(2001) / 2000
    return share - 0.0203, share + 0.0203, 0.5


coverage_of_an_interval = Exercise(
    number="2.2.3",
    title="Does a 95 % interval keep its word?",
    level=4,
    minutes=15,
    points=3,
    statement="""\
A 95 % interval should hold the true p in 95 % of all test sets. Prove it, or disprove it, without drawing a
single random number: n pictures can only come out in n + 1 ways. Write `coverage`.

- `low` and `high` (n + 1,) are the ends of the interval that is reported when 0, 1, …, n of the n answers are
  right. They give n too.
- The number of right answers is binomial: n independent pictures, each right with probability `p`.
- The result is a `float`: the probability that `low <= p <= high`. It must also work for n = 2000.

By hand: n = 2, `low = [0, 0.2, 0.7]`, `high = [0.3, 0.8, 1]`, p = 0.5. The results 0, 1, 2 have
probabilities 0.25, 0.5, 0.25, and only the middle interval holds 0.5: the coverage is 0.5. Then judge the two
intervals above: `coverage(*plain_interval(np.arange(383), 382), 0.99)`, and the same for Wilson's.""",
    hints=(
        (
            "What do I add up?",
            "For each possible result: is p inside the interval that it leads to? If so, add the "
            "probability of that result, P(right) of the binomial distribution with the true p.",
        ),
        (
            "My sum misses something.",
            "From none right to all right there are n + 1 results, and len(low) is n + 1. An end of the "
            "interval belongs to it.",
        ),
        (
            "It fails for n = 2000.",
            "math.comb(2000, 1000) has 601 digits, too many for a float. scipy.stats.binom.pmf(right, n, p) "
            "works with logarithms.",
        ),
    ),
    solution=coverage,
    cases=(
        Case(
            "every result counted as equally likely",
            (np.array([0.0, 0.2, 0.7]), np.array([0.3, 0.8, 1.0]), 0.5),
            hint=0,
            expected=0.5,
        ),
        Case(
            "all right left out",
            (np.array([0.0, 0.2, 0.7]), np.array([0.3, 0.8, 1.0]), 0.9),
            hint=1,
            expected=0.81,
        ),
        Case(
            "none right left out",
            (np.array([0.0, 0.2, 0.7]), np.array([0.3, 0.8, 1.0]), 0.1),
            hint=1,
            expected=0.81,
        ),
        Case(
            "the ends of the interval left out",
            (np.array([0.25, 0.25, 0.5, 0.75]), np.array([0.25, 0.5, 0.75, 1.0]), 0.5),
            hint=1,
            expected=0.75,
        ),
        Case(
            "the share that was seen put in place of p",
            (np.array([0.0, 0.0, 0.3, 0.5]), np.array([0.5, 0.8, 0.95, 1.0]), 0.9),
            hint=0,
            expected=3 * 0.9**2 * 0.1 + 0.9**3,
        ),
        Case(
            "numbers too large for a float",
            _many_results,
            args_text="np.arange(2001) / 2000 - 0.0203, np.arange(2001) / 2000 + 0.0203, 0.5",
            hint=2,
            expected=float(stats.binom.cdf(1040, 2000, 0.5) - stats.binom.cdf(959, 2000, 0.5)),
        ),
    ),
    wrong={
        "the share of results, not their probability": _weighted(lambda k, n, p: 1 / (n + 1)),
        "range(n) leaves out all right": _weighted(stats.binom.pmf, part=slice(0, -1)),
        "begins at 1": _weighted(stats.binom.pmf, part=slice(1, None)),
        "takes n + 1 for n": _one_too_many,
        "the ends do not belong to it": _weighted(stats.binom.pmf, strict=True),
        "weighs each result by the share it shows": _weighted(lambda k, n, p: stats.binom.pmf(k, n, k / n)),
        "forgets how many ways lead to a result": _weighted(lambda k, n, p: p**k * (1 - p) ** (n - k)),
        "math.comb times a float": _weighted(lambda k, n, p: math.comb(n, k) * p**k * (1 - p) ** (n - k)),
        "looks at the likeliest result only": _of_the_likeliest,
        "simulates, and is off by chance": _simulated,
    },
)

# 2.2.4 binary cross-entropy from the logit --------------------------------------------------------


def binary_cross_entropy(z, y):
    """Mean loss of yes-or-no answers, in nats: -log p where y is 1, -log(1 - p) where y is 0, p = sigmoid(z).

    z (N,): logits, any finite floats, y (N,): 0 or 1 -> float, exact to rounding for large z of either sign.
    """
    # Common wrong turn: p = sigmoid(z) first. For z = 40, p is rounded to 1 and log(1 - p) is lost; clipping
    # p hides that, and every large mistake costs the same. -log(1 - p) is log(1 + exp(z)), -log p is z less.
    z, y = np.asarray(z, dtype=float), np.asarray(y)
    return float(np.mean(np.logaddexp(0, z) - y * z))


def _sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, dtype=float)))


def _charged(z, y, low=0.0):
    p = np.clip(_sigmoid(z), low, 1 - low)
    return np.where(np.asarray(y) == 1, -np.log(p), -np.log(1 - p))


_LOGITS = np.log(np.array([0.8, 0.1, 0.9]) / np.array([0.2, 0.9, 0.1]))

safe_binary_loss = Exercise(
    number="2.2.4",
    title="Yes or no, without overflow",
    level=3,
    minutes=10,
    points=3,
    statement="""\
For a yes-or-no question a network gives one logit z; the *sigmoid* $p = 1 / (1 + e^{-z})$ makes it the
probability of yes. Write the loss `binary_cross_entropy` directly from the logits, right for any finite z.

- `z` (N,): floats; `y` (N,): 0 or 1. The result is the **mean** over the N questions, a `float`, in nats.
- An answer that is sure and wrong, z = 1000 with y = 0, costs 1000, not inf and not what a clipped p costs.

By hand: z = 0 means p = 0.5, and costs log 2 = 0.693 whatever y is. The logits of p = (0.8, 0.1, 0.9) with
y = (1, 0, 1) give 0.1446, as above.""",
    hints=(
        (
            "What does each question cost?",
            "-log p for a yes, -log(1 - p) for a no. Both kinds are charged, and the mean is over all N.",
        ),
        (
            "inf or nan comes out for z = 1000, or it costs only 30.",
            "Put p = 1 / (1 + exp(-z)) into -log p and simplify on paper before you compute: a logarithm of "
            "1 + exp(something) remains. What remains of -log(1 - p)?",
        ),
        (
            "exp still overflows.",
            "log(1 + exp(a)) is log(exp(0) + exp(a)), a log-sum-exp of two numbers: np.logaddexp(0, a). Or "
            "take out the larger one yourself: max(a, 0) + log1p(exp(-|a|)).",
        ),
    ),
    solution=binary_cross_entropy,
    cases=(
        Case("base 2 instead of e", (np.array([0.0]), np.array([1])), hint=0, expected=math.log(2)),
        Case(
            "the noes are not charged",
            (_LOGITS, np.array([1, 0, 1])),
            hint=0,
            expected=-(math.log(0.8) + math.log(0.9) + math.log(0.9)) / 3,
        ),
        Case(
            "a sum instead of a mean",
            (np.zeros(4), np.array([0, 1, 1, 0])),
            hint=0,
            expected=math.log(2),
        ),
        Case(
            "p rounded to 1, and 1 - p lost",
            (np.array([40.0, -50.0]), np.array([0, 1])),
            hint=1,
            expected=45.0,
        ),
        Case(
            "exp overflows, or p is clipped",
            (np.array([1000.0, -1000.0]), np.array([0, 1])),
            hint=1,
            expected=1000.0,
        ),
        Case(
            "nan for an answer that is right",
            (np.array([1000.0, -1000.0]), np.array([1, 0])),
            hint=2,
            expected=0.0,
        ),
    ),
    wrong={
        "takes the logarithm of a rounded p": _quietly(lambda z, y: float(_charged(z, y).mean())),
        "clips p": _quietly(lambda z, y: float(_charged(z, y, low=1e-15).mean())),
        "charges the yeses only": lambda z, y: float(np.mean(y * np.logaddexp(0, -z))),
        "adds up": lambda z, y: binary_cross_entropy(z, y) * len(z),
        "in bits": lambda z, y: binary_cross_entropy(z, y) / math.log(2),
        "the sign of z turned round": lambda z, y: binary_cross_entropy(-z, y),
        "takes the logits for probabilities": _quietly(
            lambda z, y: float(-np.mean(y * np.log(z) + (1 - y) * np.log(1 - z)))
        ),
        "log(1 + exp(z)) as it stands": _quietly(lambda z, y: float(np.mean(np.log(1 + np.exp(z)) - y * z))),
        "forgets the minus": lambda z, y: -binary_cross_entropy(z, y),
    },
)

# 2.2.5 two classifiers, the same pictures ---------------------------------------------------------


def paired_standard_error(right_a, right_b):
    """Standard error of the difference of two accuracies that were measured on the same n pictures.

    right_a, right_b (n,): 1 (True) where the classifier is right, else 0; n >= 2 -> float. The variance of
    the n differences has ddof=1. Raises ValueError when the lengths differ.
    """
    # Common wrong turn: adding the two squared standard errors, as if each had been measured on pictures of
    # its own. Pictures that are hard for both then count as noise, though they cancel in the difference.
    a, b = np.asarray(right_a, dtype=float), np.asarray(right_b, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"{a.shape} and {b.shape}: one entry per picture for each of the two classifiers")
    return float((a - b).std(ddof=1) / math.sqrt(len(a)))


def _same_length(right_a, right_b):
    if len(right_a) != len(right_b):
        raise ValueError("lengths")
    return np.asarray(right_a, dtype=float), np.asarray(right_b, dtype=float)


def _independent(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    return float(math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a)))


def _spread_only(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    return float((a - b).std(ddof=1))


def _ddof_zero(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    return float((a - b).std() / math.sqrt(len(a)))


def _absolute(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    return float(np.abs(a - b).std(ddof=1) / math.sqrt(len(a)))


def _as_it_comes(right_a, right_b):
    if len(right_a) != len(right_b):
        raise ValueError("lengths")
    difference = np.asarray(right_a) - np.asarray(right_b)
    return float(difference.std(ddof=1) / math.sqrt(len(difference)))


def _as_a_share(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    difference = abs(a.mean() - b.mean())
    return float(math.sqrt(difference * (1 - difference) / len(a)))


def _resampled(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    dice = random.Random(0)
    pairs = list(zip(a, b, strict=True))
    means = [float(np.mean([x - y for x, y in dice.choices(pairs, k=len(pairs))])) for _ in range(200)]
    return stdev(means)


_A = np.array([1, 1, 0, 0, 1, 1, 0, 1])
# the differences are 0 1 0 0 0 1 -1 0: mean 1/8, sum of squares about it 3 - 1/8
_B = np.array([1, 0, 0, 0, 1, 0, 1, 1])

compare_in_pairs = Exercise(
    number="2.2.5",
    title="Two classifiers, the same pictures",
    level=3,
    minutes=10,
    points=2,
    statement="""\
Is one classifier better than another, or luckier? Both were asked about the same n pictures, so their luck is
partly shared: a picture that is easy for both says nothing about the difference. Write
`paired_standard_error`, the standard error of (accuracy of A − accuracy of B).

- `right_a`, `right_b`: n entries each, arrays or lists, 1 or `True` where the classifier is right, any dtype.
- The difference of the accuracies is the mean of n differences, one a picture. A mean has the standard error
  sd / √n; take the variance of the differences with ddof=1. The result is a `float`.
- Lengths that differ: `ValueError`. n is at least 2.

By hand: A = 1, 1, 0, 0 and B = 1, 0, 0, 0. The differences are 0, 1, 0, 0 with variance 0.25, so the standard
error is √(0.25 / 4) = 0.25. Then call it with `right_bernoulli` and `right_multinomial`: is the lead of the
second one more than luck?""",
    hints=(
        (
            "My number is too large.",
            "Adding the two squared standard errors is right for two separate test sets. Here subtract "
            "first, picture by picture, and measure the spread of that.",
        ),
        (
            "An error about booleans, or a number beyond all reason.",
            "NumPy does not subtract booleans, and in uint8 0 - 1 is 255. Turn both into floats first.",
        ),
        (
            "What about lengths?",
            "NumPy stretches an array of one entry to any length without a word: compare the shapes.",
        ),
    ),
    solution=paired_standard_error,
    cases=(
        Case(
            "two independent test sets assumed",
            (np.array([1, 1, 0, 0]), np.array([1, 0, 0, 0])),
            hint=0,
            expected=0.25,
        ),
        Case(
            "the sign of the differences lost",
            (_A, _B),
            hint=0,
            expected=math.sqrt(23 / 8 / 7 / 8),
        ),
        Case(
            "shared luck counted as noise",
            (np.array([1, 0, 1, 0, 1]), np.array([1, 0, 1, 0, 1])),
            hint=0,
            expected=0.0,
        ),
        Case(
            "booleans subtracted",
            (_A.astype(bool), _B.astype(bool)),
            hint=1,
            expected=math.sqrt(23 / 8 / 7 / 8),
        ),
        Case(
            "0 - 1 in uint8",
            (_A.astype(np.uint8), _B.astype(np.uint8)),
            hint=1,
            expected=math.sqrt(23 / 8 / 7 / 8),
        ),
        Case(
            "lists are not arrays",
            ([True, True, False, False], [True, False, False, False]),
            hint=1,
            expected=0.25,
            why="answers that call methods of arrays on a list fail here",
        ),
        Case(
            "lengths that differ go unnoticed",
            (np.array([1, 0, 1]), np.array([1])),
            hint=2,
            raises=ValueError,
        ),
    ),
    wrong={
        "adds the two squared standard errors": _independent,
        "the spread of the differences, not of their mean": _spread_only,
        "ddof=0": _ddof_zero,
        "takes absolute differences": _absolute,
        "subtracts booleans or bytes as they come": _as_it_comes,
        "treats the difference as a share": _as_a_share,
        "bootstraps, and is off by chance": _resampled,
        "lets NumPy stretch the shorter one": lambda right_a, right_b: float(
            (np.asarray(right_a, dtype=float) - np.asarray(right_b, dtype=float)).std(ddof=1)
            / math.sqrt(len(right_a))
        ),
    },
)

EXERCISES = [two_checkers, scale_columns, coverage_of_an_interval, safe_binary_loss, compare_in_pairs]
