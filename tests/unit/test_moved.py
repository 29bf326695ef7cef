"""Import paths of version 0.1 give the modules of today, and say so."""

import sys
import warnings
from importlib import import_module

import pytest

from profiler.moved import MOVED


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_an_old_path_gives_the_very_module_of_the_new_one(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = import_module(new)
    spec = here.__spec__
    for name in MOVED:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert import_module(old) is here
    assert f"{old} is {new} now; the old path goes with version 0.3" in map(
        str, (one.message for one in told if one.category is DeprecationWarning)
    )
    assert here.__spec__ is spec
    for name in MOVED:
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_no_other_path_is_found() -> None:
    with pytest.raises(ModuleNotFoundError):
        import_module("profiler.nothing")
