"""The callers, built once per session."""

from operator import attrgetter

import pytest

from tests.clients.languages import CALLERS, Language, build


@pytest.fixture(scope="session", params=CALLERS, ids=attrgetter("name"))
def language(request: pytest.FixtureRequest) -> Language:
    """Each caller in turn, built."""
    language: Language = request.param
    build(language)
    return language
