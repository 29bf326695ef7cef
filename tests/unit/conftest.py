"""Fixtures of the unit tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.unit.oracle_events import Feed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a profiler.toml of the working tree nor a developer's variables take part."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PROFILER_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "other.toml"
    path.write_text('rules = "article"\n[kafka]\nclient_id = "file"\n[batch]\nmax_records = 7\n')
    return path


@pytest.fixture
def feed() -> Feed:
    """A `standard` fold that knows nobody yet."""
    return Feed()
