"""A conformance vector that is wrong in one thing, which a runner must notice."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from tests.clients.languages import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LUA = ROOT / "lua"

Vector = dict[str, Any]


def wrong_vectors() -> Iterator[tuple[str, Vector]]:
    """Spoil `smallest_vector` in each way."""
    for spoil in FAULTS:
        vector = smallest_vector()
        spoil(vector)
        yield spoil.__name__.removeprefix("_"), vector


def smallest_vector() -> Vector:
    """One page view of a new visitor, as it is committed."""
    vectors = json.loads((LUA / "vectors" / "visits.json").read_text(encoding="utf-8"))
    (vector,) = (vector for vector in vectors if vector["name"] == "new-visitor")
    return dict(vector)


def lua_folder(path: Path, vector: Vector) -> Path:
    """Make a folder for LUA_DIR with the presets, their scripts and one vector."""
    (path / "vectors").mkdir(parents=True)
    (path / "vectors" / "one.json").write_text(json.dumps([vector]), encoding="utf-8")
    for name in ("presets", "rendered"):
        shutil.copytree(LUA / name, path / name)
    return path


def _first_answer(vector: Vector) -> Any:  # noqa: ANN401 - JSON
    return vector["calls"][0]["reply"][0]


def _a_flag_too_few(vector: Vector) -> None:
    _first_answer(vector)["flags"].pop()


def _another_value(vector: Vector) -> None:
    _first_answer(vector)["profile"]["visitor_events"] = 2


def _a_text_for_a_number(vector: Vector) -> None:
    _first_answer(vector)["profile"]["visitor_events"] = "1"


def _another_boolean(vector: Vector) -> None:
    _first_answer(vector)["profile"]["visit_bounce"] = False


def _another_byte(vector: Vector) -> None:
    """Neither byte is UTF-8: as text, both would be the same replacement character."""
    vector["calls"][0]["argv"][-1] = {"hex": "ff"}
    profile = _first_answer(vector)["profile"]
    profile |= {name: {"hex": "fe"} for name in profile if name.endswith("_page")}


def _a_name_too_few(vector: Vector) -> None:
    del _first_answer(vector)["profile"]["visit_bounce"]


def _a_name_too_many(vector: Vector) -> None:
    _first_answer(vector)["profile"]["visit_colour"] = "red"


def _a_trigger_too_many(vector: Vector) -> None:
    _first_answer(vector)["triggers"] = ["big", "0" * 40, "fired", "1700000000000"]


def _an_answer_too_many(vector: Vector) -> None:
    vector["calls"][0]["reply"].append(deepcopy(_first_answer(vector)))


def _a_name_too_few_in_a_read(vector: Vector) -> None:
    known = dict(_first_answer(vector)["profile"])
    del known["visit_bounce"]
    _and_then(vector, ["alice", ""], read=known)


def _an_empty_read(vector: Vector) -> None:
    _and_then(vector, ["alice", ""], read={})


def _another_order_of_fields(vector: Vector) -> None:
    _and_then(vector, ["fields"], fields=[*_first_answer(vector)["profile"]][::-1])


def _and_then(vector: Vector, argv: list[str], **outcome: object) -> None:
    vector["calls"].append({"keys": vector["calls"][0]["keys"], "argv": argv, **outcome})


def _an_error(vector: Vector) -> None:
    del vector["calls"][0]["reply"]
    vector["calls"][0]["error"] = "EBADARG"


def _another_key(vector: Vector) -> None:
    """Everywhere: only the caller's own way to build keys can notice."""
    vector["key"] = vector["calls"][0]["keys"][0] = "<prefix>visitor:{other}"


def _a_stored_name_too_many(vector: Vector) -> None:
    vector["hash"]["visit_colour"] = "red"


def _another_type(vector: Vector) -> None:
    vector["hash"] = None


def _no_ttl(vector: Vector) -> None:
    vector["ttl_ms"] = None


def _a_longer_ttl(vector: Vector) -> None:
    vector["ttl_ms"] += 60_000


FAULTS: tuple[Callable[[Vector], None], ...] = (
    _a_flag_too_few,
    _another_value,
    _a_text_for_a_number,
    _another_boolean,
    _another_byte,
    _a_name_too_few,
    _a_name_too_many,
    _a_trigger_too_many,
    _an_answer_too_many,
    _a_name_too_few_in_a_read,
    _an_empty_read,
    _another_order_of_fields,
    _an_error,
    _another_key,
    _a_stored_name_too_many,
    _another_type,
    _no_ttl,
    _a_longer_ttl,
)
