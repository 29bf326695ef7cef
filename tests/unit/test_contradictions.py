"""Settings that contradict each other are refused together, by names, values and origins."""

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from profiler.config import load_settings
from profiler.config.settings import GroupSettings, Settings, TopicSettings
from tests.integration.commands import run_command
from tests.unit.config_cases import refusal

Given = dict[str, dict[str, object]]


def same_names() -> Iterator[tuple[Given, str]]:
    """Every two topics, and every two groups, of one name."""
    for section, model in (("topics", TopicSettings), ("groups", GroupSettings)):
        for one, other in combinations(model.model_fields, 2):
            line = (
                f'{section}.{one} = "same" (command line) and'
                f' {section}.{other} = "same" (command line) must differ: '
            )
            yield {section: {one: "same", other: "same"}}, line


#: What is given, and what the one line says.
CONTRADICTIONS: list[tuple[Given, str]] = [
    *same_names(),
    (
        {"topics": {"persisted": "tracking_processed"}},
        (
            'topics.processed = "tracking_processed" (default) and'
            ' topics.persisted = "tracking_processed" (command line) must differ: '
        ),
    ),
    (
        {"kafka": {"session_timeout_ms": 8_999}},
        (
            "kafka.heartbeat_interval_ms = 3000 (default) must be at most a third of"
            " kafka.session_timeout_ms = 8999 (command line): "
        ),
    ),
    (
        {"kafka": {"session_timeout_ms": 300_001}},
        (
            "kafka.session_timeout_ms = 300001 (command line) must not be above"
            " kafka.max_poll_interval_ms = 60000 (default): "
        ),
    ),
    (
        {"kafka": {"delivery_timeout_ms": 15_000}},
        (
            "kafka.delivery_timeout_ms = 15000 (command line) must be below"
            " kafka.transaction_timeout_ms = 15000 (default): "
        ),
    ),
    (
        {"batch": {"poll_timeout_ms": 60_000}},
        (
            "batch.poll_timeout_ms = 60000 (command line) must be below"
            " kafka.max_poll_interval_ms = 60000 (default): "
        ),
    ),
    (
        {"kafka": {"assignor": "cooperative-sticky", "client": "kafka-python"}},
        (
            'kafka.assignor = "cooperative-sticky" (command line) does not go with'
            ' kafka.client = "kafka-python" (command line): '
        ),
    ),
    (
        {"limits": {"max_record_bytes": 819_201}},
        (
            "limits.max_record_bytes = 819201 (command line) and 229376 more, for key, headers and"
            " profile, must fit in kafka.max_request_bytes = 1048576 (default): "
        ),
    ),
    (
        {"dead_letters": {"max_bytes": 786_431}},
        (
            "limits.max_record_bytes = 786432 (default) must not be above"
            " dead_letters.max_bytes = 786431 (command line): "
        ),
    ),
    (
        {"limits": {"max_id_bytes": 786_433}},
        (
            "limits.max_id_bytes = 786433 (command line) must not be above"
            " limits.max_record_bytes = 786432 (default): "
        ),
    ),
]

#: As near as each may come.
BOUNDS: list[Given] = [
    {"topics": {"processed": "a", "flattened": "A", "persisted": "b", "rejected": "a "}},
    {"kafka": {"session_timeout_ms": 9_000}},
    {"kafka": {"session_timeout_ms": 60_000}},
    {"batch": {"poll_timeout_ms": 59_999}},
    {"kafka": {"assignor": "cooperative-sticky", "client": "librdkafka"}},
    {"limits": {"max_record_bytes": 819_200}},
    {"dead_letters": {"max_bytes": 786_432}},
    {"limits": {"max_id_bytes": 786_432}},
]


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(("given", "line"), CONTRADICTIONS)
@pytest.mark.field(
    kind="contradictions",
    meets="two topics of one name, a floor above a ceiling",
    happens="one line that names both, their values and where these are from",
)
def test_both_are_named_with_their_values(given: Given, line: str) -> None:
    (found,) = refusal(None, dict(given)).splitlines()
    assert found.startswith(line)
    assert len(found) > len(line) + 10  # and why


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("given", BOUNDS, ids=str)
def test_at_the_bound_they_go_together(given: Given) -> None:
    assert load_settings(None, given) == Settings.model_validate(given)


@pytest.mark.usefixtures("elsewhere")
def test_all_are_told_at_once_after_what_is_wrong_by_itself() -> None:
    given = {"topics": {"flattened": "x", "persisted": "x"}, "kafka": {"session_timeout_ms": 1}}
    assert len(refusal(None, dict(given)).splitlines()) == 2
    assert "greater than" in refusal(None, given | {"batch": {"max_records": 0}})


@pytest.mark.usefixtures("elsewhere")
def test_a_program_without_kafka_does_not_ask_kafka_s_settings() -> None:
    large: Given = {"limits": {"max_record_bytes": 60_000_000}}
    assert load_settings(None, large, without_kafka=True).limits.max_record_bytes == 60_000_000
    with pytest.raises(Exception, match=r"topics\.processed"):
        load_settings(None, {"topics": {"processed": "x", "persisted": "x"}}, without_kafka=True)


def test_the_documentation_has_a_row_for_each() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
    _, _, page = page.partition("## Settings that contradict each other")
    table, _, _ = page.partition("\n## ")
    rows = {
        tuple(sorted(re.findall(r"`([a-z_]+\.[a-z_*]+)`", row.split("|")[1])))
        for row in table.splitlines()
        if row.startswith("| `")
    }
    named = {tuple(sorted(re.findall(r"([a-z_]+\.[a-z_]+) =", line))) for _, line in CONTRADICTIONS}
    of_names = {("topics.*",), ("groups.*",)}
    assert rows - of_names == {
        pair for pair in named if not pair[0].startswith(("topics", "groups"))
    }
    assert of_names <= rows


COMMANDS = [
    *(["config", "show"], ["check", "--json"], ["topics", "create"]),
    *(["run"], ["flatten"], ["profile"], ["run", "--workers", "2"], ["pipe"], ["get", "v"]),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.field(
    kind="contradictions",
    meets="such settings, with any command",
    happens="exit code 78 before anything connects",
)
def test_every_command_refuses_them_with_78(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "profiler.toml"
    file.write_text('[topics]\nprocessed = "events"\nrejected = "events"\n')
    done = run_command([*command, "--config", str(file)])
    assert done.code == 78
    said = (done.output + done.errors).replace('\\"', '"')
    assert f'topics.processed = "events" ({file})' in said
    assert f'topics.rejected = "events" ({file})' in said
