"""Commands about rules files: check, show, explain, schema, diff."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from profiler.cli import EXIT_CONFIG
from profiler.cli.options import complete_preset
from profiler.cli.rules_diff import diff
from profiler.rules.explain import (
    FieldWords,
    InputWords,
    TriggerWords,
    condition_words,
    explained_fields,
    explained_inputs,
    explained_triggers,
)
from profiler.rules.layers import Layered, layered_file
from profiler.rules.model import Rules, rules_of
from profiler.rules.places import RulesError, printable
from profiler.rules.schema import file_schema
from profiler.rules.toml_places import Place
from profiler.rules.toml_text import toml_text

RulesFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="A rules file, or a preset.", autocompletion=complete_preset
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]

#: Where there is no terminal whose width is known.
_WIDTH = 200


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    rules = typer.Typer(help="Rules files: what a profile has.", no_args_is_help=True)
    for command in (check, show, explain, schema, diff):
        rules.command()(command)
    app.add_typer(rules, name="rules")


def check(file: RulesFile, *, as_json: AsJson = False) -> None:
    """Say all mistakes of a rules file at once, each with its place; exits 78 where there are any.

    A line is file:line:column: rule: field: what is wrong; did you mean X? With --json it is one
    object: file, version, fields, and findings with file, line, column, where, message, nearest.

    Example: profiler rules check my.toml
    """
    try:
        rules = rules_of(layered_file(file))
    except RulesError as error:
        findings = [finding._asdict() for finding in error.findings]
        told = json.dumps({"file": file, "findings": findings}, ensure_ascii=False)
        typer.echo(told if as_json else str(error))
        raise typer.Exit(EXIT_CONFIG) from error
    fields = len(explained_fields(rules))
    if as_json:
        right = {"file": file, "version": rules.version, "fields": fields, "findings": []}
        typer.echo(json.dumps(right, ensure_ascii=False))
        return
    typer.echo(f"{file} is right: {fields} fields, version {rules.version}")


def show(file: RulesFile, *, as_json: AsJson = False) -> None:
    """Print the effective file: what it extends laid under it, and where each part is from.

    The output is a rules file of its own, of the same version.

    Example: profiler rules show my.toml > whole.toml
    """
    layered = layered_file(file)
    rules = rules_of(layered)
    if as_json:
        typer.echo(json.dumps(layered.data, ensure_ascii=False))
        return
    typer.echo(f"# {file}, version {rules.version}")
    named = {"name": layered.data["name"]} | layered.data
    typer.echo(toml_text(named, lambda place: _remark(layered, place)), nl=False)


def _remark(layered: Layered, place: Place) -> str:
    """Where a part is from, where there are several files."""
    if len(layered.sources) == 1:
        return ""
    origin = layered.origin(place)
    line, _ = origin.source.at(origin.place)
    return f"{printable(origin.source.path)}:{line}"


def explain(file: RulesFile, *, as_json: AsJson = False) -> None:
    """Say what each field is: meaning, type, unit, cost, and what an event must carry.

    Behind them come the event's fields that are read, the triggers, and the limits.

    The server's time is what the operation took when it was measured, in µs an event. Bytes are
    what the field adds to one visitor's state; the length of texts comes on top.

    Example: profiler rules explain standard
    """
    rules = rules_of(layered_file(file))
    fields, inputs = explained_fields(rules), explained_inputs(rules)
    if as_json:
        typer.echo(json.dumps(_as_json(rules, fields, inputs), ensure_ascii=False))
        return
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    tables = [_fields_table(rules, fields), _inputs_table(inputs), _limits_table(rules)]
    if triggers := explained_triggers(rules):
        tables.insert(2, _triggers_table(triggers))
    for table in tables:
        with console.capture() as shown:
            console.print(table)
        typer.echo("\n".join(line.rstrip() for line in shown.get().splitlines()))


def _as_json(rules: Rules, fields: list[FieldWords], inputs: list[InputWords]) -> dict[str, object]:
    return {
        "version": rules.version,
        "order": rules.order,
        "fields": [field.as_json() for field in fields],
        "inputs": [each._asdict() for each in inputs],
        "predicates": {
            name: [condition_words(test) for test in tests]
            for name, tests in rules.predicates.items()
        },
        "triggers": [each._asdict() for each in explained_triggers(rules)],
        "visit": rules.visit and rules.visit.model_dump(exclude_none=True),
        "limits": rules.limits.model_dump(),
        "store": rules.store.model_dump(),
    }


def _fields_table(rules: Rules, fields: list[FieldWords]) -> Table:
    table = Table(box=None, pad_edge=False, title=f"{rules.version}", title_justify="left")
    for name in ("field", "type", "unit", "µs", "bytes", "what it keeps", "an event must carry"):
        table.add_column(name, overflow="fold", no_wrap=name in {"field", "type", "µs"})
    for above, field in zip([None, *fields], fields, strict=False):
        if above and field.cost and field[2:] == above[2:]:
            # One rule has several fields, and costs what it costs once.
            table.add_row(*map(Text, (field.name, field.type, "", "", "", "the same, whole", "")))
            continue
        micros, size = "", ""
        if (cost := field.cost) is not None:
            micros = "?" if cost.micros is None else f"{cost.micros:.1f}"
            size = f"{cost.bytes}" + " + text" * bool(cost.texts)
            size = f"{cost.times} times {size}" if cost.times > 1 else size
        words = (field.name, field.type, field.unit, micros, size, field.meaning, field.needs)
        table.add_row(*map(Text, words))
    return table


def _inputs_table(inputs: list[InputWords]) -> Table:
    table = Table(
        box=None, pad_edge=False, title="\nwhat is read of an event", title_justify="left"
    )
    for name in ("field of the event", "what it is", "used by"):
        table.add_column(name, overflow="fold")
    for each in inputs:
        table.add_row(Text(each.name), Text(each.meaning), Text(", ".join(each.used_by)))
    return table


def _triggers_table(triggers: list[TriggerWords]) -> Table:
    table = Table(box=None, pad_edge=False, title="\ntriggers", title_justify="left")
    for name in ("trigger", "once for each", "fires when", "may be retracted"):
        table.add_column(name, overflow="fold")
    for each in triggers:
        undone = "yes" if each.is_undone else "no"
        table.add_row(*map(Text, (each.name, each.scope, "; ".join(each.when), undone)))
    return table


def _limits_table(rules: Rules) -> Table:
    table = Table(box=None, pad_edge=False, title="\nlimits", title_justify="left")
    for name in ("limit", "value"):
        table.add_column(name)
    for part in (rules.visit, rules.limits, rules.store):
        for name, value in part.model_dump(exclude_none=True).items() if part else ():
            table.add_row(Text(name), Text(str(value)))
    return table


def schema() -> None:
    """Print the JSON Schema of rules files, for editors and other checks.

    Example: profiler rules schema > rules.schema.json
    """
    typer.echo(json.dumps(file_schema(Rules), indent=2, ensure_ascii=False))
