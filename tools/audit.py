"""Asks whether a package of this environment has a known vulnerability.

    python -m tools.audit

pip-audit asks the database of osv.dev, or one at AUDIT_URL with the same interface, about each
package and its version. Prints every finding, and ends with 1 when there is one.

A database that does not answer is no finding. A line on stderr says loudly that nothing was
audited, and the end is 0, or 2 where the environment has AUDIT=required. A mirror may answer and
know nothing, so the database is first asked about a version that is known to be vulnerable.
"""

import json
import os
import subprocess
import sys
from http.client import HTTPException
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

DATABASE = "https://api.osv.dev/v1/query"

#: A version whose vulnerabilities are old; the interface is that of osv.dev.
KNOWN = {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "version": "2.4.1"}

#: For the first answer, and for a whole audit, which asks about one package after the other.
ANSWER_S, AUDIT_S = 4, 300

#: Why pip-audit leaves our own package out.
EDITABLE = "editable"

FOUND, NOT_AUDITED = 1, 2


class NotAuditedError(Exception):
    """Why the database could not be asked."""


class Audit(NamedTuple):
    """How many packages were asked about, and a line for each vulnerability."""

    packages: int
    findings: list[str]


def require_answers(url: str) -> None:
    """Return if the database knows what is long known.

    Raises:
        NotAuditedError: it does not answer in time, or not as such a database does.
    """
    if not url.startswith(("https://", "http://")):
        raise NotAuditedError(f"{url} is no address of a database")
    answers: SimpleQueue[object] = SimpleQueue()
    # The resolver may take longer over a name than any limit of ours, and cannot be cut short.
    Thread(target=_ask, args=(url, answers), daemon=True).start()
    try:
        known = answers.get(timeout=ANSWER_S)
    except Empty:
        raise NotAuditedError(f"{url} does not answer within {ANSWER_S} s") from None
    if isinstance(known, Exception):
        raise NotAuditedError(f"{url} does not answer: {known}")
    if not (isinstance(known, dict) and known.get("vulns")):
        raise NotAuditedError(f"{url} answers, but does not know what is long known")


def _ask(url: str, answers: SimpleQueue[object]) -> None:
    headers = {"Content-Type": "application/json"}
    request = Request(url, json.dumps(KNOWN).encode(), headers)  # noqa: S310 - its scheme is checked
    try:
        with urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
            answers.put(json.load(answer))
    except (OSError, HTTPException, ValueError) as error:
        answers.put(error)


def audit(url: str) -> Audit:
    """Ask about every package of this environment but our own.

    Raises:
        NotAuditedError: the database stopped answering, or a package could not be asked about.
    """
    command = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable"]
    command += ["--progress-spinner=off", f"--timeout={ANSWER_S}", "--format=json"]
    command += ["--vulnerability-service=osv", f"--osv-url={url}"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=AUDIT_S)
        found: list[dict[str, Any]] = json.loads(run.stdout)["dependencies"]
    except subprocess.TimeoutExpired as error:
        raise NotAuditedError(f"{url} did not answer everything within {AUDIT_S} s") from error
    except ValueError as error:
        reason = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1]
        raise NotAuditedError(f"pip-audit failed: {reason}") from error
    asked = [package for package in found if "vulns" in package]
    reasons = {package["name"]: package.get("skip_reason", "") for package in found}
    if unasked := [name for name, reason in reasons.items() if reason and EDITABLE not in reason]:
        raise NotAuditedError(f"nothing could be asked about {', '.join(unasked)}")
    return Audit(len(asked), [line for package in asked for line in _findings(package)])


def _findings(package: dict[str, Any]) -> list[str]:
    return [
        f"{package['name']} {package['version']}: {', '.join([found['id'], *found['aliases']])},"
        f" mended in {', '.join(found['fix_versions']) or 'no version'}: {found['description']}"
        for found in package["vulns"]
    ]


def main() -> int:
    """Print what was found; return the exit code."""
    url = os.environ.get("AUDIT_URL") or DATABASE
    is_required = os.environ.get("AUDIT", "")
    if is_required not in {"", "required"}:
        print(f"AUDIT={is_required}: it is `required`, or not there", file=sys.stderr)
        return NOT_AUDITED
    try:
        require_answers(url)
        packages, findings = audit(url)
    except NotAuditedError as error:
        print(f"WARNING: THE DEPENDENCIES WERE NOT AUDITED: {error}", file=sys.stderr)
        return NOT_AUDITED if is_required else 0
    for line in findings:
        print(line)
    print(f"{packages} packages audited, {len(findings)} known vulnerabilities")
    return FOUND if findings else 0


if __name__ == "__main__":
    sys.exit(main())
