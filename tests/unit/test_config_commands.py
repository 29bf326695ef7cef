"""`profiler config` on the command line."""

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from profiler.cli.app import app
from profiler.config import json_schema, load_settings
from profiler.config.settings import Settings
from profiler.errors import ProfilerError

pytestmark = pytest.mark.usefixtures("elsewhere")


def output_of(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["config", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_show_says_where_values_come_from(tmp_path: Path) -> None:
    (tmp_path / "profiler.toml").write_text("[batch]\nmax_records = 7\n")
    flags = ("--redis", "redis://h", "--rules", "article", "--bootstrap-servers", "k:1")
    shown = output_of("show", *flags)
    for line in (
        'rules = "article"  # --rules',
        'bootstrap_servers = "k:1"  # --bootstrap-servers',
        'url = "redis://h"  # --redis',
        "max_records = 7  # profiler.toml",
        "poll_timeout_ms = 500  # default",
        "# compression is not set",
    ):
        assert line in shown.splitlines()
    assert tomllib.loads(shown)["batch"] == {"max_records": 7, "poll_timeout_ms": 500}


def test_schema_is_json() -> None:
    assert json.loads(output_of("schema")) == json_schema()


def test_init_writes_a_file_once(tmp_path: Path) -> None:
    assert output_of("init") == "wrote profiler.toml\n"
    (tmp_path / "profiler.toml").read_text("utf-8").index("# max_records = 500")
    assert load_settings() == Settings()
    for path, words in (
        ("profiler.toml", "nothing was written"),
        ("absent/p.toml", "No such file"),
    ):
        with pytest.raises(ProfilerError, match=words):
            output_of("init", path)
