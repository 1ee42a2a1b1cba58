"""Section 2.2: solutions agree with the libraries, other right answers pass, and the start is light."""

import math
import subprocess
import sys

import numpy as np
import pytest

from exercises import check, judging, texts
from exercises.ch2_math import s2_probability_and_statistics as ch
from tools.notebooks import ENGLISH, ROOT, cells_of

NOTEBOOK = ENGLISH / "2_math/2_probability_and_statistics.ipynb"


def test_the_exercises_of_2_2_come_in_the_order_of_the_notebook():
    assert [(number, words.title) for number, words in texts.section_words("2.2").items()] == [
        ("2.2.1", "Two checkers agree"),
        ("2.2.2", "Scaling that survives a constant column"),
        ("2.2.3", "Does a 95 % interval keep its word?"),
        ("2.2.4", "Yes or no, without overflow"),
        ("2.2.5", "Two classifiers, the same pictures"),
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


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("2.2.1", 0.869),
        ("2.2.1", np.float32(324 / 373)),
        ("2.2.2", standardise_in_loops),
        ("2.2.3", coverage_in_loops),
        ("2.2.4", binary_cross_entropy_by_cases),
        ("2.2.5", paired_by_counts),
    ],
)
def test_a_right_answer_in_other_words_is_accepted(number, answer, monkeypatch, capsys):
    monkeypatch.setattr(judging, "_done", set())
    check(number, answer)
    assert capsys.readouterr().out.startswith(f"ok   {number} ")


def test_the_first_cells_import_neither_a_framework_nor_scipy():
    imports, constants = (cell.source for cell in cells_of(NOTEBOOK, "imports", "constants"))
    heavy = ("torch", "tensorflow", "keras", "sklearn", "scipy")
    code = f"{imports}\n{constants}\nprint([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"
