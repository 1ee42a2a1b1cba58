"""The fixtures of the service's tests."""

from tests.service.serving import client, digits, gated, models, question, running, two_versions  # noqa: F401
