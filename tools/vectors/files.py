"""The files of vectors, by name."""

from pathlib import Path

from profiler.rules.model import load_rules
from profiler.rules.render import render
from tools.vectors import (
    arguments,
    article,
    ends,
    engaged,
    forgets,
    forgotten,
    gaps,
    identities,
    largest,
    mean,
    midnights,
    migration,
    mixed,
    numbers,
    order,
    outputs,
    permutations,
    predicates,
    reads,
    redelivery,
    rules,
    sent,
    since,
    sizes,
    standard,
    states,
    tallies,
    texts,
    times,
    touches,
    triggers,
    uniques,
    values,
    visits,
    windows,
)
from tools.vectors.derived.files import derived_files
from tools.vectors.layout import text_of
from tools.vectors.scripts import OWN

LUA = Path(__file__).parents[2] / "lua"

THEMES = {
    "visits": visits,
    "forgotten": forgotten,
    "forgets": forgets,
    "order": order,
    "permutations": permutations,
    "redelivery": redelivery,
    "outputs": outputs,
    "identities": identities,
    "times": times,
    "sent": sent,
    "numbers": numbers,
    "largest": largest,
    "mean": mean,
    "uniques": uniques,
    "values": values,
    "windows": windows,
    "ends": ends,
    "tallies": tallies,
    "since": since,
    "touches": touches,
    "engaged": engaged,
    "triggers": triggers,
    "gaps": gaps,
    "midnights": midnights,
    "standard": standard,
    "predicates": predicates,
    "rules": rules,
    "texts": texts,
    "sizes": sizes,
    "reads": reads,
    "arguments": arguments,
    "states": states,
    "migration": migration,
    "article": article,
    "mixed": mixed,
}


def files() -> dict[str, str]:
    """Return the text of every file of vectors, and every script of their own, by name."""
    texts = {f"{name}.json": text_of(list(theme.vectors())) for name, theme in THEMES.items()}
    return texts | scripts() | derived_files()


def scripts() -> dict[str, str]:
    """Return the text of every script of their own, by name."""
    rules = {script.script: load_rules(str(LUA / script.rules)) for script in OWN.values()}
    return {name.removeprefix("vectors/"): render(each) for name, each in rules.items()}
