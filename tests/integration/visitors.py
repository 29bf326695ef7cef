"""Visitors of some rules, and the command that looks at them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from profiler.profiles.keys import key_of
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import Rules, load_rules
from tests.integration.commands import Done, run_command
from tests.integration.pipeline_runs import rules_file

if TYPE_CHECKING:
    from pathlib import Path

    from servers.redis import Store

PAGE_VIEW = {"query-other_eventtype": "Pageview", "query-other_domain_sessionid": "visit-1"}


class Visitors:
    """Visitors of one preset's rules, and the command that looks at them."""

    def __init__(self, store: Store, preset: str, key_prefix: str, directory: Path) -> None:
        self.url = store.url
        self.key_prefix = key_prefix
        self.rules_path = str(rules_file(directory, preset, key_prefix))
        self.rules: Rules = load_rules(self.rules_path)
        self._client = connect(store.url)
        self.use(self.rules)

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def use(self, rules: Rules) -> None:
        """Apply events by these rules from here on."""
        self.script = ProfileScript(self._client, rules, max_id_bytes=1_000)

    def see(self, visitor: str, page: str = "Home", stream: str = "0:t:0") -> None:
        """Apply one page view."""
        fields = {
            **PAGE_VIEW,
            self.rules.identity.visitor[0]: visitor,
            "query-other_page_title": page,
        }
        self.script.apply([FlatEvent(stream, 1, 1_700_000_000_000, fields)])

    def key(self, visitor: str) -> str:
        """The visitor's key."""
        return key_of(self.key_prefix + "{<id>}", visitor)

    def get(self, *arguments: str | bytes) -> Done:
        """Run the command without a terminal."""
        return run_command(["get", *arguments], redis__url=self.url, rules=self.rules_path)

    def found(self, *arguments: str) -> dict[str, Any]:
        """The same where it must succeed."""
        done = self.get("--json", *arguments)
        assert done.code == 0, done
        document: dict[str, Any] = json.loads(done.output)
        return document

    def refused(self, *arguments: str | bytes) -> str:
        """The one line of an answer that is no profile."""
        done = self.get(*arguments)
        assert (done.code, done.output) == (1, "")
        (line,) = done.errors.splitlines()
        return line
