"""Switching modes for real: programs, records before and after, nothing lost, nothing doubled."""

from contextlib import ExitStack

import pytest

from tests.conftest import MakeStore
from tests.integration.conftest import Deploy, Settle
from tests.integration.fault_events import (
    UNWELL_KAFKA,
    VISITORS,
    bad_records,
    page_views,
    without_event_ids,
)
from tests.integration.pipeline_runs import Deployment

SWITCH = "--switch-mode"


@pytest.fixture
def deployment(private_store: MakeStore, deploy: Deploy) -> Deployment:
    """One whose script knows a redelivered event by its offset alone."""
    return without_event_ids(deploy(private_store("valkey9").url))


def work(deployment: Deployment, mode: str, *flags: str) -> None:
    """Run a program until it has read everything, and stop it."""
    with deployment.start(mode, *flags) as program:
        program.wait_for(lambda: deployment.is_done(mode))
        program.stop()


def refusal(deployment: Deployment, mode: str, *flags: str) -> str:
    """Start a program that must not start, and return what it said."""
    with deployment.start(mode, *flags) as program:
        assert program.wait() == 78, program.output
    assert "Traceback" not in program.output
    return program.output


def test_counts_double_where_the_offsets_are_not_carried_over(deployment: Deployment) -> None:
    """The trap that all this is for: without its group, `run` has left no trace."""
    deployment.produce(page_views(0, 2 * len(VISITORS)))
    work(deployment, "run")
    assert deployment.stored(VISITORS[0])["visitor_events"] == "2"
    group = deployment.groups["run"]
    assert deployment.admin.delete_groups([group]) == {group: "OK"}
    for mode in ("flatten", "profile"):
        work(deployment, mode)
    # `profile` has read them as `run` wrote them, and again as `flatten` did.
    assert deployment.stored(VISITORS[0])["visitor_events"] == "6"


@pytest.mark.parametrize("first", ["flatten", "profile"])
def test_there_and_back_again_nothing_is_lost_or_doubled(
    first: str, deployment: Deployment, settle: Settle
) -> None:
    deployment.produce(page_views(0, 40))
    work(deployment, "run")
    deployment.produce(page_views(40, 40))
    for mode in ("flatten", "profile"):
        assert "(profiler run) has committed offsets in 3" in refusal(deployment, mode)

    with ExitStack() as stack:
        switching = stack.enter_context(deployment.start(first, SWITCH))
        switching.wait_for_event("mode switched")
        # The flag goes with the first program only.
        second = "profile" if first == "flatten" else "flatten"
        programs = {
            first: switching,
            second: stack.enter_context(deployment.start(second)),
        }
        deployment.produce(page_views(80, 40))
        for mode in ("flatten", "profile"):
            programs[mode].wait_for(lambda mode=mode: deployment.is_done(mode))  # type: ignore[misc]
            programs[mode].stop()
    assert deployment.committed("run") == {}
    deployment.produce(page_views(120, 40))
    message = refusal(deployment, "run")
    for mode in ("flatten", "profile"):
        assert f"{deployment.groups[mode]} (profiler {mode}) has committed offsets in" in message

    with deployment.start("run", SWITCH) as program:
        program.wait_for_event("mode switched")
        deployment.produce(page_views(160, 40))
        program.wait_for(deployment.is_done)
        assert program.stop()["read"] == 80
    assert deployment.committed("flatten") == deployment.committed("profile") == {}
    found = settle(deployment)
    assert (found.inputs, found.flattened, found.persisted, found.rejected) == (200, 0, 0, 0)


@pytest.mark.parametrize(("live", "mode"), [("run", "flatten"), ("flatten", "run")])
def test_nobody_switches_while_the_other_mode_is_at_work(
    live: str, mode: str, deployment: Deployment
) -> None:
    with deployment.start(live) as program:
        program.wait_for(lambda: program.owned() == 3)
        # There is nothing to commit yet, so that only the member shows.
        assert "committed offsets in 0 partitions" in refusal(deployment, mode)
        assert "now: 1. Stop them before the switch" in refusal(deployment, mode, SWITCH)
        deployment.produce(page_views(0, 40))
        program.wait_for(lambda: deployment.is_done(live))
        committed = deployment.committed(live)
        assert "now: 1. Stop them before the switch" in refusal(deployment, mode, SWITCH)
        program.stop()
    assert deployment.committed(live) == committed
    assert deployment.committed(mode) == {}


@pytest.mark.parametrize(("stopped", "mode"), [("run", "flatten"), ("flatten", "run")])
def test_what_a_stopped_worker_has_not_committed_is_finished_first(
    stopped: str, mode: str, private_store: MakeStore, deploy: Deploy, settle: Settle
) -> None:
    """It has written outputs of a batch, and `run` has counted it, but no offset says so."""
    deployment = deploy(private_store("valkey9").url)
    if stopped == "run":
        # What `flatten` writes twice, `profile` knows by the events' ids alone.
        without_event_ids(deployment)
    deployment.produce(page_views(0, 40))
    work(deployment, stopped)
    deployment.configure(deployment.topics["rejected"], {"max.message.bytes": "100"})
    deployment.produce([*page_views(40, 40), *bad_records(1)])
    with deployment.start(stopped, KAFKA__DELIVERY_TIMEOUT_MS="2000") as program:
        program.wait_for_event(UNWELL_KAFKA)
        program.stop()
    deployment.configure(deployment.topics["rejected"], {"max.message.bytes": "1048588"})
    if stopped == "flatten":
        work(deployment, "profile")

    message = refusal(deployment, mode, SWITCH)
    assert f"the last profiler {stopped} did not stop cleanly" in message

    work(deployment, stopped)
    if stopped == "flatten":
        work(deployment, "profile")
    deployment.produce(page_views(80, 40))
    work(deployment, mode, SWITCH)
    if mode == "flatten":
        work(deployment, "profile")
    settle(deployment)


def test_of_workers_that_switch_at_once_one_does_it(deployment: Deployment, settle: Settle) -> None:
    deployment.produce(page_views(0, 40))
    work(deployment, "run")
    with ExitStack() as stack:
        programs = [
            stack.enter_context(deployment.start(mode, SWITCH))
            for mode in ("flatten", "profile", "flatten", "profile")
        ]
        for one, two in (programs[::2], programs[1::2]):
            one.wait_for(lambda one=one, two=two: {one.owned(), two.owned()} == {1, 2})  # type: ignore[misc]
        deployment.produce(page_views(40, 40))
        programs[0].wait_for(lambda: deployment.is_done("flatten"))
        programs[1].wait_for(lambda: deployment.is_done("profile"))
        for program in programs:
            program.stop()
    assert deployment.committed("run") == {}
    assert sum(len(program.events("offsets removed")) for program in programs) >= 1
    found = settle(deployment)
    assert (found.inputs, found.flattened, found.persisted) == (80, 0, 0)
