"""Holds the line of the design: nothing but ``lua/`` decides anything about a visitor.

    python -m tools.check_boundary [DIRECTORY]

Outside ``profiler/profiles/steps.py`` no module issues a Redis data command, or reads a visit,
visitor or page field. Prints ``file:line`` of every breach, and ends with 1 when there is one.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from redis.commands.core import CoreCommands

PACKAGE = Path(__file__).parent.parent / "profiler"

#: Modules that may import redis, and why. Type annotations may everywhere.
IMPORTS_REDIS = {
    "profiles/aio.py": "the script's caller for asyncio",
    "profiles/steps.py": "what the script's callers send, and what is answered",
    "profiles/redis/connections.py": "makes the connection, sends nothing on it",
    "profiles/redis/exchange.py": "sends what it is given",
    "profiles/redis/cluster.py": "asks where slots are (CLUSTER SLOTS), and follows redirections",
    "profiles/redis/slots.py": "the slot of a key",
    "profiles/redis/detect.py": "connects, reads what a server is, sends nothing",
    "profiles/redis/faults.py": "reads errors, sends nothing",
    "profiles/redis/hello.py": "asks a server what it is (HELLO)",
    "profiles/redis/places.py": "connects, sends nothing",
    "profiles/redis/sentinels.py": "asks sentinels for the primary",
    "profiles/reading/connections.py": "makes connections, sends what it is given; HELLO, READONLY",
    "profiles/reading/single.py": "asks who the replicas are (ROLE), and sends what it is given",
    "profiles/reading/cluster.py": "asks where slots are (CLUSTER SLOTS), and follows redirections",
    "profiles/reading/reader.py": "reads errors, sends what `Reads` says",
    "profiles/reads.py": "says what is read of a visitor's key, and reads the answers",
    "profiles/rights.py": "reads refusals, sends nothing",
    "ops/check/redis.py": "asks a server about itself (PING, INFO, CONFIG GET)",
    "ops/check/redis_cluster.py": "reads a map of slots, sends nothing",
    "ops/check/redis_sentinel.py": "has sentinels asked for the primary, sends nothing",
    "service/redis_load.py": "asks a server how busy it is (INFO)",
    "servers/embedded.py": "asks a server that it started whether it is ready (PING)",
}

#: Modules that may issue data commands, and why.
COMMANDS = {
    "profiles/aio.py": "the script's caller for asyncio: sends what it is given",
    "ops/explain/scratch.py": "removes profiles from a server of our own, which is thrown away",
}

#: Single commands that are about the server and no data: (module, method) and why.
NO_DATA = {("ops/check/redis.py", "config_get"): "whether the server keeps what it is given"}

#: Modules that may name fields, and why.
NAMES_FIELDS = {
    "demo/shop/snowplow.py": "gives a tracker's parameters their names, before the pipeline",
    "profiles/export.py": "puts visits that were read in their order",
    "rules/rule.py": "checks the names in a rules file against the built-in ones",
    "rules/contract.py": "describes the script's arguments and reply",
    "rules/render.py": "hands names to the templates, never sees an event",
    "rules/packed_state.py": "names the script's locals, never sees an event",
    "rules/rendered_rule.py": "names the script's locals, never sees an event",
    "rules/explain.py": "says in words what the built-in fields are, never sees an event",
    "ops/audit/compare.py": "knows which of the built-in fields depends on the order of arrival",
    "ops/explain/probe.py": "makes rules that ask the script about conditions",
}

#: Single literals that look like a field's name and are none: (module, literal) and why.
NO_FIELDS = {
    ("config/settings.py", "visitor_profiler"): "the default name of a consumer group",
    ("engine/choice.py", "visitor_profiler_native"): "the name of a package",
}

#: Methods of a client that are no data commands.
_HARMLESS = re.compile(r"_|client_|command$|info$|ping$|wait$")

#: Methods whose names are everyday Python too: they count where the receiver is called a client.
_EVERYDAY = re.compile(
    "append|cluster|copy|delete|digest|dump|echo|exists|get|hello|keys|lock|move|object|persist|publish|quit"
    "|rename|reset|restore|role|save|scan|select|set|shutdown|sort|sync|time|touch|transaction|ttl"
    "|type|unlink|watch"
)
_CLIENT = re.compile(r"(client|redis|valkey|pipe|pipeline)$", re.IGNORECASE)

#: What redis-py knows, and the ways around its methods.
_COMMANDS = {name for name in dir(CoreCommands) if not _HARMLESS.match(name)}
_COMMANDS |= {"execute_command", "pipeline"}

_FIELD = re.compile(
    r"domain_userid|domain_sessionid|page_title|eventtype|^(profile_)?(visitor|visit)_[a-z]"
)


def breaches(path: Path, name: str) -> Iterator[tuple[int, str]]:
    """Say where a module crosses the line.

    Args:
        path: the module's file.
        name: the module by its path below the package, as the allow-lists have it.

    Yields:
        The line, and what is wrong there.
    """
    tree = ast.parse(path.read_text("utf-8"), path.name)
    prose, for_types = _ids_of(tree, _docstrings), _ids_of(tree, _type_checking)
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr | ast.stmt):
            continue
        command, field = _command_of(node), _field_of(node)
        may_issue = name in COMMANDS or (name, command.rpartition(".")[2]) in NO_DATA
        if command and not may_issue:
            yield node.lineno, f"issues a Redis command: {command}"
        may_name = name in NAMES_FIELDS or (name, field) in NO_FIELDS or id(node) in prose
        if field and not may_name:
            yield node.lineno, f"names a field: {field}"
        if _imports_redis(node) and name not in IMPORTS_REDIS and id(node) not in for_types:
            yield node.lineno, "imports redis"


def _command_of(node: ast.AST) -> str:
    """The command that a call of a client's method issues, or nothing."""
    if not isinstance(node, ast.Attribute) or node.attr not in _COMMANDS:
        return ""
    receiver = node.value
    last = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
    is_everyday = _EVERYDAY.fullmatch(node.attr) and not _CLIENT.search(last)
    return "" if is_everyday else ast.unparse(node)


def _field_of(node: ast.AST) -> str:
    """The text of a literal that holds a field's name, or nothing."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str | bytes):
        return ""
    text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
    return text if _FIELD.search(text) else ""


def _imports_redis(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] == "redis" for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.level == 0 and (node.module or "").partition(".")[0] == "redis"
    return False


def _ids_of(tree: ast.AST, pick: Callable[[ast.AST], list[ast.stmt]]) -> set[int]:
    """All nodes below the statements that `pick` finds."""
    return {id(n) for node in ast.walk(tree) for s in pick(node) for n in ast.walk(s)}


def _docstrings(node: ast.AST) -> list[ast.stmt]:
    """A string that stands alone: it documents."""
    return [node] if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) else []


def _type_checking(node: ast.AST) -> list[ast.stmt]:
    is_guard = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    return node.body if is_guard and isinstance(node, ast.If) else []


def main(arguments: Sequence[str]) -> int:
    """Check a package's modules, by default the profiler's; returns the exit code."""
    package = Path(arguments[0]) if arguments else PACKAGE
    modules = sorted(package.rglob("*.py"))
    found = [
        f"{path}:{line}: {what}"
        for path in modules
        for line, what in sorted(breaches(path, path.relative_to(package).as_posix()))
    ]
    print("\n".join(found) or f"{len(modules)} modules keep to the line")
    return 1 if found or not modules else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
