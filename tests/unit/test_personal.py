"""Personal fields and hashed ids: what reaches Redis, and what is refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from profiler.errors import ConfigError
from profiler.profiles.keyed_hash import KeyedHash, StoredIds
from profiler.profiles.packing import Packer
from profiler.records.types import FlatEvent
from profiler.rules.contract import contract_json
from profiler.rules.model import Rules, load_rules, parse_rules

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "lua/vectors/privacy/keyed-hash.json").read_text("utf-8"))["cases"]
KEY = bytes(range(32))
HASH = KeyedHash(KEY)
LEAN = (ROOT / "lua/presets/lean.toml").read_text("utf-8")

PERSONAL = """
[personal]
"query-email" = "hash"
"query-name" = "drop"
"query-unused" = "drop"
"""
FIELDS = """
[[fields]]
name = "visitor_email"
scope = "visitor"
operation = "last"
value = "query-email"

[[fields]]
name = "visitor_name"
scope = "visitor"
operation = "last"
value = "query-name"

[[fields]]
name = "visitor_amount"
scope = "visitor"
operation = "sum"
value = "query-amount"
"""


def rules_with(personal: str = PERSONAL, more: str = "") -> Rules:
    return parse_rules(LEAN + FIELDS + more + personal, "my.toml")


def packed(stored: StoredIds, rules: Rules, **fields: object) -> tuple[str, list[Any]]:
    """The key and the arguments of one event's call."""
    packer = Packer(rules, max_id_bytes=512, clock=lambda: 1_800_000_000_000, stored=stored)
    event = {"query-other_domain_userid": "ada", "query-other_domain_sessionid": "v", **fields}
    [[call]] = packer.rounds([FlatEvent("s:0", 1, 1_700_000_000_000, event)], [])
    return call.key, call.arguments


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["text"][:9] or "empty")
def test_the_keyed_hash_is_openssl_s(case: dict[str, str]) -> None:
    found = KeyedHash(bytes.fromhex(case["key"]))(case["text"])
    assert found == case["hash"]
    assert not found or re.fullmatch(r"[A-Za-z0-9_-]{22}", found)


def test_personal_fields_reach_no_argument() -> None:
    fields = {"query-email": "ada@example.com", "query-name": "Ada", "query-unused": "secret"}
    _, arguments = packed(StoredIds(HASH), rules_with(), **fields)
    names = rules_with().inputs
    values = dict(zip(names, arguments[-len(names) :], strict=True))
    assert values["query-email"] == HASH("ada@example.com")
    assert values["query-name"] == ""
    assert not {"ada@example.com", "Ada", "secret"} & set(map(str, arguments))


def test_what_is_absent_stays_absent_and_an_integer_is_its_text() -> None:
    names = rules_with().inputs
    for email, expected in ((None, ""), ("", ""), (42, HASH("42")), ([1], "")):
        _, arguments = packed(StoredIds(HASH), rules_with(), **{"query-email": email})
        assert dict(zip(names, arguments[-len(names) :], strict=True))["query-email"] == expected


def test_a_hashed_id_is_all_that_key_and_arguments_have() -> None:
    key, arguments = packed(StoredIds(HASH, is_hashed=True), load_rules("lean"))
    assert key == f"visitor:{{{HASH('ada')}}}"
    assert arguments[0] == HASH("ada")
    assert "ada" not in arguments
    key, arguments = packed(StoredIds(HASH), load_rules("lean"))
    assert (key, arguments[0]) == ("visitor:{ada}", "ada")


def test_hashing_needs_a_key() -> None:
    with pytest.raises(ConfigError, match=r"set privacy\.hash_key"):
        packed(StoredIds(), rules_with())
    packed(StoredIds(), rules_with('[personal]\n"query-email" = "drop"\n'))


@pytest.mark.parametrize(
    ("field", "how", "message"),
    [
        ("query-other_domain_userid", "hash", "privacy.hash_visitor_id"),
        ("query-other_domain_sessionid", "drop", "one of [identity]"),
        ("query-amount", "hash", "read as a number"),
        ("query-url", "drop", "derived.host is derived from it"),
        ("derived.host", "hash", "derived from fields of the event"),
        ("query-email", "mask", "'hash' or 'drop'"),
    ],
)
def test_what_makes_no_sense_is_refused(field: str, how: str, message: str) -> None:
    derived = '[derived]\nurl = "query-url"\n'
    host = FIELDS.replace("query-name", "derived.host")
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_rules(f'{LEAN}{host}{derived}[personal]\n"{field}" = "{how}"\n', "my.toml")


def test_it_is_a_part_of_contract_and_version() -> None:
    rules = rules_with()
    assert contract_json(rules, "", "")["personal"]["query-email"] == "hash"
    assert rules.version != rules_with("").version
    assert "personal" not in contract_json(load_rules("lean"), "", "")
