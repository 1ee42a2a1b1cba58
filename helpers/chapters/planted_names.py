"""Names of a made-up language with one rule, for section 3.3: what a recurrent network must remember.

The rule is that of Finnish vowels. A name begins and ends with a vowel of one group, `aou` or `äöy`; the
vowels between them are neutral, `e` or `i`. So the last vowel can be told from the first only.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from helpers.plotting import axes_or_new

GROUPS = ("aou", "äöy")
NEUTRAL = "ei"
CONSONANTS = "hklmnprst"
LETTERS = "." + "".join(GROUPS) + NEUTRAL + CONSONANTS  # the dot begins and ends a name
BITS = (np.log2(5) + 4 * np.log2(9) + 1 + 2 * np.log2(3) + 2) / 9  # per letter, for one who knows the rule


def make_name(rng: np.random.Generator) -> str:
    """A name of two to six syllables, each a consonant and a vowel, such as "kahilo" or "kyhilö"."""
    group, between = list(GROUPS[rng.integers(2)]), rng.integers(5)
    vowels = [rng.choice(group), *rng.choice(list(NEUTRAL), between), rng.choice(group)]
    return "".join(rng.choice(list(CONSONANTS)) + vowel for vowel in vowels)


def keeps_the_rule(name: str) -> bool:
    """Whether exactly two vowels are not neutral, the first and the last, and both are of one group."""
    vowels = [letter for letter in name if letter not in CONSONANTS]
    if len(vowels) < 2 or set(vowels[1:-1]) - set(NEUTRAL):
        return False
    return any(vowels[0] in group and vowels[-1] in group for group in GROUPS)


def plot_unit(values: Any, is_back: Sequence[bool], *, ax: Axes | None = None) -> Axes:
    """Draw one number of the state over the letters of each name, a line for a name; returns the Axes.

    ``values`` (names, letters); ``is_back`` (names,) says which names have the vowels `aou`. Raises
    ValueError where the numbers of names differ.
    """
    if len(values) != len(is_back):
        raise ValueError(f"values of {len(values)} names, groups of {len(is_back)}: one each is needed")
    ax = axes_or_new(ax, figsize=(7, 3.4))
    for row, back in zip(values, is_back, strict=True):
        ax.plot(row, "C0-" if back else "C1--", lw=1, alpha=0.6)
    for style, group in zip(("C0-", "C1--"), GROUPS, strict=True):
        ax.plot([], style, label=" ".join(group))
    letters = ["dot", *["consonant", "vowel"] * len(values[0])][: len(values[0])]
    ax.set_xticks(range(len(letters)), letters, rotation=60, fontsize=9)
    ax.set(ylabel="one number of the state")
    ax.legend()
    return ax
