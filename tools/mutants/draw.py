"""Draws mutants by a seed: the same tree and seed give the same mutants in the same order."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

from tools.mutants.areas import Area
from tools.mutants.edits import Edit
from tools.mutants.lua_edits import lua_edits
from tools.mutants.python_edits import python_edits

T = TypeVar("T")


class Mutant(NamedTuple):
    """One change of one file of an area."""

    area: str
    path: str
    line: int
    #: See `Edit.difference`.
    difference: str
    edit: Edit

    @property
    def key(self) -> str:
        """What tells it from all other mutants of the same tree."""
        return f"{self.path}:{self.edit.start}-{self.edit.end}:{self.edit.text}"


def draw(area: Area, tree: Path, seed: int) -> list[Mutant]:
    """All mutants of an area in the order in which they are to be tried.

    Files come in turn, and so do kinds of change within a file, so that neither a long file nor
    a frequent kind crowds out the rest. Nothing comes twice from one line before every other line
    had its turn.
    """
    random = Random(f"{seed} {area.name}")  # noqa: S311 - to be repeated, not to be secret
    files = area.files(tree)
    random.shuffle(files)
    return list(
        _in_turn(_drawn(area, path, (tree / path).read_text("utf-8"), random) for path in files)
    )


def _drawn(area: Area, path: str, source: str, random: Random) -> list[Mutant]:
    edits = python_edits(source) if path.endswith(".py") else lua_edits(source)
    by_kind: defaultdict[str, list[Edit]] = defaultdict(list)
    for edit in edits:
        by_kind[edit.operator].append(edit)
    kinds = sorted(by_kind)
    random.shuffle(kinds)
    for kind in kinds:
        random.shuffle(by_kind[kind])
    first: list[Mutant] = []
    later: list[Mutant] = []
    lines: set[int] = set()
    for edit in _in_turn(by_kind[kind] for kind in kinds):
        line = edit.line(source)
        (later if line in lines else first).append(
            Mutant(area.name, path, line, edit.difference(source), edit)
        )
        lines.add(line)
    return [*first, *later]


def _in_turn(lists: Iterable[list[T]]) -> Iterator[T]:
    """The first of each list, then the second of each, and so on."""
    rounds = zip_longest(*([(item,) for item in items] for items in lists), fillvalue=())
    return chain.from_iterable(chain.from_iterable(rounds))
