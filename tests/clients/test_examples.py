"""What the READMEs show is what runs; those in Go and Java have a test in their own language."""

from __future__ import annotations

import sys
from operator import attrgetter
from typing import TYPE_CHECKING

import pytest

from tests.clients.languages import NODE, PYTHON, Language, build, run

if TYPE_CHECKING:
    from tests.conftest import MakeStore

#: The file that the README shows, and the command that runs it.
EXAMPLES = {
    NODE: ("src/example.ts", ("node", "dist/example.js")),
    PYTHON: ("example.py", (sys.executable, "example.py")),
}


@pytest.mark.parametrize("language", EXAMPLES, ids=attrgetter("name"))
def test_example_runs_as_shown(language: Language, private_store: MakeStore) -> None:
    build(language)
    source, command = EXAMPLES[language]
    shown = (language.directory / "README.md").read_text(encoding="utf-8")
    assert f"\n{(language.directory / source).read_text(encoding='utf-8')}```\n" in shown

    done = run(command, language.directory, language.environment(private_store().url))
    assert done.returncode == 0, done.stderr
    first, *others = done.stdout.lower().splitlines()
    assert sorted(first.split()) == ["1", "new_visit", "new_visitor", "true"]
    assert others == ["home to home", "no flag 2 false", "home to prices"]
