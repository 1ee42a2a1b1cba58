"""A library that talks while it works, silenced for as long as that takes."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_warnings_logged() -> Iterator[None]:
    """Inside the ``with`` block nothing up to the level WARNING is logged, by anybody."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
