"""The smallest event that the rules make an entry page of."""

from typing import Any

from profiler.rules.model import Rules
from profiler.rules.shown import names_of


def example_event(rules: Rules, *, visitor: str, visit: str, text: str) -> dict[str, Any]:
    """The smallest input record that gives a visit its entry page under these rules."""
    wanted = {rules.identity.visitor[0]: visitor}
    if rules.identity.visit:
        wanted[rules.identity.visit] = visit
    for rule in rules.fields:
        if rule.name == names_of(rules).entry and rule.taken:
            for condition in rules.predicates.get(rule.when or "", []):
                for test in condition.tests():
                    wanted[test.field or ""] = str(test.equals or text)
            wanted[rule.taken[0]] = wanted.get(rule.taken[0], text)
    event: dict[str, Any] = {}
    for flattened, value in wanted.items():
        section, _, name = flattened.partition("-")
        event.setdefault(section, []).append({"name": name, "value": value})
    return event
