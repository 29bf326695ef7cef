"""Whether two renderings may update the same visitors at once, told from their contracts."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from profiler.errors import ConfigError

#: What would happen where a part of `compatibility` is not the same; docs/contract.md says more.
_HARM = {
    "order": "each refuses what the other wrote (EPROFILE)",
    "key": "one visitor would have two profiles",
    "identity": "they would take the same events for other visitors', visits', times or repeats",
    "gap": "they would divide the same events into other visits",
    "profile_bytes": "the smaller refuses what the larger lets grow (EPROFILE)",
    "forget_dropped": "one forgets the values that only the other one knows",
    "fields": "in order of arrival a field goes wrong by a script that does not know it",
}
_UNKNOWN = "must be the same; the newer profiler knows why"


class _Contract(BaseModel):
    """What of a contract's JSON is compared."""

    contract: int
    rules_version: str
    layout: int
    reads_layouts: list[int]
    compatibility: dict[str, Any]


def read_contract(path: Path) -> dict[str, Any]:
    """Read what `profiler lua contract` printed.

    Raises:
        ConfigError: the file cannot be read, or holds no contract.
    """
    try:
        return _Contract.model_validate_json(path.read_bytes()).model_dump()
    except (OSError, ValidationError) as error:
        message = f"{path} is no contract; print one there: profiler lua contract > {path}"
        raise ConfigError(message) from error


def conflicts(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Why scripts of two contracts must not update the same visitors; none where they may."""
    reasons = []
    if ours["contract"] != theirs["contract"]:
        reasons.append(
            f"contract: {ours['contract']} and {theirs['contract']}: one event may have two"
            " times, and a repeat may be taken for a new one"
        )
    reasons += [
        f"layout: {reader['rules_version']} reads {reader['reads_layouts']} and refuses"
        f" {writer['layout']} of {writer['rules_version']} (ELAYOUT)"
        for writer, reader in ((ours, theirs), (theirs, ours))
        if writer["layout"] not in reader["reads_layouts"]
    ]
    here, there = ours["compatibility"], theirs["compatibility"]
    reasons += [
        f"{name}: {_difference(here.get(name), there.get(name))}: {_HARM.get(name, _UNKNOWN)}"
        for name in here | there
        if here.get(name) != there.get(name)
    ]
    return reasons


def _difference(ours: object, theirs: object) -> str:
    """Of objects the names that differ, of everything else the values."""
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return f"{json.dumps(ours)} and {json.dumps(theirs)}"
    return ", ".join(name for name in ours | theirs if ours.get(name) != theirs.get(name))
