"""What the tests of several sections use: one thread."""

import pytest


@pytest.fixture(scope="module")
def one_thread():
    """Torch computes with one thread in this module, and afterwards with as many as before."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
