"""What audits found, as metrics: on a port, or in a file that node_exporter reads."""

import time
from collections.abc import Sequence
from pathlib import Path

from profiler.errors import ProfilerError
from profiler.ops.audit.auditing import RESULTS, Verdict
from profiler.ops.audit.compare import MISSING, UNREADABLE
from profiler.rules.contract import contract_of
from profiler.rules.model import Rules
from profiler.service import metrics
from profiler.service.store import Store
from profiler.service.store_pages import StorePages


class AuditPages(StorePages):
    """What audits found so far.

    Args:
        rules: name the fields.
    """

    def __init__(self, rules: Rules) -> None:
        self._store = Store(metrics.OF_AUDIT)
        super().__init__(self._store)
        for result in RESULTS:
            self._store.add(metrics.AUDIT_VISITORS, 0, result)
        for name in (MISSING, UNREADABLE, *(field.name for field in contract_of(rules).fields)):
            self._store.add(metrics.AUDIT_MISMATCH, 0, name)

    def note(self, verdicts: Sequence[Verdict]) -> None:
        """Count an audit."""
        with self._store.together():
            for verdict in verdicts:
                self._store.add(metrics.AUDIT_VISITORS, 1, verdict.result)
                for name in {difference.field for difference in verdict.differences}:
                    self._store.add(metrics.AUDIT_MISMATCH, 1, name)
            wrong = sum(verdict.result == "mismatch" for verdict in verdicts)
            self._store.set(metrics.AUDIT_MISMATCHED, wrong)
            self._store.set(metrics.AUDITED_AT, time.time())

    def write(self, path: Path) -> None:
        """Write all of it to a file, in one step.

        Raises:
            ProfilerError: it cannot be written.
        """
        beside = path.with_name(f".{path.name}.new")
        try:
            beside.write_bytes(self.metrics())
            beside.chmod(0o644)
            beside.replace(path)
        except OSError as error:
            raise ProfilerError(f"--textfile {path}: {error.strerror}") from error
