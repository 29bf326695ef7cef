"""Each caller passes its own language's formatter, linter and tests."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING

import pytest

from tests.clients.languages import GO, JAVA, NODE, Language, build, make

if TYPE_CHECKING:
    from tests.conftest import MakeStore

#: What the test runner of a language prints when it ran any.
RAN = {GO: r"^ok\s+\S+/profile\s", JAVA: r"Tests run: [1-9]", NODE: r"^# pass [1-9]"}


@pytest.mark.parametrize("language", RAN, ids=attrgetter("name"))
def test_own_checks_pass(language: Language, private_store: MakeStore) -> None:
    build(language)
    done = make(f"check-client-{language.name}", REDIS_URL=private_store().url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(RAN[language], done.stdout, re.MULTILINE), done.stdout
