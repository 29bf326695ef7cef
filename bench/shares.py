"""What each field of a preset adds to the script: instructions an event, and bytes of a visitor."""

import argparse
from collections.abc import Mapping, Sequence

from rich.table import Table

from bench.command import Command, Measured, Session
from bench.counting import Case, count_instructions
from bench.errors import BenchError
from bench.populate import Crowd, captured_inputs, populate
from bench.report import Summary
from bench.traffic import TRAFFICS, read_templates
from profiler.rules.model import Rules, load_rules
from servers.redis import FLAVOURS

#: The preset whose fields are left out one after the other, and the one that is set beside it.
PRESET, BESIDE = "standard", "lean"

#: Visitors in memory, of two visits of ten events each.
_CROWD = Crowd(2_000, visits=2, events=10)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", choices=FLAVOURS, default="redis7", help="default: redis7")
    parser.add_argument(
        "--traffic", choices=tuple(TRAFFICS), default="three", help="default: three"
    )
    parser.add_argument("--batches", type=int, default=2, help="to count (default: 2)")


def added_fields() -> list[str]:
    """The names of the fields that the preset has and the other one has not."""
    rules, known = load_rules(PRESET), {rule.name for rule in load_rules(BESIDE).fields}
    return [rule.name for rule in rules.fields if rule.name not in known]


def without(rules: Rules, name: str) -> Rules:
    """The same rules without a field, and without the computed fields that need it.

    Where `visit_bounce` goes with it, the page views of the visit stand for it.

    Raises:
        ValueError: the rest is no set of rules.
    """
    written = rules.model_dump(by_alias=True, exclude_none=True)
    written["fields"] = [rule for rule in written["fields"] if rule["name"] != name]
    computed = [each for each in written.get("computed", []) if name not in str(each)]
    kept = {each["name"] for each in computed}
    computed = [each for each in computed if each.get("not", "") in {"", *kept}]
    written["computed"] = computed
    if not any(each["name"] == "visit_bounce" for each in computed):
        written["visit"] = {"bounce": "visit_pageviews"}
    if not computed:
        del written["computed"]
    return Rules.model_validate(written)


def variants() -> dict[str, Rules]:
    """By what is measured: both presets, and the larger one without each of its own fields."""
    rules = load_rules(PRESET)
    computed = rules.model_copy(
        update={"computed": None, "visit": load_rules(BESIDE).visit, "name": "declared"}
    )
    return {
        BESIDE: load_rules(BESIDE),
        PRESET: rules,
        **{name: without(rules, name) for name in added_fields()},
        "computed fields": computed,
    }


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    case = Case(PRESET, options.traffic)
    counted: dict[str, float] = {}
    sizes: dict[str, float] = {}
    templates = read_templates()
    store = session.private_store(flavour=options.server)
    for name, rules in variants().items():
        (found,) = count_instructions(
            options.server, [case], batches=options.batches, rules=[rules]
        ).values()
        counted[name] = found.per_event
        populate(store, rules, _CROWD, captured_inputs(rules, templates))
        sizes[name] = store.bytes_per_key(_CROWD.keys(rules))
        store.empty()
        session.console.print(f"{name}: {found.per_event:,.0f} instructions an event")
    rows = _rows(counted, sizes)
    return Measured({"traffic": options.traffic, "rows": rows}, [_table(rows)])


def _rows(counted: Mapping[str, float], sizes: Mapping[str, float]) -> list[Summary]:
    if not {BESIDE, PRESET} <= counted.keys():
        raise BenchError("both presets must be counted")
    whole = {
        name: {"what": name, "instructions": round(counted[name]), "bytes": round(sizes[name])}
        for name in (BESIDE, PRESET)
    }
    parts = [
        {
            "what": name,
            "instructions": round(counted[PRESET] - counted[name]),
            "bytes": round(sizes[PRESET] - sizes[name]),
        }
        for name in counted
        if name not in whole
    ]
    return [*whole.values(), *parts]


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(
        caption="thousands of instructions an event inside EVALSHA, and bytes of a visitor with two"
        " visits of ten events; of a field: so much less without it"
    )
    for title in ("", "thousands", "bytes"):
        table.add_column(title)
    for row in rows:
        table.add_row(row["what"], f"{row['instructions'] / 1_000:.1f}", f"{row['bytes']:,}")
    return table


COMMAND = Command(
    help="what each field of `standard` adds to the script, beside `lean`",
    add_options=_add_options,
    measure=_measure,
)
