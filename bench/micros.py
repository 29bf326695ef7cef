"""What one more field costs the server, by operation: the table that rules explain shows.

    python -m bench.micros > profiler/rules/data/micros.toml

Microseconds inside EVALSHA, for one event of a known visitor: rules with sixteen such fields,
less rules without, by sixteen. The least of several rounds, since a busy machine only adds.
"""

from collections.abc import Iterator

from profiler.errors import ConfigError
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import Rules, parse_rules
from profiler.rules.operations import Kind, Operation, operations
from servers.redis import private_store

_HEAD = """\
name = "micros"
order = "event_time"
[identity]
visitor = "u"
visit = "s"
event_id = "i"
[store]
key = "{name}:{{<id>}}"
[visit]
bounce = "visit_events"
[[fields]]
name = "visit_events"
scope = "visit"
operation = "count"
"""
_COPIES, _ROUNDS, _CALLS = 16, 25, 60
_START_MS = 1_700_000_000_000

#: What a rule says, by the kind of its value.
_SAID: dict[Kind, str] = {
    "none": "",
    "event_time": 'value = "event_time"\n',
    "text": 'value = "text"\n',
    "number": 'value = "number"\n',
    "tuple": 'values = { a = "text", b = "number" }\n',
}


def _rules(name: str, operation: Operation | None, kind: Kind) -> Rules:
    each = ""
    if operation is not None:
        # A form of an operation, such as its window, is a key of the rule.
        plain, _, form = operation.name.partition(".")
        each = f'operation = "{plain}"\n{_SAID[kind]}'
        each += f'{form} = "30 d"\n' * bool(form)
        each += f'which = "{operation.which[-1]}"\n' if operation.which else ""
    fields = [
        f'[[fields]]\nname = "visitor_f{n}"\nscope = "visitor"\n{each}' for n in range(_COPIES)
    ]
    return parse_rules(_HEAD.replace("{name}", name) + "".join(fields if each else []), "micros")


def _all_rules() -> Iterator[tuple[str, Rules]]:
    yield "", _rules("none", None, "none")
    for operation in operations().values():
        for kind in operation.places:
            name = f"{operation.name}.{kind}"
            try:
                yield name, _rules(name, operation, kind)
            except ConfigError as error:
                print(f"# {name} is not measured: {str(error).splitlines()[0]}")


def main() -> None:
    """Print the table."""
    with private_store("redis7") as store:
        client = connect(store.url)
        scripts = {name: ProfileScript(client, rules) for name, rules in _all_rules()}
        least = dict.fromkeys(scripts, float("inf"))
        for number in range(_ROUNDS):
            for name, script in scripts.items():
                script.register()
                client.config_resetstat()
                for call in range(_CALLS):
                    at = number * _CALLS + call
                    fields = {"u": "ada", "s": f"v{at // 40}", "i": f"e{at}"}
                    fields |= {"text": f"/a/page/{at % 7}", "number": str(at % 50)}
                    script.apply([FlatEvent("", 0, _START_MS + at * 1_000, fields)])
                taken = client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"]
                least[name] = min(least[name], float(taken))
        client.close()
    bare = least.pop("")
    print("# Server µs of one more field, by operation and kind of value, on Redis 7.0.")
    print("# Written by: python -m bench.micros > profiler/rules/data/micros.toml")
    for name, taken in least.items():
        print(f'"{name}" = {max(0.0, (taken - bare) / _COPIES):.1f}')


if __name__ == "__main__":
    main()
