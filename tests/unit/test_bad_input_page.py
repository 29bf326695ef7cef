"""docs/bad-input.md names the codes that there are."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODED = {"InvalidRecordError", "Rejected"}


def codes_in_source() -> set[str]:
    """The first argument of everything that rejects a record."""
    return {
        node.args[0].value
        for path in (ROOT / "profiler").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in CODED
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_every_code_has_its_row_and_no_row_is_without_a_code() -> None:
    page = (ROOT / "docs" / "bad-input.md").read_text("utf-8")
    _, _, codes = page.partition("## Codes")
    table, _, _ = codes.partition("\n## ")
    rows = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    assert sorted(rows) == sorted(codes_in_source() | {"EPROFILE"})


def test_every_refusal_of_the_script_is_explained() -> None:
    """Lua's own words, but for the numbers in them, begin the rows of the second table."""
    page = (ROOT / "docs" / "bad-input.md").read_text("utf-8")
    _, _, table = page.partition("## `EPROFILE`")
    for name in ("standard", "article"):
        script = (ROOT / "lua" / "rendered" / f"{name}.lua").read_text("utf-8")
        refusals = re.findall(r'"EPROFILE ([^"]+)"', script)
        assert len(refusals) >= 4
        for refusal in refusals:
            words = [word for word in re.findall(r"[a-z]+", refusal) if len(word) > 4]
            assert all(word in table for word in words), refusal
