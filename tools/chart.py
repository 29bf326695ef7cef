"""What the program knows and its Helm chart repeats: settings, version, the table of values."""

import copy
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from profiler import __version__
from profiler.config import json_schema
from profiler.config.catalogue import catalogue
from profiler.worker.shutdown import END_S

ROOT = Path(__file__).parent.parent
CHART = ROOT / "deploy" / "helm" / "visitor-profiler"

#: Settings that the chart gives to a pod itself.
OWN = (
    *("rules", "worker_id", "kafka.group_instance_id", "metrics.listen"),
    *("serve.host", "serve.port"),
)

#: Between the program's own end and SIGKILL, for a node that is busy.
_MARGIN_S = 5

_KEY = re.compile(r"(?P<indent> *)(?P<key>\w+):(?P<rest>.*)")


def chart_yaml(there: str) -> str:
    """Return ``Chart.yaml`` with the program's version; Helm wants it in SemVer's way."""
    semantic = re.sub(r"\.?(dev|rc|a|b)(\d+)$", r"-\1.\2", __version__)
    with_version = re.sub(r"^version: .*$", f"version: {semantic}", there, flags=re.MULTILINE)
    app = f'appVersion: "{__version__}"'
    return re.sub(r"^appVersion: .*$", app, with_version, flags=re.MULTILINE)


def values_schema(there: str) -> str:
    """Return ``values.schema.json`` with what `profiler.toml` may hold, and the bound of a stop."""
    schema = json.loads(there)
    properties = schema["properties"]
    settings = _without_own_and_secret(json_schema())
    definitions = settings.pop("$defs")
    schema["$schema"] = settings["$schema"]
    schema["$defs"] = {
        **{name: d for name, d in schema["$defs"].items() if not name.endswith("Settings")},
        **definitions,
    }
    properties["config"] = {
        name: settings[name] for name in ("type", "additionalProperties", "properties")
    } | {"required": ["kafka"]}
    secrets = [setting.path for setting in catalogue() if setting.is_secret]
    properties["secrets"] = {
        "type": "object",
        "propertyNames": {"enum": secrets},
        "additionalProperties": {"$ref": "#/$defs/secret"},
    }
    shortest = math.ceil(END_S) + _MARGIN_S
    properties["terminationGracePeriodSeconds"] = {"type": "integer", "minimum": shortest}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _without_own_and_secret(whole: dict[str, Any]) -> dict[str, Any]:
    schema = copy.deepcopy(whole)
    tables = {
        name: schema["$defs"][described["$ref"].rpartition("/")[2]]["properties"]
        for name, described in schema["properties"].items()
        if "$ref" in described
    }
    for setting in catalogue():
        table = tables[setting.section] if setting.section else schema["properties"]
        if setting.path == "redis.url":
            # No pattern: a schema's message would show the password. The templates refuse one.
            table[setting.key] = {"type": "string", "description": "address, without a password"}
        elif setting.path in OWN or setting.is_secret:
            del table[setting.key]
    for section, table in tables.items():
        if not table:
            described = schema["properties"].pop(section)
            del schema["$defs"][described["$ref"].rpartition("/")[2]]
    schema["$defs"]["KafkaSettings"]["required"] = ["bootstrap_servers"]
    return schema


def values_table() -> str:
    """Return the README's table: each value, its default, and the comment above it."""
    text = (CHART / "values.yaml").read_text("utf-8")
    defaults = yaml.safe_load(text)
    rows = []
    for path, comment in _commented(text):
        default: Any = defaults
        for key in path:
            default = default[key]
        shown = json.dumps(default, ensure_ascii=False)
        rows.append(f"| `{'.'.join(path)}` | `{shown}` | {comment} |\n")
    return "| value | default | meaning |\n| --- | --- | --- |\n" + "".join(rows)


def _commented(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys that have a comment above them, as paths."""
    path: list[tuple[int, str]] = []
    comment = ""
    for line in text.splitlines():
        found = _KEY.fullmatch(line)
        if line.lstrip().startswith("#"):
            comment = line.strip("# ")
        elif found:
            depth = len(found["indent"])
            path = [(at, key) for at, key in path if at < depth]
            path.append((depth, found["key"]))
            if comment:
                yield tuple(key for _, key in path), comment
            comment = ""
        else:
            comment = ""
