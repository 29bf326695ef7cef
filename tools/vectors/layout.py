"""The text of a file of vectors."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tools.vectors.builders import Vector


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
    argv = call["argv"]
    rows = [argv[:3], *(argv[at : at + 7] for at in range(3, len(argv), 7))]
    shown = [f'"keys": {_json(call["keys"])}', f'"argv": {_rows(_json(r)[1:-1] for r in rows)}']
    if "error" in call:
        shown.append(f'"error": {_json(call["error"])}')
    else:
        shown.append(f'"reply": {_rows(map(_json, call["reply"]))}')
    return "      {\n        " + ",\n        ".join(shown) + "\n      }"


def _rows(rows: Iterable[str]) -> str:
    lines = ",\n".join(f"          {row}" for row in rows)
    return f"[\n{lines}\n        ]" if lines else "[]"


def _json(value: object) -> str:
    return json.dumps(_portable(value), ensure_ascii=False)


def _portable(value: object) -> object:
    """Bytes that are no UTF-8 as {"b64": ...}."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {name: _portable(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_portable(item) for item in value]
    return value
