"""The fixtures of the integration tests, for those that take long."""

from tests.integration.conftest import deploy, deploy_there, own_broker, settle

__all__ = ["deploy", "deploy_there", "own_broker", "settle"]
