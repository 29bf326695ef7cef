"""What a check found out about one thing, and what to do about it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """How good it is: `UNKNOWN` could not be tested, and fails nothing."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Finding(NamedTuple):
    """One row of the table.

    Attributes:
        subject: what was looked at, e.g. ``redis`` or ``topic tracking_processed``.
        check: which of its properties; with the subject the row's name, which stays the same.
        status: how good it is.
        found: what is the case, without secrets.
        remedy: what to do; empty where nothing is to be done.
    """

    subject: str
    check: str
    status: Status
    found: str
    remedy: str = ""


class Subject:
    """Names one subject in all of its findings."""

    def __init__(self, name: str) -> None:
        self._name = name

    def ok(self, check: str, found: str) -> Finding:
        """As it should be."""
        return Finding(self._name, check, Status.OK, found)

    def warning(self, check: str, found: str, remedy: str) -> Finding:
        """A worker runs, with a risk that somebody should know."""
        return Finding(self._name, check, Status.WARNING, found, remedy)

    def failed(self, check: str, found: str, remedy: str) -> Finding:
        """A worker does not run, gets stuck, or loses data."""
        return Finding(self._name, check, Status.FAILED, found, remedy)

    def unknown(self, check: str, found: str, remedy: str) -> Finding:
        """It may not be asked; the remedy says who can."""
        return Finding(self._name, check, Status.UNKNOWN, found, remedy)


#: The subject whose failures are wrong configuration.
CONFIGURATION = Subject("configuration")


def is_misconfigured(findings: Iterable[Finding]) -> bool:
    """Whether settings or rules are wrong, so that no worker would start."""
    name = CONFIGURATION.ok("", "").subject
    return any(row.subject == name and row.status is Status.FAILED for row in findings)


def has_failed(findings: Iterable[Finding]) -> bool:
    """Whether anything is wrong."""
    return any(row.status is Status.FAILED for row in findings)
