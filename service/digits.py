"""The digits that the service's own model is trained on, laid out as the service lays out what it is sent."""

import numpy as np

from helpers.data import load_data
from service.centring import centred


def digit_pictures(split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits as MNIST lays them out: pictures (N, 1, 28, 28) float32 in 0 … 1, labels (N,).

    Each 8 × 8 digit is cut to its ink, enlarged smoothly so that its longer side has 20 pixels, and put with
    its centre of mass in the middle of 28 × 28 pixels: what the service does with a drawn one.
    """
    pictures, labels = load_data("digits", split)
    laid_out = [centred(picture) for picture in np.asarray(pictures, dtype=np.float32).reshape(-1, 8, 8)]
    return np.stack(laid_out)[:, None], labels
