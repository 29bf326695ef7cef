"""The pass: draws mutants for each area, and lets the area's tests look at each."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from threading import Lock

from tools.mutants.areas import Area, counts
from tools.mutants.copies import Copy, Run
from tools.mutants.draw import Mutant, draw
from tools.mutants.results import Result, Results

_NOTICED_BY = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)

#: What tests without a mutant may take of a mutant's time.
_SHARE_OF_LIMIT = 0.75


@dataclass(frozen=True)
class Options:
    """How a pass is run.

    Attributes:
        tree: the checkout whose files are changed, in copies.
        count: how many mutants there are to be over all areas.
        limit_s: a mutant's tests are ended after so long, which counts as noticed.
        processes: how many mutants are tested at a time, each in its own copy.
    """

    tree: Path
    seed: int
    count: int
    limit_s: float
    processes: int


class Pass:
    """One run over some areas.

    Args:
        areas: which ones; they come one after the other.
        options: see there.
        results: where results go, and what is known already.
    """

    def __init__(self, areas: list[Area], options: Options, results: Results) -> None:
        self._areas = areas
        self._options = options
        self._results = results
        self._copies: SimpleQueue[Copy] = SimpleQueue()
        self._lock = Lock()
        self._wanted = counts(areas, options.count)
        self._done: list[Result] = []

    def run(self) -> list[Result]:
        """Test all mutants; what a file of results has already is not tested again.

        Raises:
            RuntimeError: tests of an area fail or take too long without any mutant.
        """
        options = self._options
        with TemporaryDirectory(prefix="mutants-") as directory:
            for number in range(options.processes):
                self._copies.put(Copy(options.tree, Path(directory) / str(number) / "tree"))
            for area in self._areas:
                self._run_area(area)
        return self._done

    def _run_area(self, area: Area) -> None:
        """Take mutants as drawn until enough are valid; void ones are replaced by the next."""
        options, wanted = self._options, self._wanted[area.name]
        waiting = iter(draw(area, options.tree, options.seed))
        is_checked = False
        valid = 0
        with ThreadPoolExecutor(options.processes) as threads:
            while missing := wanted - valid:
                batch = [mutant for mutant, _ in zip(waiting, range(missing), strict=False)]
                if not batch:
                    return
                known = {mutant: self._results.find(mutant, options.seed) for mutant in batch}
                fresh = [mutant for mutant, result in known.items() if result is None]
                if fresh and not is_checked:
                    self._check_tests(area)
                    is_checked = True
                tested = threads.map(lambda mutant: self._test(area, mutant), fresh)
                results = [*filter(None, known.values()), *tested]
                self._done += results
                valid += sum(result.fate != "void" for result in results)

    def _check_tests(self, area: Area) -> None:
        copy = self._copies.get()
        run = copy.test(area, self._options.limit_s)
        self._copies.put(copy)
        if run.is_late or run.code:
            raise RuntimeError(f"area {area.name}: tests fail without a mutant:\n{run.output}")
        print(f"{area.name}: {run.seconds:.0f} s without a mutant", flush=True)
        # A busy machine takes longer now and then, which must not look like a mutant noticed.
        if run.seconds > _SHARE_OF_LIMIT * self._options.limit_s:
            needed = run.seconds / _SHARE_OF_LIMIT
            raise RuntimeError(f"area {area.name}: set --limit to {needed:.0f} at least")

    def _test(self, area: Area, mutant: Mutant) -> Result:
        copy = self._copies.get()
        try:
            void = copy.put(mutant)
            run = None if void else copy.test(area, self._options.limit_s)
            copy.restore(mutant)
        finally:
            self._copies.put(copy)
        result = _result(mutant, self._options.seed, void, run)
        self._results.add(result)
        self._tell(result)
        return result

    def _tell(self, result: Result) -> None:
        with self._lock:
            print(
                f"{result.area}: {result.fate} after {result.seconds:.0f} s  {result.place}\n"
                f"    {result.difference}\n    {result.by}",
                flush=True,
            )


def _result(mutant: Mutant, seed: int, void: str, run: Run | None) -> Result:
    if run is None:
        return Result.of(mutant, seed, "void", void, 0)
    if run.is_late:
        return Result.of(mutant, seed, "timeout", "", run.seconds)
    if run.code == 0:
        return Result.of(mutant, seed, "survived", "", run.seconds)
    named = _NOTICED_BY.search(run.output)
    # A package that cannot be imported leaves pytest no test to name.
    by = named[1] if named else f"pytest ended with {run.code}"
    return Result.of(mutant, seed, "noticed", by, run.seconds)
