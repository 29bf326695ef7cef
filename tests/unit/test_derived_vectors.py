"""The vectors of the derived inputs hold, and cover every input."""

from typing import Any

import pytest

from profiler.rules.derived.inputs import DerivedInputs
from profiler.rules.derived.names import NAMED
from profiler.rules.derived.table import Derived
from tools.vectors.derived.files import derived_vectors

VECTORS = [vector for theme in derived_vectors().values() for vector in theme]
FIELDS = {"url": "u", "referrer": "r", "user_agent": "a"}


def derived(vector: dict[str, Any]) -> dict[str, str]:
    table = Derived.model_validate(FIELDS | vector["table"])
    names = list(vector["derived"])
    event = {FIELDS[of]: text for of, text in vector["event"].items()}
    return dict(zip(names, DerivedInputs(table, names).of(event), strict=True))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_vector_holds(vector: dict[str, Any]) -> None:
    assert derived(vector) == vector["derived"], vector["why"]


def test_names_of_vectors_are_unique_and_every_input_has_some() -> None:
    names = [vector["name"] for vector in VECTORS]
    assert len(names) == len(set(names))
    covered = {name for vector in VECTORS for name, value in vector["derived"].items() if value}
    assert set(NAMED) <= covered
