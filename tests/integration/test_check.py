"""`profiler check` as a whole: its exit codes, its table, and what one failure hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from profiler.servers.embedded import EmbeddedBroker
from tests.integration.checks import NO_KAFKA, NO_REDIS, SOUND, Checked, run_check
from tests.integration.commands import run_command, run_on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStore
    from tests.integration.conftest import Deploy
    from tests.integration.pipeline_runs import Deployment


@pytest.fixture
def sound(deploy: Deploy, private_store: MakeStore) -> dict[str, str]:
    """The settings of a deployment in which everything is right."""
    deployment: Deployment = deploy(private_store("valkey9", options=SOUND).url)
    deployment.configure(deployment.topics["rejected"], {"max.message.bytes": "8388608"})
    settings = {f"topics__{name}": topic for name, topic in deployment.topics.items()}
    settings |= {f"groups__{name}": group for name, group in deployment.groups.items()}
    settings |= {
        "redis__url": deployment.redis_url,
        "rules": str(deployment.rules),
        "kafka__bootstrap_servers": deployment.bootstrap_servers,
    }
    assert run_command(["lua", "install"], **settings).code == 0
    return settings


def subjects(checked: Checked) -> set[str]:
    """The first word of what was looked at."""
    return {row.subject.split()[0] for row in checked.rows.values()}


def test_where_everything_is_right_it_exits_0(sound: dict[str, str]) -> None:
    checked = run_check(**sound)

    assert checked.code == 0
    assert checked.failed() == []
    assert subjects(checked) == {"configuration", "redis", "script", "kafka", "topic", "group"}
    not_ok = {name.split()[-1] for name, row in checked.rows.items() if row.status != "ok"}
    assert not_ok == {"copies"}, "one broker has one copy"


def test_the_table_says_what_to_do(sound: dict[str, str]) -> None:
    sound["topics__persisted"] = "[red]no-such-topic"

    done = run_on_terminal(["check"], columns=120, **sound)

    assert done.code == 1
    lines = [" ".join(line.split()) for line in done.output.splitlines()]
    assert any(line.startswith("redis reachable ok it answers within") for line in lines)
    at = next(i for i, line in enumerate(lines) if "[red]no-such-topic exists" in line)
    assert lines[at].endswith("exists failed InvalidTopicError")
    assert lines[at + 1] == "→ check its name in [topics], and the broker"
    assert max(map(len, done.output.splitlines())) <= 120


def test_without_a_terminal_there_are_no_colours(sound: dict[str, str]) -> None:
    done = run_command(["check"], **sound)
    assert done.code == 0
    assert "\x1b" not in done.output
    assert done.errors == ""
    assert " ok       noeviction\n" in done.output, "trailing blanks"


def test_kafka_away_leaves_the_rows_of_redis(sound: dict[str, str]) -> None:
    sound["kafka__bootstrap_servers"] = NO_KAFKA
    checked = run_check("--timeout", "1", **sound)
    assert (checked.code, checked.failed()) == (1, ["kafka reachable"])
    assert checked.row("redis persistence")[0] == "ok"
    assert checked.row("script rights")[0] == "ok"


def test_redis_away_leaves_the_rows_of_kafka(sound: dict[str, str]) -> None:
    sound["redis__url"] = NO_REDIS
    checked = run_check(**sound)
    assert (checked.code, checked.failed()) == (1, ["redis reachable"])
    assert checked.row(f"topic {sound['topics__processed']} exists")[0] == "ok"
    assert checked.row("kafka mode")[0] == "ok"


def test_wrong_rules_exit_78_and_leave_the_rest(sound: dict[str, str], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('name = "x"\n')
    checked = run_check(**{**sound, "rules": str(wrong)})
    assert (checked.code, checked.failed()) == (78, ["configuration rules"])
    assert "wrong.toml:1" in checked.row("configuration rules")[1]
    assert {"redis", "topic"} <= subjects(checked)
    assert "script" not in subjects(checked)


def test_wrong_settings_exit_78(tmp_path: Path) -> None:
    file = tmp_path / "profiler.toml"
    file.write_text('[redis]\nurll = "redis://:hidden@host/0"\n')
    checked = run_check("--config", str(file))
    assert (checked.code, checked.failed()) == (78, ["configuration settings"])
    status, found, remedy = checked.row("configuration settings")
    assert status == "failed"
    assert "did you mean redis.url" in found
    assert "hidden" not in found
    assert "docs/configuration.md" in remedy


def test_limits_that_no_output_fits_exit_78(sound: dict[str, str]) -> None:
    checked = run_check(**sound, kafka__max_request_bytes="500000")
    assert (checked.code, checked.failed()) == (78, ["configuration settings"])
    assert "kafka.max_request_bytes = 500000" in checked.row("configuration settings")[1]


def test_a_certificate_that_is_not_there_exits_78(sound: dict[str, str]) -> None:
    sound |= {"redis__url": "rediss://127.0.0.1:1/0", "redis__ssl_cafile": "/no/such.pem"}
    checked = run_check(**sound)
    assert (checked.code, checked.failed()) == (78, ["configuration redis"])
    assert "/no/such.pem" in checked.row("configuration redis")[1]
    assert "topic" in subjects(checked)


def test_a_broker_that_tells_little_leaves_unknown_rows() -> None:
    """The one of the demo: no configuration in effect, no rights."""
    with EmbeddedBroker() as broker:
        address = broker.bootstrap_servers
        created = run_command(["topics", "create", "--bootstrap-servers", address])
        assert created.code == 0, created.errors
        assert "tracking_rejected: created; 3 partitions, 1 copy\n" in created.output
        checked = run_check("--mode", "flatten", "--bootstrap-servers", address)
    assert checked.failed() == []
    assert checked.row("topic tracking_processed settings")[0] == "unknown"
