"""What became of each mutant: a JSON file that grows with every mutant, and a table."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Literal

from tools.mutants.draw import Mutant

Fate = Literal["noticed", "timeout", "survived", "void"]


@dataclass(frozen=True)
class Result:
    """One mutant's fate; `void` is no mutant: it cannot be parsed, or changes nothing.

    Attributes:
        by: the test that noticed it, or why it is void.
        seconds: how long its tests ran.
    """

    key: str
    seed: int
    area: str
    place: str
    operator: str
    difference: str
    fate: Fate
    by: str
    seconds: float

    @classmethod
    def of(cls, mutant: Mutant, seed: int, fate: Fate, by: str, seconds: float) -> "Result":
        """The fate of this mutant."""
        return cls(
            key=mutant.key,
            seed=seed,
            area=mutant.area,
            place=f"{mutant.path}:{mutant.line}",
            operator=mutant.edit.operator,
            difference=mutant.difference,
            fate=fate,
            by=by,
            seconds=round(seconds, 1),
        )


class Results:
    """The results in a file; what is in it already need not run again.

    Args:
        path: of the file; results of other seeds and areas in it are kept.
        again: forget the survivors, so that new tests look at them.
    """

    def __init__(self, path: Path, *, again: bool = False) -> None:
        self._path = path
        self._lock = Lock()
        self._all: list[Result] = []
        if path.exists():
            found = [Result(**each) for each in json.loads(path.read_text("utf-8"))]
            self._all = [each for each in found if not (again and each.fate == "survived")]

    def find(self, mutant: Mutant, seed: int) -> Result | None:
        """What became of a mutant in an earlier run."""
        with self._lock:
            of_seed = (each for each in self._all if (each.seed, each.area) == (seed, mutant.area))
            return next((each for each in of_seed if each.key == mutant.key), None)

    def add(self, result: Result) -> None:
        """Write it down at once: a pass may be stopped at any time."""
        with self._lock:
            self._all.append(result)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps([asdict(each) for each in self._all], indent=1)
            beside = self._path.with_suffix(".new")
            beside.write_text(text + "\n", "utf-8")
            beside.replace(self._path)


def table(results: Iterable[Result]) -> str:
    """Noticed and survived by area, then every survivor."""
    valid = [each for each in results if each.fate != "void"]
    names = dict.fromkeys(each.area for each in valid)
    return "\n".join(
        [
            f"{'area':<24}{'mutants':>8}{'noticed':>8}{'timeout':>8}{'survived':>9}",
            *(_row(name, [each for each in valid if each.area == name]) for name in names),
            _row("all", valid),
            *(
                f"survived  {each.place}  {each.operator}\n    {each.difference}"
                for each in valid
                if each.fate == "survived"
            ),
        ]
    )


def _row(name: str, results: list[Result]) -> str:
    fates = [each.fate for each in results]
    numbers = [fates.count(fate) for fate in ("noticed", "timeout", "survived")]
    return f"{name:<24}{len(fates):>8}{numbers[0]:>8}{numbers[1]:>8}{numbers[2]:>9}"
