"""Reads the header of each rendered script against the code below it.

    python -m tools.check_lua_header [FILE ...]

A header that nothing reads rots. Prints every disagreement, and ends with 1 when there is one.
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

#: Locals with another name than the argument that they take, and which.
ALIASES = {"text": "event_id"}  # `identity_of` puts the event's content there when it has no id


class Script(NamedTuple):
    """A script taken apart: the header's sections by name, and the code."""

    title: str
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
    return Script(sections.get("title", ""), sections, code)


def disagreements(text: str) -> Iterator[str]:
    """Say what the header of one script states otherwise than its code does."""
    if not text.startswith("--[[\n") or "\n]]\n" not in text:
        yield "there is no header"
        return
    script = take_apart(text)
    missing = [name for name in SECTIONS if not script.sections.get(name, "").strip()]
    if missing:
        yield from (f"{name}: the section is missing" for name in missing)
        return
    version = re.search(r"by rules (\S+)\.$", script.title, re.MULTILINE)
    yield from _differ("rules version", version and version[1], _constant(script.code, "RULES"))
    yield from _keys(script)
    yield from _argv(script)
    yield from _returns(script)
    yield from _errors(script)
    ttl = re.findall(r"(\d+) ms", script.sections["TTL"])
    yield from _differ("TTL, ms", ttl, [_constant(script.code, "TTL_MS")])
    yield from _cost(script)


def _keys(script: Script) -> Iterator[str]:
    entries = _entries(script.sections["KEYS"], r"(\d+)")
    yield from _in_sequence("KEYS", entries)
    checked = re.findall(r"#keys ~= (\d+)", script.code)
    yield from _differ("KEYS, how many", [str(len(entries))], checked)
    used = {int(number) for number in re.findall(r"\bkeys\[(\d+)\]", script.code)}
    yield from _differ("KEYS, numbers", sorted(int(n) for n, _ in entries), sorted(used))


def _argv(script: Script) -> Iterator[str]:
    call = _entries(script.sections["ARGV per call"], r"(\d+)")
    event = _entries(script.sections["ARGV per event"], r"\+(\d+)")
    most = re.search(r"0 to (\d+) events", script.sections["ARGV per event"])
    yield from _differ("ARGV, most events", most and most[1], _constant(script.code, "MAX_EVENTS"))
    for name, entries, constant, index in (
        ("ARGV per call", call, "CALL_ARGS", ""),
        ("ARGV per event", event, "EVENT_ARGS", r"at \+ "),
    ):
        yield from _in_sequence(name, entries)
        yield from _differ(f"{name}, how many", str(len(entries)), _constant(script.code, constant))
        yield from _misplaced(name, dict(entries), _taken(script.code, index))


def _misplaced(name: str, entries: dict[str, str], taken: list[tuple[str, str]]) -> Iterator[str]:
    """Every local that takes an argument is called as the header calls that argument."""
    for local, number in taken:
        # The rules' inputs are locals that end in a number of their own.
        called = {local, re.sub(r"_\d+$", "", local), ALIASES.get(local, local)}
        if _slug(entries.get(number, "")) not in called:
            name_there = entries.get(number, "none")
            yield f"{name}: number {number} is {name_there} in the header, {local} in the code"


def _taken(code: str, index: str) -> list[tuple[str, str]]:
    """The locals that take arguments, as (name, number)."""
    found: list[tuple[str, str]] = []
    for names, values in re.findall(r"local ([\w, ]+) = ((?:clip\()?args\[.*)", code):
        numbers = re.findall(rf"args\[{index}(\d+)\]", values)
        found.extend(zip(names.split(", "), numbers, strict=False))
    return found


def _returns(script: Script) -> Iterator[str]:
    for what, table in (("flags", "FLAGS"), ("names", "FIELDS")):
        listed = re.search(
            rf"^  {what}[^:]*:(.*?)(?=^  \S|\Z)",
            script.sections["RETURNS"],
            re.DOTALL | re.MULTILINE,
        )
        held = re.search(rf"local {table} = \{{(.*?)\n\}}", script.code, re.DOTALL)
        yield from _differ(
            f"RETURNS, {what}",
            listed and listed[1].split(),
            held and re.findall(r'"([^"]*)"', held[1]),
        )


def _errors(script: Script) -> Iterator[str]:
    listed = set(re.findall(r"^  (E[A-Z]+)\s", script.sections["ERRORS"], re.MULTILINE))
    used = set(re.findall(r'"(E[A-Z]+) ', script.code))
    yield from (
        f"ERRORS: {code} is listed, the code never gives it" for code in sorted(listed - used)
    )
    yield from (
        f"ERRORS: the code gives {code}, it is not listed" for code in sorted(used - listed)
    )


def _cost(script: Script) -> Iterator[str]:
    named = set(re.findall(r"\b[A-Z]{3,}\b", script.sections["COST"].removeprefix("COST")))
    calls = re.findall(r"redis\.p?call\(([^,)]*)", script.code)
    used = {call.strip('"') for call in calls if re.fullmatch(r'"[A-Z]+"', call)}
    yield from (f"COST: {name} is named, the code never calls it" for name in sorted(named - used))
    yield from (f"COST: the code calls {name}, it is not named" for name in sorted(used - named))
    yield from (
        f"COST: the command of redis.call({call}) is no literal"
        for call in calls
        if call.strip('"') not in used
    )


def _entries(section: str, number: str) -> list[tuple[str, str]]:
    """The numbered lines of a section, as (number, name)."""
    return re.findall(rf"^  {number}\s+(\S+)", section, re.MULTILINE)


def _in_sequence(name: str, entries: list[tuple[str, str]]) -> Iterator[str]:
    expected = [str(number + 1) for number in range(len(entries))]
    yield from _differ(f"{name}, numbering", [number for number, _ in entries], expected)


def _constant(code: str, name: str) -> str | None:
    found = re.search(rf'^local {name} = "?([^"\n]*)"?$', code, re.MULTILINE)
    return found[1] if found else None


def _slug(name: str) -> str:
    """An argument's name as a Lua local has it."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40]


def _differ(what: str, header: object, code: object) -> Iterator[str]:
    if header != code or not header:
        yield f"{what}: {header} in the header, {code} in the code"


def main(arguments: Sequence[str]) -> int:
    """Check the given scripts, by default all of ``lua/rendered``; returns the exit code."""
    paths = [Path(each) for each in arguments] or sorted(RENDERED.glob("*.lua"))
    found = [f"{path}: {what}" for path in paths for what in disagreements(path.read_text("utf-8"))]
    print("\n".join(found) or f"{len(paths)} headers say what their code does")
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
