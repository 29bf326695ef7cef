"""`profiler check` as a command, and the rows that it prints."""

import json
from typing import NamedTuple

from profiler.ops.check.findings import Finding, Status
from tests.integration.commands import run_command

#: Nothing listens there.
NO_KAFKA = "127.0.0.1:1"
NO_REDIS = "redis://127.0.0.1:1/0"
#: Options of a server that keeps what it is given.
SOUND = ("--appendonly", "yes", "--maxmemory", "100mb")


class Checked(NamedTuple):
    """What one run found."""

    code: int
    rows: dict[str, Finding]

    def row(self, name: str) -> tuple[str, str, str]:
        """Status, finding and remedy of the row of this subject and check."""
        finding = self.rows[name]
        return finding.status.value, finding.found, finding.remedy

    def failed(self) -> list[str]:
        """The names of the rows that failed."""
        return [name for name, row in self.rows.items() if row.status is Status.FAILED]


def run_check(*arguments: str, **settings: str) -> Checked:
    """Run it; settings are named as in the environment."""
    done = run_command(["check", "--json", *arguments], **settings)
    assert "Traceback" not in done.errors, done.errors
    found = [Finding(**json.loads(line)) for line in done.output.splitlines()]
    rows = {f"{row.subject} {row.check}": row._replace(status=Status(row.status)) for row in found}
    assert len(rows) == len(found), "two rows have one name"
    assert all(row.remedy for row in found if row.status != Status.OK), "a row without a remedy"
    return Checked(done.code, rows)


def check_redis_alone(url: str, *arguments: str, **settings: str) -> Checked:
    """Run it without a Kafka, which then fails, but soon."""
    checked = run_check(
        "--timeout", "1", *arguments, redis__url=url, kafka__bootstrap_servers=NO_KAFKA, **settings
    )
    assert "kafka reachable" in checked.failed()
    return checked
