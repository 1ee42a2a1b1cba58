"""Every notebook as it is stored. Whether its outputs are still true, the run of notebooks/ itself tells."""

import pytest

from tools.hygiene import problems, read_as_stored
from tools.kernel import NOTEBOOKS, find_notebooks


@pytest.mark.parametrize("path", find_notebooks(), ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_a_notebook_is_clean(path):
    found = problems(read_as_stored(path), path)
    assert not found, "\n".join(found)


def test_there_are_notebooks_to_test():
    assert len(find_notebooks()) >= 2
