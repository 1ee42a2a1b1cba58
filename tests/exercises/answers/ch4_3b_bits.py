"""Answers to the exercises of section 4.3b, written from the statements alone."""

import numpy as np

# 4.3.4 half_step -------------------------------------------------------------------------------------------


def _refused(scale):
    if scale <= 0:
        raise ValueError(f"the scale is {scale}")


def wrong_4_3_4_never_skips(gradients, scale):
    _refused(scale)
    with np.errstate(all="ignore"):
        return (gradients * scale).astype(np.float16).astype(float) / scale, scale


def wrong_4_3_4_in_float32(gradients, scale):
    _refused(scale)
    return (gradients * scale).astype(np.float32).astype(float) / scale, scale


def wrong_4_3_4_clips(gradients, scale):
    _refused(scale)
    return np.clip(gradients * scale, -65504, 65504).astype(np.float16).astype(float) / scale, scale


def wrong_4_3_4_forgets_negative_infinity(gradients, scale):
    _refused(scale)
    with np.errstate(all="ignore"):
        half = (gradients * scale).astype(np.float16)
    if (half == np.inf).any():
        return np.zeros(len(gradients)), scale / 2
    return half.astype(float) / scale, scale


def wrong_4_3_4_takes_a_scale_of_nought(gradients, scale):
    with np.errstate(all="ignore"):
        half = (gradients * scale).astype(np.float16)
    if not np.isfinite(half).all():
        return np.zeros(len(gradients)), scale / 2
    return half.astype(float) / (scale or 1), scale


def right_4_3_4_one_by_one(gradients, scale):
    _refused(scale)
    with np.errstate(all="ignore"):
        half = [float(np.float16(g * scale)) for g in gradients]
    if any(abs(g) == float("inf") for g in half):
        return np.array([0.0] * len(half)), scale * 0.5
    return np.array([g / scale for g in half], dtype=float), scale
