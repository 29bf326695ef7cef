"""schemathesis with many examples, other ones each night.

Takes minutes, so it is part of the nightly run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.service.conftest import store, visitors
from tests.service.fuzzing import fuzz, known_visitors
from tests.service.running import Service

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.visitors import Visitors

__all__ = ["store", "visitors"]


def test_requests_of_every_kind_are_answered_as_described(
    visitors: Visitors,
    tmp_path: Path,
) -> None:
    known_visitors(visitors)
    settings = {
        "redis__url": visitors.url,
        "rules": visitors.rules_path,
        "serve__requests_per_s": "0",
        "serve__access_log": "false",
    }
    with Service(tmp_path, settings) as service:
        found = fuzz(service, tmp_path, "--max-examples=500")
        assert found.returncode == 0, found.stdout
        assert not [line for line in service.lines() if line["level"] == "error"], service.output
