"""The fuzzers are proven: faults in a copy of native/, each of which one of them must find."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
MODULE = "visitor_profiler_native"

#: Inputs with which a fault must be found.
MOST_INPUTS = 200_000


class Plant(NamedTuple):
    """A fault.

    Attributes:
        name: what is wrong.
        fuzzer: must find it.
        file: of native/src.
        right: stands there once.
        wrong: takes its place.
    """

    name: str
    fuzzer: str
    file: str
    right: str
    wrong: str


PLANTS = (
    Plant("an escape is dropped", "records", "scan.rs", r"'\n' => out", r"'\u{1}' => out"),
    Plant(
        "a float in another form",
        "records",
        "scan.rs",
        "zmij::Buffer::new().format_finite(number).as_bytes()",
        "number.to_string().as_bytes()",
    ),
    Plant("integers of 20 digits pass", "records", "scan.rs", "usize = 18;", "usize = 20;"),
    Plant("halves of characters pass", "records", "scan.rs", "0xdc00..0xe000", "0xdc00..0xe001"),
    Plant("one level more", "records", "flatten.rs", "{ 3 } else { 1 }", "{ 2 } else { 1 }"),
    Plant(
        "one field more",
        "records",
        "flatten.rs",
        "flat.fields > self.limits.fields",
        "flat.fields > self.limits.fields + 1",
    ),
    Plant("a forged name passes", "records", "flatten.rs", 'b"profile_";', 'b"profile_visitor_";'),
    Plant("an id a byte too long", "records", "arguments.rs", "> self.max_id", "> 1 + self.max_id"),
    Plant("a day of 25 hours", "records", "times.rs", "hour > 23", "hour > 24"),
    Plant(
        "times round up",
        "records",
        "times.rs",
        "number.div_euclid(1_000),",
        "(number - 1).div_euclid(1_000) + 1,",
    ),
    Plant(
        "a time of one letter is none",
        "records",
        "arguments.rs",
        "pick.end - pick.start > 2",
        "pick.end - pick.start > 3",
    ),
    Plant("keys hold a percent sign", "records", "ids.rs", "b'_' | b'.'", "b'%' | b'.'"),
    Plant("a header of ours stays", "records", "headers.rs", "name != TIMESTAMP && ", ""),
    Plant("two rounds at once", "records", "batch.rs", "last_stream == stream", "true"),
    Plant("decimals of 17 digits", "replies", "reply.rs", "(whole, 16)", "(whole, 17)"),
    Plant("a flag twice", "replies", "reply.rs", "other == flag", "other == flag && false"),
    Plant("counts of half a pair", "replies", "reply.rs", "rest.is_empty()", "true"),
    Plant("a 2 is true", "replies", "reply.rs", "Part::Integer(1)) =>", "Part::Integer(1 | 2)) =>"),
    Plant(
        "an odd call keeps its first answers",
        "replies",
        "batch.rs",
        "self.profiles.truncate(before);",
        "self.profiles.truncate(before); return Some(call);",
    ),
)


class Proof(NamedTuple):
    """Whether a fault was found, and what the fuzzer said last."""

    plant: Plant
    is_found: bool
    said: str


def prove(folder: Path, seed: int) -> Iterator[Proof]:
    """Build native/ with one fault after the other, and set the fuzzer on it.

    Args:
        folder: an empty one, for the copies.
        seed: of the fuzzers.
    """
    crate = folder / "native"
    shutil.copytree(ROOT / "native", crate, ignore=shutil.ignore_patterns("target"))
    for plant in PLANTS:
        source = crate / "src" / plant.file
        right = source.read_text("utf-8")
        assert right.count(plant.right) == 1, f"{plant.name}: {plant.right!r} is not there once"
        source.write_text(right.replace(plant.right, plant.wrong), "utf-8")
        try:
            yield _proof(plant, crate, seed)
        finally:
            source.write_text(right, "utf-8")


def _proof(plant: Plant, crate: Path, seed: int) -> Proof:
    # Without optimisation: a build then takes seconds.
    build = ["cargo", "build", "--locked", "--quiet"]
    environment = {**os.environ, "PYO3_PYTHON": sys.executable}
    subprocess.run(build, cwd=crate, env=environment, check=True)
    packages = crate.parent / "packages"
    packages.mkdir(exist_ok=True)
    shutil.copy(crate / "target" / "debug" / f"lib{MODULE}.so", packages / f"{MODULE}.abi3.so")
    fuzz = [sys.executable, "-m", "tests.fuzz", plant.fuzzer, "--inputs", str(MOST_INPUTS)]
    done = subprocess.run(
        [*fuzz, "--seed", str(seed), "--first"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=False,
    )
    return Proof(plant, done.returncode == 1 and "they differ over" in done.stdout, done.stdout)
