"""`make mutants` draws the same again, tests in copies, and tells what became of each mutant."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants.areas import AREAS, Area, chosen, counts, load_areas
from tools.mutants.copies import Copy
from tools.mutants.draw import draw
from tools.mutants.passing import Options, Pass
from tools.mutants.results import Results, table

TREE = Path(__file__).parents[2]


@pytest.mark.parametrize("table", sorted(AREAS.parent.glob("*-*.toml")), ids=lambda path: path.name)
def test_areas_of_an_older_tree_are_those_of_this_one(table: Path) -> None:
    shares = {area.name: area.share for area in load_areas(table)}
    assert shares.items() <= {area.name: area.share for area in load_areas(AREAS)}.items()


@pytest.mark.parametrize("area", load_areas(AREAS), ids=lambda area: area.name)
def test_what_the_table_names_is_there(area: Area) -> None:
    assert area.files(TREE)
    assert all((TREE / test.partition("::")[0]).exists() for test in area.tests)


def test_files_come_in_turn_so_that_each_part_of_the_script_has_its_mutants() -> None:
    area = next(area for area in load_areas(AREAS) if area.name == "lua")
    files = area.files(TREE)
    assert {mutant.path for mutant in draw(area, TREE, 1)[: len(files)]} == set(files)


def test_an_area_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="area a: b finds nothing"):
        Area("a", 1, ("b",), ()).files(tmp_path)


def test_areas_are_chosen_by_the_beginning_of_their_names() -> None:
    areas = [Area(name, share, (), ()) for name, share in (("lua", 3), ("lua-2", 1), ("worker", 2))]
    assert [area.name for area in chosen(areas, ["lua"])] == ["lua", "lua-2"]
    assert chosen(areas, []) == areas
    assert counts(areas, 60) == {"lua": 30, "lua-2": 10, "worker": 20}
    with pytest.raises(ValueError, match="no area begins with 'lau'; there are lua, lua-2, worker"):
        chosen(areas, ["lua", "lau"])


def test_a_seed_gives_the_same_mutants_and_another_seed_gives_others() -> None:
    area = next(area for area in load_areas(AREAS) if area.name == "decoding-json")
    first = draw(area, TREE, 1)
    assert draw(area, TREE, 1) == first
    others = draw(area, TREE, 2)
    assert others != first
    assert sorted(others) == sorted(first)
    # Each line has its turn before one has a second.
    lines = {mutant.line for mutant in first}
    assert {mutant.line for mutant in first[: len(lines)]} == lines


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A checkout of a package that is called as ours, with a test that holds half of it."""
    tree = tmp_path / "tree"
    files = {
        "profiler/__init__.py": "def held(a):\n    return a + a\n\ndef loose(a):\n    a.b = a\n",
        "tests/test_it.py": "from profiler import *\n\ndef test_it():\n    assert held(2) == 4\n",
        "lua/rendered/a.lua": "return 1\n",
        "lua/vectors/rules/a.lua": "return 1\n",
        ".gitignore": ".venv\n",
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    (tree / ".venv" / "bin").mkdir(parents=True)
    (tree / ".venv" / "bin" / "python").symlink_to(sys.executable)
    subprocess.run(["git", "init", "--quiet"], cwd=tree, check=True)
    return tree


AREA = Area("all", 1, ("profiler/*.py",), ("tests",))


def options_for(tree: Path) -> Options:
    return Options(tree, seed=1, count=3, limit_s=60, processes=2)


def test_a_pass_tells_what_was_noticed_and_what_survived_and_goes_on_where_it_was(
    small_tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "build" / "results.json"
    done = Pass([AREA], options_for(small_tree), Results(file)).run()
    fates = {result.difference: (result.fate, result.by) for result in done}
    noticed = ("noticed", "tests/test_it.py::test_it")
    assert fates == {
        "- return a + a + return (a - a)": noticed,
        "- return a + a + return None": noticed,
        "- a.b = a + pass": ("survived", ""),
    }
    assert "- a.b = a + pass" in capsys.readouterr().out
    lines = table(done).splitlines()
    assert lines[1].split() == ["all", "3", "2", "0", "1"]
    assert lines[3] == "survived  profiler/__init__.py:5  statement left out"
    assert (small_tree / "profiler/__init__.py").read_text().count("a.b = a") == 1

    (small_tree / "tests/test_it.py").write_text("def test_it():\n    assert False\n")
    known = Pass([AREA], options_for(small_tree), Results(file)).run()
    assert sorted(known, key=str) == sorted(done, key=str)

    more = "\ndef test_more():\n    import profiler\n    profiler.loose(C)\n    assert C.b is C\n"
    test = small_tree / "tests/test_it.py"
    test.write_text("from profiler import *\n\nclass C: ...\n\ndef test_it():\n    pass\n" + more)
    again = Pass([AREA], options_for(small_tree), Results(file, again=True)).run()
    assert {result.by for result in again} == {
        "tests/test_it.py::test_it",
        "tests/test_it.py::test_more",
    }


def test_a_pass_over_tests_that_fail_by_themselves_is_refused(
    small_tree: Path, tmp_path: Path
) -> None:
    (small_tree / "tests/test_it.py").write_text("def test_it():\n    assert False\n")
    with pytest.raises(RuntimeError, match="area all: tests fail without a mutant"):
        Pass([AREA], options_for(small_tree), Results(tmp_path / "results.json")).run()


def test_a_mutant_that_never_ends_is_noticed_as_such(small_tree: Path, tmp_path: Path) -> None:
    copy = Copy(small_tree, tmp_path / "copy")
    (tmp_path / "copy/tests/test_it.py").write_text(
        "import time\n\ndef test_it():\n    time.sleep(60)\n"
    )
    run = copy.test(AREA, limit_s=3)
    assert run.is_late
    assert run.seconds < 90


def test_of_an_areas_tests_some_can_be_chosen(small_tree: Path, tmp_path: Path) -> None:
    copy = Copy(small_tree, tmp_path / "copy")
    (tmp_path / "copy/tests/test_it.py").write_text(
        "def test_it():\n    assert False\n\ndef test_more():\n    pass\n"
    )
    assert copy.test(AREA, limit_s=60).code == 1
    assert copy.test(AREA._replace(only="more"), limit_s=60).code == 0


def test_a_template_is_rendered_into_the_copy(tmp_path: Path) -> None:
    area = Area("a", 1, ("lua/parts/watermark.lua.j2",), ())
    copy = Copy(TREE, tmp_path / "copy")
    names = ("lua/rendered/lean.lua", "lua/vectors/rules/numbers.lua")
    originals = [(TREE / name).read_text("utf-8") for name in names]

    def renderings() -> list[str]:
        return [(tmp_path / "copy" / name).read_text("utf-8") for name in names]

    turned = "not (name == stream)"
    mutant = next(mutant for mutant in draw(area, TREE, 1) if mutant.edit.text == turned)
    assert copy.put(mutant) == ""
    assert all(f"if {turned} then" in text for text in renderings())
    copy.restore(mutant)
    assert renderings() == originals
    assert [(TREE / name).read_text("utf-8") for name in names] == originals

    broken = mutant._replace(edit=mutant.edit._replace(text="if ("))
    assert copy.put(broken) == "is no Lua"
    copy.restore(mutant)
    comment = (TREE / mutant.path).read_text("utf-8").index("--")
    nothing = mutant._replace(edit=mutant.edit._replace(start=comment, end=comment, text=""))
    assert copy.put(nothing) == "renders to the same script"
    copy.restore(mutant)
    unknown = nothing._replace(edit=nothing.edit._replace(text="--[[= unknown ]]"))
    assert copy.put(unknown) == "does not render"


#: Prints what the rules of `standard` render to, and what they do with another limit.
RENDERED = """
from profiler.rules.model import load_rules
from profiler.rules.render import render
rules = load_rules("lean")
limits = rules.limits.model_copy(update={"visits": 2})
print(render(rules) + "=" * 9 + render(rules.model_copy(update={"limits": limits})))
print("=" * 9 + render(load_rules("article")))
"""


def test_a_changed_rendering_is_what_its_rules_render_to_in_the_copy(tmp_path: Path) -> None:
    area = next(area for area in load_areas(AREAS) if area.name == "rendered")
    copy = Copy(TREE, tmp_path / "copy")
    original = (TREE / "lua/rendered/lean.lua").read_text("utf-8")

    def renderings() -> list[str]:
        command = [sys.executable, "-c", RENDERED]
        run = subprocess.run(
            command, cwd=tmp_path / "copy", check=True, capture_output=True, text=True
        )
        return [each.strip() for each in run.stdout.split("=" * 9)]

    assert renderings()[0] == original.strip()
    # Two visits' pages are compared in many lines that are alike: only one of them changes.
    mutant = next(
        mutant
        for mutant in reversed(draw(area, TREE, 1))
        if mutant.difference.startswith("- if visit_last_page == visit_first_page then")
        and mutant.edit.operator == "condition turned"
    )
    assert copy.put(mutant) == ""
    mutated, narrower, other = renderings()
    assert mutated == mutant.edit.apply(original).strip()
    assert narrower.splitlines()[mutant.line - 1] == mutated.splitlines()[mutant.line - 1]
    assert "not (" + "visit_last_page ==" not in other
    copy.restore(mutant)
    assert renderings()[0] == original.strip()
    assert copy.put(mutant._replace(edit=mutant.edit._replace(text="if ("))) == "is no Lua"
