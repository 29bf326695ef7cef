"""The text of a file of vectors."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tools.vectors.builders import Vector

CALL_ARGS = 4


def text_of(vectors: list[Vector]) -> str:
    """JSON with a line per event, so that a vector can be read."""
    return "[\n" + ",\n".join(map(_vector_text, vectors)) + "\n]\n"


def _vector_text(vector: Vector) -> str:
    calls = ",\n".join(_call_text(call) for call in vector["calls"])
    lines = [
        f"    [\n{calls}\n    ]" if name == "calls" else _json(value)
        for name, value in vector.items()
    ]
    members = (f"{_json(name)}: {line.lstrip()}" for name, line in zip(vector, lines, strict=True))
    return "  {\n    " + ",\n    ".join(members) + "\n  }"


def _call_text(call: dict[str, Any]) -> str:
    shown = [f'"keys": {_json(call["keys"])}', f'"argv": {_argv_text(call["argv"])}']
    if "reply" in call:
        shown.append(f'"reply": {_rows(map(_json, call["reply"]))}')
    else:
        (kind,) = call.keys() - {"keys", "argv"}
        shown.append(f'"{kind}": {_json(call[kind])}')
    return "      {\n        " + ",\n        ".join(shown) + "\n      }"


def _argv_text(argv: Sequence[object]) -> str:
    """The arguments of the call, then a line for each event's."""
    rest = argv[CALL_ARGS:]
    if not rest:
        return _json(argv)
    # Arguments that are wrong may fit no event.
    count = int(str(argv[CALL_ARGS - 1])) if str(argv[CALL_ARGS - 1]).isdigit() else 1
    width = len(rest) // count if count and len(rest) % count == 0 else len(rest)
    rows = [argv[:CALL_ARGS], *(rest[at : at + width] for at in range(0, len(rest), width))]
    return _rows(_json(row)[1:-1] for row in rows)


def _rows(rows: Iterable[str]) -> str:
    lines = ",\n".join(f"          {row}" for row in rows)
    return f"[\n{lines}\n        ]" if lines else "[]"


def _json(value: object) -> str:
    return json.dumps(_portable(value), ensure_ascii=False)


def _portable(value: object) -> object:
    """Bytes that are no UTF-8 as {"hex": ...}."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"hex": value.hex()}
    if isinstance(value, Mapping):
        return {name: _portable(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_portable(item) for item in value]
    return value
