"""Answers to the exercises of 4.2c from outside: wrong in one thing, or right and written differently."""

import re

import numpy as np


def right_4_2_6_by_taking_the_name_apart(published):
    parts = published.split(".")
    if len(parts) == 2 and parts[0] in ("conv1", "bn1", "fc"):
        return {"conv1": "stem.0.0", "bn1": "stem.0.1", "fc": "head"}[parts[0]] + "." + parts[1]
    if len(parts) in (4, 5) and parts[0].startswith("layer"):
        begin = f"stages.{int(parts[0][5:]) - 1}.{parts[1]}"
        if len(parts) == 5 and parts[2] == "downsample":
            return f"{begin}.shortcut.{parts[3]}.{parts[4]}"
        if parts[2] in ("conv1", "conv2", "bn1", "bn2"):
            return f"{begin}.parts.{int(parts[2][-1]) - 1}.{int(parts[2].startswith('bn'))}.{parts[3]}"
    raise ValueError(f"unknown name: {published}")


def wrong_4_2_6_stages_of_one_digit_and_blocks_of_one_digit(published):
    if re.search(r"\.\d\d\.", published):
        raise ValueError(f"unknown name: {published}")
    return right_4_2_6_by_taking_the_name_apart(published)


def wrong_4_2_6_the_stem_without_its_row(published):
    return right_4_2_6_by_taking_the_name_apart(published).replace("stem.0.", "stem.")


def right_4_2_7_colour_by_colour(pixels, mean, std):
    if pixels.dtype != np.dtype("uint8"):
        raise ValueError(f"{pixels.dtype} where uint8 is wanted")
    planes = [(pixels[..., c].astype(float) / 255 - mean[c]) / std[c] for c in range(3)]
    return np.stack(planes, axis=1)


def wrong_4_2_7_the_spread_first(pixels, mean, std):
    if pixels.dtype != np.uint8:
        raise ValueError(f"{pixels.dtype} where uint8 is wanted")
    return (pixels / 255 / std - mean).transpose(0, 3, 1, 2)


def wrong_4_2_7_reshaped(pixels, mean, std):
    if pixels.dtype != np.uint8:
        raise ValueError(f"{pixels.dtype} where uint8 is wanted")
    n, height, width, colours = pixels.shape
    return ((pixels / 255 - mean) / std).reshape(n, colours, height, width)
