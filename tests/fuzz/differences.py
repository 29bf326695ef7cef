"""Where two values differ, in lines that a person can read."""

from __future__ import annotations

#: So much of a text is shown before and behind the place where it differs.
_AROUND = 120


def differences(python: object, native: object, where: str = "") -> list[str]:
    """Lines about the first part that differs."""
    if python == native and type(python) is type(native):
        return []
    if isinstance(python, tuple | list) and type(python) is type(native):
        assert isinstance(native, tuple | list)
        names = getattr(python, "_fields", range(max(len(python), len(native))))
        for at, name in enumerate(names):
            one, other = ((p[at : at + 1] or ["nothing"])[0] for p in (python, native))
            if lines := differences(one, other, f"{where}.{name}"):
                return lines
    return [
        f"{where}: {name} {_shown(value, _apart(python, native))}"
        for name, value in (("python", python), ("native", native))
    ]


def _apart(one: object, other: object) -> int:
    """Where two texts begin to differ; 0 of everything else."""
    if not (isinstance(one, bytes | str) and isinstance(other, bytes | str)):
        return 0
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _shown(value: object, at: int) -> str:
    if isinstance(value, bytes | str):
        return f"{value[max(0, at - _AROUND) : at + _AROUND]!r} at {at} of {len(value)}"
    return repr(value)[: _AROUND * 8]
