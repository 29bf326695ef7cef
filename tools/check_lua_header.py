"""Reads the header of each rendered script against the code below it.

    python -m tools.check_lua_header [FILE ...]

A header that nothing reads rots. This check compares what people write twice, once in the header
or the contract and once in Lua. What the rendering puts into both from one value (version, TTL,
number of arguments, names of fields) cannot differ, and is not compared.

Prints every disagreement, and ends with 1 when there is one.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

RENDERED = Path(__file__).parent.parent / "lua" / "rendered"

#: The mandatory sections, each by how its first line begins.
SECTIONS = {
    "ATOMIC": "Atomic because",
    "KEYS": "KEYS",
    "ARGV per call": "ARGV, per call",
    "ARGV per event": "ARGV, then per event",
    "RETURNS": "RETURNS",
    "ERRORS": "ERRORS",
    "TTL": "TTL",
    "COST": "COST",
}

#: Locals with another name than the argument that they take: what is made of it later.
ALIASES = {"six": "event_id", "created_text": "created", "time": "received", "now": "stream"}


class Script(NamedTuple):
    """A script taken apart: the header's sections by name, and the code."""

    sections: dict[str, str]
    code: str


def take_apart(text: str) -> Script:
    """Split a script into header and code, and the header into its sections."""
    head, _, code = text.partition("\n]]\n")
    sections: dict[str, str] = {}
    current = "title"
    for line in head.removeprefix("--[[").splitlines():
        current = next((n for n, start in SECTIONS.items() if line.startswith(start)), current)
        sections[current] = sections.get(current, "") + line + "\n"
    return Script(sections, code)


def disagreements(text: str) -> Iterator[str]:
    """Say what the header of one script states otherwise than its code does."""
    if not text.startswith("--[[\n") or "\n]]\n" not in text:
        yield "there is no header"
        return
    script = take_apart(text)
    missing = [name for name in SECTIONS if name not in script.sections]
    if missing:
        yield from (f"{name}: the section is missing" for name in missing)
        return
    yield from _keys(script)
    yield from _arguments("ARGV per call", script, r"  (\d+)", r"args\[(\d+)\]")
    yield from _arguments("ARGV per event", script, r"  \+(\d+)", r"args\[event(?: \+ (\d+))?\]", 1)
    yield from _flags(script)
    yield from _errors(script)
    yield from _cost(script)


def _keys(script: Script) -> Iterator[str]:
    listed = {number for number, _ in _entries(script.sections["KEYS"], r"  (\d+)")}
    used = set(re.findall(r"\bkeys\[(\d+)\]", script.code))
    yield from _unlike("KEYS", listed, used)
    demanded = re.findall(r"#keys > (\d+)", script.code)
    if demanded != [str(len(listed))]:
        yield f"KEYS: the header lists {len(listed)}, the code demands {demanded}"


def _arguments(name: str, script: Script, number: str, index: str, first: int = 0) -> Iterator[str]:
    """Every local that takes an argument is called as the header calls that argument."""
    entries = dict(_entries(script.sections[name], number))
    taken = [(local, str(int(place or 0) + first)) for local, place in _taken(script.code, index)]
    if not taken:
        yield f"{name}: the code takes none"
    for local, place in taken:
        if not _is_called(local, entries.get(place, "")):
            there = entries.get(place, "none")
            yield f"{name}: number {place} is {there} in the header, {local} in the code"


def _is_called(local: str, argument: str) -> bool:
    """Whether a local is called as an argument is."""
    slug = re.sub(r"[^a-z0-9]+", "_", argument.lower())
    # An input of the rules is called by its last words and a number.
    if words := re.fullmatch(r"event_(\w+)_\d+", local):
        return slug.endswith(words[1])
    return slug == ALIASES.get(local, local)


def _taken(code: str, index: str) -> Iterator[tuple[str, str]]:
    """The locals that take arguments, as (name, number)."""
    for names, values in re.findall(r"local ([\w, ]+) = (.*args\[.*)", code):
        # At the commas that stand in no parentheses.
        each = re.split(r", (?![^()]*\))", values)
        for local, value in zip(names.split(", "), each, strict=False):
            for place in re.findall(index, value):
                yield local, place


def _flags(script: Script) -> Iterator[str]:
    listed = re.search(
        r"^  flags[^:]*:(.*?)(?=^  \S)", script.sections["RETURNS"], re.DOTALL | re.MULTILINE
    )
    given: set[str] = set()
    for line in script.code.splitlines():
        if re.search(r"\bflags\b.* = ", line):
            given.update(" ".join(re.findall(r'" ([a-z_ ]+)"', line)).split())
    yield from _unlike("RETURNS, flags", set(listed[1].split() if listed else ()), given)


def _errors(script: Script) -> Iterator[str]:
    listed = re.findall(r"^  (E[A-Z]+)\s", script.sections["ERRORS"], re.MULTILINE)
    yield from _unlike("ERRORS", set(listed), set(re.findall(r'"(E[A-Z]+) ', script.code)))


def _cost(script: Script) -> Iterator[str]:
    named = set(re.findall(r"\b[A-Z]{3,}\b", script.sections["COST"].removeprefix("COST")))
    calls = re.findall(r"redis\.p?call\(([^,)]*)", script.code)
    used = {call.strip('"') for call in calls if re.fullmatch(r'"[A-Z]+"', call)}
    yield from _unlike("COST", named, used)
    yield from (
        f"COST: the command of redis.call({call}) is no literal"
        for call in calls
        if call.strip('"') not in used
    )


def _entries(section: str, number: str) -> list[tuple[str, str]]:
    """The numbered lines of a section, as (number, name)."""
    return re.findall(rf"^{number}\s+(\S+)", section, re.MULTILINE)


def _unlike(what: str, header: set[str], code: set[str]) -> Iterator[str]:
    yield from (f"{what}: {name} is in the header only" for name in sorted(header - code))
    yield from (f"{what}: {name} is in the code only" for name in sorted(code - header))


def main(arguments: Sequence[str]) -> int:
    """Check the given scripts, by default all of ``lua/rendered``; returns the exit code."""
    paths = [Path(each) for each in arguments] or sorted(RENDERED.glob("*.lua"))
    found = [f"{path}: {what}" for path in paths for what in disagreements(path.read_text("utf-8"))]
    print("\n".join(found) or f"{len(paths)} headers say what their code does")
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
