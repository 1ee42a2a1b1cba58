"""The fixtures of the service's tests, which flood a service: nothing else runs beside them."""

from pathlib import Path

from tests.service.serving import (  # noqa: F401
    by_hand,
    client,
    digits,
    gated,
    models,
    question,
    running,
    two_versions,
)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("alone")
