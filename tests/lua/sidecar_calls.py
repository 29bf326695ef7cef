"""Calls with a sidecar, for its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lua.raw import Argument, event

if TYPE_CHECKING:
    from tests.lua.raw import Script

KEY = "visitor:{v}"


def call(script: Script, *offsets: int, stream: str = "s", floor: Argument = "") -> Any:  # noqa: ANN401
    """Call with the events of these offsets; the answers as they are."""
    events = [
        event(at, ms=1_000 + at, event_id=f"{stream}{at}", visit="AB"[at % 2], page=f"p{at}")
        for at in offsets
    ]
    return script.raw(*events, stream=stream, floor=floor)
