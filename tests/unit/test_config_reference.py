"""The generated reference, the JSON Schema and the starter file say what the models say."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from profiler import __version__
from profiler.config import Settings, json_schema, load_settings, render_starter
from profiler.config.catalogue import catalogue
from profiler.rules.operations import operations
from tools.chart import CHART
from tools.write_reference import (
    BEGIN,
    DASHBOARD,
    END,
    MARK,
    MODEL,
    MONITORING,
    PAGE,
    ROOT,
    RULES_SCHEMA,
    SCHEMA,
    page,
    stale,
    with_operations,
)

pytestmark = pytest.mark.usefixtures("elsewhere")

#: The words of JSON Schema for the bounds of the models.
BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "min_length": "minLength",
}

VALIDATOR = Draft202012Validator(json_schema())


def example() -> str:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return str(text)


def problems(document: dict[str, Any]) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(document)]


def test_what_is_committed_is_fresh() -> None:
    assert [str(path) for path, _ in stale()] == []


def test_stale_files_are_found(tmp_path: Path) -> None:
    chart = [CHART / name for name in ("Chart.yaml", "README.md", "values.schema.json")]
    for path in (PAGE, SCHEMA, RULES_SCHEMA, MODEL, MONITORING, DASHBOARD, *chart):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = (
            path.read_text("utf-8")
            .replace("45000", "44000")
            .replace("2020-12", "44000")
            .replace("| 7 bytes |", "| 44000 |")
        )
        text = text.replace("| counter |", "| 44000 |").replace("expr", "44000")
        text = text.replace("| default | meaning |", "| 44000 |").replace(__version__, "44000")
        copy.write_text(text, "utf-8")
    found = dict(stale(tmp_path))
    stale_names = [
        *("Chart.yaml", "README.md", "configuration.md", "dashboard.json", "data-model.md"),
        *("monitoring.md", "profiler.schema.json", "rules.schema.json"),
        "values.schema.json",
    ]
    assert sorted(path.name for path in found) == stale_names
    assert all("44000" not in text for text in found.values())


def test_the_introduction_is_kept() -> None:
    text = page(f"By hand.\n{MARK}old")
    assert text.startswith(f"By hand.\n{MARK}\n### At the top\n")


def test_what_stands_around_the_operations_is_kept() -> None:
    text = with_operations(f"Above.\n{BEGIN}old{END}Below.\n")
    assert text.startswith(f"Above.\n{BEGIN}\n| operation |")
    assert text.endswith(f" |\n\n{END}Below.\n")
    with pytest.raises(ValueError, match=r"data-model\.md: expected <!-- Generated"):
        with_operations("No mark.\n")


def test_the_data_model_lists_every_operation_in_its_own_words() -> None:
    rows = MODEL.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].splitlines()[3:-1]
    assert len(rows) == len(operations())
    for row, operation in zip(rows, operations().values(), strict=True):
        name, _, form = operation.name.partition(".")
        assert row.startswith(f"| `{name}`{form and f' with `{form}`'} |")
        assert operation.summary in row


def test_the_page_names_every_setting() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    for setting in catalogue():
        (row,) = [row for row in rows if f"`{setting.variable}`" in row]
        assert row.startswith(f"| `{setting.key}`<br>")
        assert (f"`{setting.variable}_FILE`" in row) == setting.is_secret
        assert setting.field.description
        assert setting.field.description in row


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_defaults_bounds_and_choices_are_the_models() -> None:
    defaults = Settings(worker_id="w").model_dump(mode="python")
    schema = json_schema()
    described = 0
    for setting in catalogue():
        holder, values = schema, defaults
        if setting.section:
            reference = schema["properties"][setting.section]["$ref"]
            holder = schema["$defs"][reference.removeprefix("#/$defs/")]
            values = defaults[setting.section]
        assert holder["additionalProperties"] is False
        found = holder["properties"][setting.key]
        default = values[setting.key]
        if hasattr(default, "get_secret_value"):
            default = default.get_secret_value()
        assert found.get("default") == (None if setting.key == "worker_id" else default)
        bounds = {
            word: getattr(limit, name)
            for limit in setting.field.metadata
            for name, word in BOUNDS.items()
            if hasattr(limit, name)
        }
        assert {word: found[word] for word in BOUNDS.values() if word in found} == bounds
        annotation = str(setting.field.annotation)
        choices = re.findall(r"'([^']*)'", annotation) if "Literal" in annotation else []
        assert found.get("enum", [found["const"]] if "const" in found else []) == choices
        described += 1
    assert described > 30


def test_the_documented_example_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(tomllib.loads(example())) == []
    (tmp_path / "profiler.toml").write_text(example())
    monkeypatch.setenv("PROFILER_KAFKA__SASL_PASSWORD", "word")
    monkeypatch.setenv("PROFILER_REDIS__PASSWORD", "word")
    assert load_settings().batch.max_records == 1000


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ("max_records = 1_000", "max_records = 0", "$.batch.max_records"),
        ("max_records = 1_000", 'max_records = "many"', "$.batch.max_records"),
        ("[batch]", "[batches]", "$"),
        ("max_records", "max_record", "$.batch"),
        ('"SASL_SSL"', '"TLS"', "$.kafka.security_protocol"),
        ('"standard"', "7", "$.rules"),
    ],
)
def test_a_wrong_example_is_not(right: str, wrong: str, place: str) -> None:
    assert right in example()
    assert problems(tomllib.loads(example().replace(right, wrong))) == [place]


def test_the_starter_sets_nothing_and_each_of_its_lines_could(tmp_path: Path) -> None:
    path = tmp_path / "starter.toml"
    path.write_text(render_starter(), "utf-8")
    assert load_settings(path) == Settings()
    document = tomllib.loads(re.sub(r"(?m)^# (\w+ = )", r"\1", render_starter()))
    assert problems(document) == []
    paths = [key for key, value in document.items() if not isinstance(value, dict)]
    for section, values in document.items():
        paths += [f"{section}.{key}" for key in values] if isinstance(values, dict) else []
    assert paths == [setting.path for setting in catalogue()]
