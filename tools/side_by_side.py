"""pytest plug-in for `pytest -n 2`: what stays together on one core, and what has the machine to itself.

pytest-xdist runs the tests in as many processes as `-n` says. Here the tests of one file stay in one process,
for they share what their fixtures made (a notebook: its kernel), and files come in the order of collection.
While a test with the mark `alone` is at work, or a notebook that course.toml marks `alone = true`, the other
processes wait: these flood a service, or measure what other work would disturb. Without `-n` nothing changes.
"""

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tools.course import course

_FOLDER, _HELD = pytest.StashKey[Path](), pytest.StashKey[list[FileLock]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: no other test runs beside it, whatever -n says")
    config.stash[_HELD] = []


def pytest_unconfigure(config: pytest.Config) -> None:
    _release(config.stash[_HELD])
    if _FOLDER in config.stash:
        shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    if config.getoption("dist") != "load":  # somebody asks for another order
        return None
    config.option.loadscopereorder = False  # by the number of tests, the long notebooks would come anywhere
    return LoadFileScheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the process that hands out the work: a folder for locks, which all the others are told."""
    if _FOLDER not in node.config.stash:
        node.config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="course-locks-"))
    node.workerinput["locks"] = str(node.config.stash[_FOLDER])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
    """Each process holds its own lock while it tests; one that tests alone holds those of all of them."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    held = item.config.stash[_HELD]
    if not held:
        held += take_locks(item.config.workerinput, is_alone(item))
    try:
        return (yield)
    finally:  # the tests of a file that are alone come without a pause between them
        if not (is_alone(item) and nextitem and nextitem.path == item.path and is_alone(nextitem)):
            _release(held)


def is_alone(item: pytest.Item) -> bool:
    """Whether a test has the mark `alone`, or belongs to a notebook of which course.toml says so."""
    if item.path.suffix == ".ipynb":
        part = course().part_of(item.path)
        return bool(part and part.alone)
    return item.get_closest_marker("alone") is not None


def take_locks(worker: dict, alone: bool) -> list[FileLock]:
    """Wait for the lock of this process, or for those of all; one at a time, so that each gets its turn."""
    folder = Path(worker["locks"])
    names = [f"gw{number}" for number in range(worker["workercount"])] if alone else [worker["workerid"]]
    locks = [FileLock(folder / name) for name in names]
    with FileLock(folder / "door"):
        for lock in locks:
            lock.acquire()
    return locks


def _release(held: list[FileLock]) -> None:
    while held:
        held.pop().release()
