"""The fixtures of the service's tests."""

from serving import client, digits, models, running, two_versions  # noqa: F401
