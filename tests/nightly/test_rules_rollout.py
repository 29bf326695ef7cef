"""Two workers with two versions of the rules on one stream: a rollout, and the way back."""

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from profiler.rules.model import load_rules
from tests.conftest import MakeStore
from tests.integration.conftest import Deploy
from tests.integration.fault_events import HASTY, VISITORS, page_view
from tests.integration.pipeline_runs import Deployment, Input, place_of

if TYPE_CHECKING:
    from pathlib import Path

PART = 10 * len(VISITORS)

#: Laid upon the rules that are in use: one rule renamed, one added, one dropped, and one whose
#: operation is another.
NEW = """\
name = "new"
extends = "standard.toml"
drop = ["visitor_first_page", "visitor_pageviews"]

[[fields]]
name = "visitor_views"
scope = "visitor"
operation = "count"
when = "any_page_view"
was = "visitor_pageviews"

[[fields]]
name = "visitor_titles"
scope = "visitor"
operation = "unique_count"
value = "query-other_page_title"
limit = 1000

[[fields]]
name = "visit_last_page"
scope = "visit"
operation = "last_n"
value = "query-other_page_title"
limit = 3
"""


class Stream:
    """Events of a deployment, each numbered."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.produced = 0

    def produce(self, count: int) -> None:
        """So many more events; a visitor is in one partition."""
        numbers = range(self.produced, self.produced + count)
        self.produced += count
        self.deployment.produce(map(self._event, numbers))

    def _event(self, number: int) -> Input:
        place = number % len(VISITORS) % self.deployment.partitions
        return page_view(number)._replace(partition=place)

    def outputs(self) -> dict[str, list[dict[str, Any]]]:
        """Those of each visitor, in the order of the stream."""
        found = defaultdict(list)
        records = self.deployment.read("persisted")
        places = sorted((place_of(record), record.value or b"") for record in records)
        assert len({place for place, _ in places}) == len(places) == self.produced
        for _, value in places:
            profile = json.loads(value)
            found[profile["profile_visitor_id"]].append(profile)
        return found

    def versions(self, first: int) -> set[str]:
        """Whose outputs there are, of the events from this one on."""
        each = (profile for profiles in self.outputs().values() for profile in profiles)
        return {
            profile["profile_rules_version"].partition("-")[0]
            for profile in each
            if int(profile["query-other_event_id"].partition(" ")[2]) >= first
        }


def test_a_rollout_and_the_way_back(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    new: Path = deployment.rules.with_name("new.toml")
    new.write_text(NEW)
    assert load_rules(str(new)).store == load_rules(str(deployment.rules)).store
    stream = Stream(deployment)

    def work_off() -> None:
        old_worker.wait_for(deployment.is_done)

    with deployment.start("run", **HASTY) as old_worker:
        stream.produce(PART)
        work_off()
        # Side by side: until both had a share of the same traffic.
        with deployment.start("run", RULES=str(new), **HASTY) as new_worker:
            for _ in range(20):
                first = stream.produced
                stream.produce(PART)
                work_off()
                if stream.versions(first) == {"standard", "new"}:
                    break
            assert stream.versions(first) == {"standard", "new"}
            old_worker.stop()
            first = stream.produced
            stream.produce(PART)
            new_worker.wait_for(deployment.is_done)
            assert stream.versions(first) == {"new"}
            # The way back: the old rules again.
            with deployment.start("run", **HASTY) as back:
                new_worker.stop()
                first = stream.produced
                stream.produce(PART)
                back.wait_for(deployment.is_done)
                assert stream.versions(first) == {"standard"}
                back.stop()

    for visitor, profiles in stream.outputs().items():
        titles, pages = 0, list[str]()
        for number, profile in enumerate(profiles, 1):
            told = {name.removeprefix("profile_"): value for name, value in profile.items()}
            page = profile["query-other_page_title"]
            # Nothing that both know is lost or counted twice, whoever took the event.
            assert told["visitor_events"] == told["visit_pageviews"] == number, visitor
            if told["rules_version"].startswith("new"):
                # Renamed: it goes on. Added: it began empty, and the old worker carries it along.
                # Another operation: likewise.
                titles += 1
                pages = [page, *pages][:3]
                assert told["visitor_views"] == number
                assert (told["visitor_titles"], told["visit_last_page"]) == (titles, pages)
                assert "visitor_first_page" not in told
            else:
                # Dropped: it is there again, since the new worker has carried it along.
                assert told["visitor_pageviews"] == number
                assert told["visitor_first_page"] == profiles[0]["query-other_page_title"]
                assert told["visit_last_page"] == page
        assert 0 < titles < len(profiles)
