"""Runs the field cases, each a folder with a program `run PROFILER REDIS_URL`, and prints a table.

    python -m tools.run_field_cases [CASES] [--only WORD]

CASES is a folder that is no part of this repository (default: ``../shared/cases``); without it
nothing is run, loudly. Each case gets a Redis of its own, and a case that asks for
``KAFKA_BOOTSTRAP`` a real Kafka, where none is named in the environment. ``PROFILER`` and
``REDIS_URL`` name others than ``.venv/bin/profiler`` and our own server.

Ends with 1 unless all cases exit with 0, but for those that allow another way: `ANOTHER_WAY`.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from servers import MissingServerError
from servers.kafka import KafkaProcess
from servers.redis import private_store

ROOT = Path(__file__).parent.parent
CASES = ROOT.parent / "shared" / "cases"

#: Cases that name another way as right, too, which is ours: 11 says that a visit may come back
#: without its entry page where each output says `truncated`.
ANOTHER_WAY = {"11"}

#: A case starts servers and workers, and some wait for time-outs.
PATIENCE_S = 300
MISSING = 77


class Result(NamedTuple):
    """How a case ended.

    Attributes:
        name: its folder's.
        code: the exit code, negative where a signal ended it.
        took_s: seconds.
        said: the last line that explains the code.
    """

    name: str
    code: int
    took_s: float
    said: str

    @property
    def allows_another_way(self) -> bool:
        """Whether its program need not agree."""
        return self.name.partition("-")[0] in ANOTHER_WAY

    @property
    def verdict(self) -> str:
        """What the code means."""
        if self.code == 0:
            return "right"
        if self.allows_another_way:
            return "another way"
        return "MISSING" if self.code == MISSING else "WRONG"

    def __str__(self) -> str:
        head = f"{self.name:<42} {self.code:>4}  {self.verdict:<11} {self.took_s:>5.0f} s"
        return head if self.code == 0 else f"{head}  {self.said[:120]}"


def run_case(folder: Path, profiler: Path, kafka: str) -> Result:
    """Run one case to its end, or until its time is up."""
    began = time.monotonic()
    with _redis() as url:
        process = subprocess.Popen(
            [folder / "run", profiler, url],
            env=os.environ | ({"KAFKA_BOOTSTRAP": kafka} if kafka else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said = f"{process.communicate()[0]}\nno end within {PATIENCE_S} s"
    lines = [line.strip() for line in said.splitlines() if line.strip()] or [""]
    wrong = [line for line in lines if line.startswith(("WRONG", "SKIP"))]
    return Result(
        folder.name, process.returncode, time.monotonic() - began, (wrong or lines[-1:])[0]
    )


@contextmanager
def _redis() -> Iterator[str]:
    if url := os.environ.get("REDIS_URL"):
        yield url
    else:
        with private_store("redis7") as server:
            yield server.url


def _kafka(stack: ExitStack, cases: Sequence[Path]) -> str:
    """The address of a Kafka, where a case asks for one that the environment does not name."""
    programs = [path for case in cases for path in case.glob("run*")]
    wanted = any("KAFKA_BOOTSTRAP" in path.read_text("utf-8") for path in programs)
    if not wanted or os.environ.get("KAFKA_BOOTSTRAP"):
        return os.environ.get("KAFKA_BOOTSTRAP", "")
    try:
        return stack.enter_context(KafkaProcess()).bootstrap_servers
    except MissingServerError as missing:
        print(f"no Kafka: {missing}")
        return ""


def main(arguments: Sequence[str]) -> int:
    """Run the cases; return the exit code."""
    parser = argparse.ArgumentParser(prog="run_field_cases")
    parser.add_argument("cases", nargs="?", type=Path, default=CASES)
    parser.add_argument("--only", default="", help="cases with this in their name")
    chosen = parser.parse_args(arguments)
    cases = sorted(path.parent for path in chosen.cases.resolve().glob(f"*{chosen.only}*/run"))
    if not cases:
        print(f"SKIPPED: there are no field cases in {chosen.cases}")
        return 0
    profiler = Path(os.environ.get("PROFILER") or ROOT / ".venv" / "bin" / "profiler")
    results = []
    with ExitStack() as stack:
        kafka = _kafka(stack, cases)
        for case in cases:
            results.append(run_case(case, profiler, kafka))
            print(results[-1], flush=True)
    wrong = [each.name for each in results if each.verdict in {"WRONG", "MISSING"}]
    print(f"{len(results)} cases, {len(wrong)} not as they should be: {', '.join(wrong) or 'none'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
