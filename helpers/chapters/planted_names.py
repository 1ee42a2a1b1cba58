"""Names of a made-up language with one rule, for section 3.3: what a recurrent network must remember.

The rule is that of Finnish vowels. A name begins and ends with a vowel of one group, `aou` or `äöy`; the
vowels between them are neutral, `e` or `i`. So the last vowel can be told from the first only.
"""

import numpy as np

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
