"""The digits of people that come in a wheel."""

import numpy as np
import pytest

from helpers.chapters.real_digits import SPLITS, real_digits


@pytest.fixture(scope="module")
def splits():
    return {split: real_digits(split) for split in SPLITS}


def test_the_splits_are_3500_500_and_1000_pictures_and_each_digit_occurs_500_times(splits):
    assert [len(pictures) for pictures, _ in splits.values()] == [3_500, 500, 1_000]
    labels = np.concatenate([labels for _, labels in splits.values()])
    assert (np.bincount(labels) == 500).all()
    for pictures, labels in splits.values():
        assert pictures.shape == (len(labels), 1, 28, 28)
        assert (pictures.dtype, labels.dtype) == (np.float32, np.int64)
        assert (pictures.min(), pictures.max()) == (0, 1)


def test_no_picture_stands_in_two_splits(splits):
    seen = [{picture.tobytes() for picture in pictures} for pictures, _ in splits.values()]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 5_000


def test_pictures_are_digits_and_labels_fit_them(splits):
    (X, y), (X_val, y_val) = splits["train"], splits["val"]
    means = np.stack([X[y == digit].mean(axis=0) for digit in range(10)])
    distances = ((X_val[:, None] - means) ** 2).sum(axis=(2, 3, 4))
    assert (distances.argmin(axis=1) == y_val).mean() > 0.7  # 0.1 if labels and pictures were out of step


def test_an_unknown_split_is_refused_by_name():
    with pytest.raises(ValueError, match=r"tests.*train"):
        real_digits("tests")
