"""A mutant of a rendered script: all of the copy must take it for what the rules render to."""

from pathlib import PurePosixPath

from tools.mutants.draw import Mutant

#: What renders, in any tree.
RENDER = "profiler/rules/render.py"

#: Stands behind the copy's `RENDER`. Rules with the preset's fields and other limits, as tests have
#: them, get the mutant too, unless the limit is what it changes.
_HOOK = """

_without_mutant = render


def render(rules):
    lines = _without_mutant(rules).split("\\n")
    if rules.fields == load_rules({preset!r}).fields:
        places = [at for at, line in enumerate(lines) if line == {before!r}]
        for at in places[{nth} : {nth} + 1]:
            lines[at] = {after!r}
    return "\\n".join(lines)
"""


def is_rendered(mutant: Mutant) -> bool:
    """Whether the mutant's file is a rendered preset, not a source."""
    return mutant.path.startswith("lua/rendered/")


def hook(mutant: Mutant, source: str) -> str:
    """What has to follow in the copy's `RENDER`.

    Args:
        mutant: of a rendered preset, within one line.
        source: the rendering as it is.
    """
    at = mutant.line - 1
    before, after = source.split("\n"), mutant.edit.apply(source).split("\n")
    return _HOOK.format(
        preset=PurePosixPath(mutant.path).stem,
        before=before[at],
        after=after[at],
        nth=before[:at].count(before[at]),
    )
