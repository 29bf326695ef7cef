"""The audit of the dependencies: a finding fails it, and a database that is away is told loudly.

The database is a server of this test, which speaks as osv.dev does: the real one may be out of
reach, and nobody can make it forget. pip-audit is the real one, on the real environment.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tools.audit import KNOWN

ROOT = Path(__file__).parents[2]
LOUD = "WARNING: THE DEPENDENCIES WERE NOT AUDITED: "
#: What the database is asked, and what it answers; None is an error of the server.
Database = Callable[[dict[str, Any]], dict[str, Any] | None]


def vulnerable(name: str) -> dict[str, Any]:
    """An entry of the database about a package."""
    events = [{"introduced": "0"}, {"fixed": "9999.1"}]
    affected = {
        "package": {"name": name, "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    more = {"summary": "it may be read", "affected": [affected]}
    return {"vulns": [{"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], **more}]}


def knows_of_jinja2(question: dict[str, Any]) -> dict[str, Any]:
    is_about_it = question["package"]["name"] == "jinja2"
    return vulnerable("jinja2") if is_about_it else {}


def knows_nothing(_question: dict[str, Any]) -> dict[str, Any]:
    return {}


def fails_after_the_first(question: dict[str, Any]) -> dict[str, Any] | None:
    return vulnerable("jinja2") if question == KNOWN else None


@contextmanager
def database(answer: Database) -> Iterator[str]:
    """Serve the answers; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = answer(question)
            self.send_response(500 if found is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def audit(url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the audit with a database."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("AUDIT")}
    return subprocess.run(
        [sys.executable, "-m", "tools.audit"],
        cwd=ROOT,
        env={**ours, "AUDIT_URL": url, "no_proxy": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def assert_loud(url: str, reason: str) -> None:
    """No failure but a warning, and a failure where an audit is required."""
    for environment, code in (({}, 0), ({"AUDIT": "required"}, 2)):
        run = audit(url, **environment)
        assert (run.returncode, run.stdout) == (code, ""), run
        (line,) = run.stderr.splitlines()
        assert line.startswith(LOUD)
        assert reason in line


def test_a_vulnerable_package_is_a_failure() -> None:
    with database(knows_of_jinja2) as url:
        run = audit(url)
    assert run.returncode == 1, run.stderr
    finding, summary = run.stdout.splitlines()
    assert finding == (
        f"jinja2 {version('jinja2')}: PYSEC-2026-1, CVE-2026-1, mended in 9999.1: it may be read"
    )
    assert summary.endswith("packages audited, 1 known vulnerabilities")


def test_without_a_finding_it_says_how_much_it_looked_at() -> None:
    asked = []

    def answer(question: dict[str, Any]) -> dict[str, Any]:
        asked.append(question["package"]["name"])
        return vulnerable("jinja2") if question == KNOWN else {}

    with database(answer) as url:
        run = audit(url, AUDIT="required")
    assert (run.returncode, run.stderr) == (0, "")
    first, *packages = asked
    assert first == "jinja2"
    assert {"jinja2", "redis", "pytest"} <= set(packages)  # those of the tests too
    assert "visitor-profiler" not in packages
    assert run.stdout == f"{len(packages)} packages audited, 0 known vulnerabilities\n"


def test_a_database_that_is_away_is_told_loudly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert_loud(f"http://127.0.0.1:{port}/v1/query", "does not answer: ")


def test_a_database_that_is_silent_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert_loud(f"http://127.0.0.1:{server.getsockname()[1]}/v1/query", "does not answer")


def test_a_database_that_knows_nothing_is_none() -> None:
    """A mirror may answer every question with nothing, and all would look well."""
    with database(knows_nothing) as url:
        assert_loud(url, "does not know what is long known")


def test_a_database_that_fails_in_between_is_told_loudly() -> None:
    with database(fails_after_the_first) as url:
        assert_loud(url, "pip-audit failed: ")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "osv.dev"])
def test_an_address_must_be_one(url: str) -> None:
    assert_loud(url, "is no address of a database")


def test_a_word_that_is_none_is_refused() -> None:
    run = audit("http://127.0.0.1:1/", AUDIT="yes")
    assert (run.returncode, run.stdout) == (2, "")
    assert "it is `required`" in run.stderr
