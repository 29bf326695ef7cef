"""What answers tell of triggers; their forms are compared by `tests/fuzz`."""

from pathlib import Path

import pytest

from profiler.errors import ScriptContractError
from profiler.profiles.turned import TriggerDecoder
from profiler.rules.contract import contract_of
from profiler.rules.model import load_rules

_EVERYTHING = Path(__file__).parents[1] / "integration" / "everything" / "everything.toml"


def test_a_wrong_answer_leaves_nothing_behind() -> None:
    contract = contract_of(load_rules(str(_EVERYTHING)))
    decoder = TriggerDecoder(contract)
    values = [b"0"] * len(contract.fields)
    name = contract.triggers_told[0].name.encode()
    for wrong in (None, [name], [b"no trigger", b"0" * 40, b"fired", b""]):
        errors = []
        for _ in range(3):
            with pytest.raises(ScriptContractError, match="declared triggers") as caught:
                decoder.decode(wrong, values)  # type: ignore[arg-type] # any part of a reply
            errors.append(caught.value)
        # One that is raised again keeps the frames of all times before, and what these held.
        assert len(set(map(id, errors))) == 3
