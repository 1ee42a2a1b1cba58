"""Section 6.1: the solutions of its exercises agree with the libraries."""

import numpy as np
import pytest

from exercises import WrongAnswer, check
from exercises.ch6_vision import s1_image_classification as ch


def test_the_solutions_of_6_1_agree_with_the_libraries():
    scipy_ndimage = pytest.importorskip("scipy.ndimage")
    metrics = pytest.importorskip("sklearn.metrics")
    torch = pytest.importorskip("torch")
    from torch import nn

    random = np.random.default_rng(0)
    for size, kernel, stride, padding in [(28, 5, 1, 2), (9, 3, 2, 0), (8, 2, 2, 0), (7, 7, 3, 1)]:
        made = nn.Conv2d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, size, size)).shape[-1]
        assert ch.conv_output_size(size, kernel, stride, padding) == made
    layers = [
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.Linear(16 * 2 * 2, 10),
    ]
    assert sum(p.numel() for layer in layers for p in layer.parameters()) == ch.N_PARAMETERS
    images = random.normal(size=(2, 3, 5, 4))
    for dy, dx in [(0, 0), (1, -2), (-4, 3), (5, 0), (-9, 9)]:
        np.testing.assert_array_equal(
            ch.shift_image(images, dy, dx), scipy_ndimage.shift(images, (0, 0, dy, dx), order=0)
        )
    y_true, y_pred = random.integers(0, 4, size=(2, 50))
    np.testing.assert_array_equal(
        ch.confusion_matrix(y_true, y_pred, 5), metrics.confusion_matrix(y_true, y_pred, labels=range(5))
    )
    y, scores = np.array([0, 1] * 20), random.integers(0, 12, size=40) / 12
    for recall in (0.05, 0.3, 0.5, 0.95, 1.0):
        enough = [t for t in scores if metrics.recall_score(y, scores >= t) >= recall]
        assert ch.threshold_for_recall(y, scores, recall) == max(enough)
    losses, sizes = random.random(7), random.integers(1, 9, 7)
    assert ch.epoch_mean(losses, sizes) == pytest.approx(np.average(losses, weights=sizes))


def test_one_number_a_channel_in_batch_normalisation_has_its_own_sentence():
    with pytest.raises(WrongAnswer, match="more than one number for each of its channels") as caught:
        check("6.1.2", 1898)
    assert "Which numbers of a batch normalisation are trained?" in str(caught.value)
