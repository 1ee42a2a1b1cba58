"""Whether the message of an error names what it has to name, however it is written."""

import math
import re

NUMBER = re.compile(r"(?<![\d.])[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?(?!\d)", re.IGNORECASE)


def not_named(message: str, mentions: tuple) -> list[str]:
    """Those of the mentions that the message does not name, as text."""
    return [str(mention) for mention in mentions if not names(message, mention)]


def names(message: str, mention: object) -> bool:
    """Whether a message names a number, a text, or each number of a tuple in its order.

    2 is named by "2x3", "(2,3)", "v2" and "2.0", not by "12", "2.5" or "-2"; (2, 3) by "2 × 3" and "[2,3]";
    0.125 by "0.12" too.
    """
    numbers = _numbers_in(message)
    if isinstance(mention, str) and _has_word(message, mention):
        return True
    if isinstance(mention, (tuple, list)):
        rest = iter(numbers)
        return all(any(_is_named_by(number, wanted) for number in rest) for wanted in mention)
    wanted = _as_number(mention)
    if wanted is not None:
        numbers += _numbers_in(re.sub(r"(?<=\d)[,_](?=\d{3}(?!\d))", "", message))  # 1,000 and 1_000
        return any(_is_named_by(number, wanted) for number in numbers)
    return _has_word(message, str(mention))


def values_named(mentions: tuple) -> frozenset:
    """The numbers among the mentions: what the message about one input must say, and no other need say."""
    flat = [part for one in mentions for part in (one if isinstance(one, (tuple, list)) else [one])]
    return frozenset(filter(lambda number: number is not None, map(_as_number, flat)))


def _has_word(message: str, word: str) -> bool:
    """Whether a word stands in the message by itself, or as a version: v2, vabc."""
    return re.search(rf"(?<!\w)v?{re.escape(word)}(?!\w)", message, re.IGNORECASE) is not None


def _numbers_in(message: str):
    """The numbers of a message in their order, as text."""
    message = re.sub(r"(?<=[\w)\]])(?<!\de)-", " - ", message.replace("−", "-"))  # 2-3 holds no -3
    return NUMBER.findall(message)


def _as_number(mention: object):
    """A finite number, or a text that is one, as a float; None for anything else."""
    try:
        number = None if isinstance(mention, bool) else float(mention)
    except (TypeError, ValueError):
        return None
    return number if number is not None and math.isfinite(number) else None


def _is_named_by(text: str, wanted: float):
    """Whether the text is the number, or what it is when rounded."""
    number, wanted = float(text), float(wanted)
    decimals = len(text.partition(".")[2])
    if wanted.is_integer() or not decimals or "e" in text.lower():
        return math.isclose(number, wanted, rel_tol=1e-9)
    return abs(number - wanted) <= 0.51 * 10**-decimals and math.isclose(number, wanted, rel_tol=0.05)
