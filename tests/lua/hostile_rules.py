"""Rules files that say what they like, and texts that try to get out of the script's quotes."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from profiler.rules.model import Rules

#: What no script of ours writes: it is there only if a text of the rules was executed.
PWNED = f"pwned-{uuid.uuid4().hex[:8]}"
CALL = f"redis.call('SET','{PWNED}',1)"
#: Each ends what its text may stand in, calls, and hides what comes behind it.
PAYLOADS = [
    f'"]] ; {CALL} --',
    f'" ; {CALL} --',
    f"' ; {CALL} --",
    f'\\" ; {CALL} --',
    f"x ; {CALL} --",
    f"]] {CALL} --[[",
    f"\n{CALL}\n--",
    f"\r\n{CALL}\r\n--",
    f"]]\n{CALL}\n--[[",
    f"\n--% set x = 1\n{CALL}\n",
]
PLACES = {"beginning": 0.0, "middle": 0.5, "end": 1.0}
NAMES = ("name", "predicate", "field", "bounce", "operation", "scope", "order")
TEXTS = (
    *("taken", "tested", "value", "visitor", "visit", "event_id", "created", "nobody", "key"),
    "otherwise",
)


class Words(NamedTuple):
    """What a rules file says: `NAMES`, and `TEXTS`, which may be any."""

    name: str = "hostile"
    predicate: str = "held"
    field: str = "visitor_first_page"
    bounce: str = "visit_count"
    operation: str = "first"
    scope: str = "visitor"
    order: str = "event_time"
    taken: str = "page"
    tested: str = "kind"
    value: str = "view"
    visitor: str = "v"
    visit: str = "s"
    event_id: str = "e"
    created: str = "c"
    nobody: str = "n"
    key: str = "k:"
    otherwise: str = "o"


def quoted(text: str) -> str:
    """A string of TOML; it is one of JSON, but for a DEL and what JSON has in pairs."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def file_of(words: Words) -> str:
    """A rules file that says these words."""
    said = {name: quoted(text) for name, text in words._asdict().items()}
    said["key"] = quoted(words.key + "<id>")
    return """
name = {name}
order = {order}
[identity]
visitor = {visitor}
visit = {visit}
event_id = {event_id}
created = {created}
nobody = [{nobody}]
[store]
key = {key}
[predicates]
{predicate} = [{{ field = {tested}, equals = {value} }}]
[visit]
bounce = {bounce}
[[fields]]
name = {field}
scope = {scope}
operation = {operation}
value = {taken}
when = {predicate}
[[fields]]
name = "visitor_last"
scope = "visitor"
operation = "last"
value = {taken}
default = {otherwise}
[[fields]]
name = "visit_count"
scope = "visit"
operation = "count"
when = {predicate}
""".format_map(said)


def said_by(rules: Rules) -> Words:
    """The words of a file that was taken."""
    identity, ((predicate, (test,)),) = rules.identity, rules.predicates.items()
    taken = rules.fields[0]
    return Words(
        name=rules.name,
        predicate=predicate,
        field=taken.name,
        taken=str(taken.value),
        otherwise=str(rules.fields[1].default),
        tested=test.field or "",
        value=str(test.equals or ""),
        visitor=identity.visitor[0],
        visit=identity.visit,
        event_id=identity.event_id or "",
        created=identity.created or "",
        nobody=identity.nobody[0],
        key=rules.store.key.removesuffix("<id>"),
    )


def with_texts(text: str) -> Words:
    """The same at every place of a text."""
    return Words()._replace(**dict.fromkeys(TEXTS, text))


def placed(found: str, place: str, text: str) -> str:
    """A text with something in it, at a place."""
    at = round(PLACES[place] * len(text))
    return text[:at] + found + text[at:]
