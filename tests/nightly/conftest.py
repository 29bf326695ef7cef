"""The fixtures of the integration tests, for those that take long."""

from tests.integration.conftest import deploy

__all__ = ["deploy"]
