"""`python -m tools.vectors` writes what is stale, and names it with ``--check``."""

import shutil
from pathlib import Path

import pytest

from tools.vectors.__main__ import VECTORS, main


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """A copy of the committed files, to be spoilt."""
    return shutil.copytree(VECTORS, tmp_path / "vectors")


def test_a_stale_file_is_named_and_then_written(
    vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt, absent = vectors / "visits.json", vectors / "order.json"
    right = {path: path.read_text("utf-8") for path in (spoilt, absent)}
    spoilt.write_text("[]\n", "utf-8")
    absent.unlink()

    assert main(["--check"], vectors) == 1
    assert capsys.readouterr().out == f"stale: {spoilt}\nstale: {absent}\n"
    assert spoilt.read_text("utf-8") == "[]\n"

    assert main([], vectors) == 0
    assert capsys.readouterr().out == f"wrote {spoilt}\nwrote {absent}\n"
    assert {path: path.read_text("utf-8") for path in (spoilt, absent)} == right
    assert main(["--check"], vectors) == 0
    assert capsys.readouterr().out == "the vectors are fresh\n"
