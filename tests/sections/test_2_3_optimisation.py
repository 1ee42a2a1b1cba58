"""The solutions of section 2.3 agree with the libraries, on problems that the exercises do not show."""

import numpy as np
import pytest

from exercises.ch2_math import s3_optimisation as ch


def descent(hessian, rate, steps=400):
    """Distance from the minimum of ½ θᵀ A θ after gradient descent from (1, 1, …)."""
    theta = np.ones(len(hessian))
    for _ in range(steps):
        theta = theta - rate * hessian @ theta
    return np.linalg.norm(theta)


def test_descent_converges_just_below_the_limit_and_runs_away_just_above():
    for seed in range(5):
        root = np.random.default_rng(seed).normal(size=(4, 4))
        hessian = root @ root.T + np.eye(4)
        limit = ch.rate_limit(hessian)
        assert descent(hessian, 0.98 * limit) < 0.1
        assert descent(hessian, 1.02 * limit) > 10


def test_adam_steps_are_those_of_torch():
    torch = pytest.importorskip("torch")
    gradients = np.random.default_rng(0).normal(size=(30, 3)) * [1e-3, 1.0, 1e3]
    theta = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([theta], lr=0.1, betas=(0.8, 0.95), eps=1e-2)
    places = [np.zeros(3)]
    for gradient in gradients:
        theta.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        places.append(theta.detach().numpy().copy())
    mine = ch.adam_steps(gradients, 0.1, beta1=0.8, beta2=0.95, eps=1e-2)
    np.testing.assert_allclose(mine, np.diff(places, axis=0), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("power", "constant"), [(1, 0.3), (2, 3.0), (3, 0.7)])
def test_the_order_of_a_made_up_sequence_is_found(power, constant):
    errors = [0.2]
    for _ in range(3):
        errors.append(constant * errors[-1] ** power)
    assert ch.order_of_convergence(errors) == pytest.approx(power)


def test_the_slope_of_the_first_exercise_is_the_one_of_a_small_nudge():
    def loss(w):
        return ((w * 3) ** 2 - 5) ** 2 / 2

    slope = (loss(1 + 1e-6) - loss(1 - 1e-6)) / 2e-6
    assert pytest.approx(1 - 0.01 * slope, abs=1e-6) == ch.NEW_WEIGHT
