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

#: Inputs with which a fault must be found, and with which nothing must be where there is none.
MOST_INPUTS, CONTROL_INPUTS = 200_000, 5_000


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
    Plant(
        "half a character is mended, and not counted",
        "records",
        "scan.rs",
        "char::from_u32(code).ok_or(Declined)?",
        "char::from_u32(code).unwrap_or('\\u{fffd}')",
    ),
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
    Plant("29 February each year", "records", "times.rs", "28 + i64::from(is_leap)", "29"),
    Plant(
        "times round up",
        "records",
        "times.rs",
        "number.div_euclid(1_000),",
        "(number - 1).div_euclid(1_000) + 1,",
    ),
    Plant(
        "a wrong time is no time",
        "records",
        "arguments.rs",
        "Kind::Integer | Kind::Float => true",
        "Kind::Integer | Kind::Float => false",
    ),
    Plant("keys hold a percent sign", "records", "ids.rs", "b'_' | b'.'", "b'%' | b'.'"),
    Plant("a header of ours stays", "records", "headers.rs", "name != TIMESTAMP && ", ""),
    Plant("two rounds at once", "records", "batch/calls.rs", "last_stream == stream", "true"),
    Plant(
        "a member is expected in any section",
        "records",
        "members.rs",
        "member.section != self.section || ",
        "",
    ),
    Plant(
        "a member that is expected may be there twice",
        "records",
        "members.rs",
        "member.round = self.round;\n        self.last",
        "self.last",
    ),
    Plant("a backslash is plain", "records", "chunks.rs", "| backslash) &", ") &"),
    Plant("decimals of 17 digits", "replies", "reply.rs", "(whole, 16)", "(whole, 17)"),
    Plant("a flag twice", "replies", "reply.rs", "other == flag", "other == flag && false"),
    Plant(
        "counts of half a pair",
        "replies",
        "reply.rs",
        "let counted = items.next().ok_or(Odd)?;",
        "let Some(counted) = items.next() else { break };",
    ),
    Plant("a 2 is true", "replies", "reply.rs", "Some(1) =>", "Some(1 | 2) =>"),
    Plant(
        "bytes that are no text stay",
        "replies",
        "batch/fold.rs",
        "simdutf8::basic::from_utf8(written).is_err()",
        "false",
    ),
    Plant(
        "an odd call keeps its first answers",
        "replies",
        "batch/fold.rs",
        "self.entries[place].fate = Fate::Called;",
        "let _ = place;",
    ),
)


class Proof(NamedTuple):
    """What a fuzzer made of a fault; of none where `plant` is None.

    Attributes:
        plant: the fault.
        is_right: whether it was found; without a fault, whether nothing was.
        said: what the fuzzer printed last.
    """

    plant: Plant | None
    is_right: bool
    said: str


def prove(folder: Path, seed: int) -> Iterator[Proof]:
    """Build native/ as it is, and with one fault after the other, and set the fuzzers on it.

    Args:
        folder: an empty one, for the copies.
        seed: of the fuzzers.
    """
    crate = folder / "native"
    shutil.copytree(ROOT / "native", crate, ignore=shutil.ignore_patterns("target"))
    _build(crate)
    for fuzzer in ("records", "replies"):
        code, said = _fuzz(fuzzer, crate, seed, CONTROL_INPUTS)
        yield Proof(None, code == 0, said)
    for plant in PLANTS:
        source = crate / "src" / plant.file
        right = source.read_text("utf-8")
        assert right.count(plant.right) == 1, f"{plant.name}: {plant.right!r} is not there once"
        source.write_text(right.replace(plant.right, plant.wrong), "utf-8")
        try:
            _build(crate)
            code, said = _fuzz(plant.fuzzer, crate, seed, MOST_INPUTS)
            yield Proof(plant, code == 1 and " differences" in said, said)
        finally:
            source.write_text(right, "utf-8")


def _build(crate: Path) -> None:
    # Without optimisation: a build then takes seconds.
    command = ["cargo", "build", "--locked", "--quiet"]
    # A fault may leave a variable unused.
    quiet = {"RUSTFLAGS": "--cap-lints=allow"}
    environment = {**os.environ, **quiet, "PYO3_PYTHON": sys.executable}
    subprocess.run(command, cwd=crate, env=environment, check=True)
    _packages(crate).mkdir(exist_ok=True)
    built = crate / "target" / "debug" / f"lib{MODULE}.so"
    shutil.copy(built, _packages(crate) / f"{MODULE}.abi3.so")


def _fuzz(fuzzer: str, crate: Path, seed: int, inputs: int) -> tuple[int, str]:
    """The exit code of a fuzzer over what was built, and its last line."""
    options = ["--inputs", str(inputs), "--seed", str(seed), "--first"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", fuzzer, *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(_packages(crate))},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    *_, said = done.stdout.splitlines() or [""]
    return done.returncode, said


def _packages(crate: Path) -> Path:
    """Where the fuzzers' Python finds what was built before all else."""
    return crate.parent / "packages"
