"""The macros of one operation, and nothing else, in a small harness of Lua on a real server.

Over 250 lines: a fifth of them is the harness.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from profiler.rules.model import Rules
from profiler.rules.operations import operations
from profiler.rules.packed_state import packed_state
from profiler.rules.render import quote_lua, rendered_rule, templates
from profiler.rules.taken_input import Input, Inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import redis

    from profiler.rules.operations import Kind
    from profiler.rules.rendered_rule import RenderedRule

#: A stack of packed states. What a macro may use beside its rule's places stands here; another name
#: is an error of the server.
HARNESS = """
local EVER, NEVER, NOWHEN = 1e15, -1, 0 / 0
{functions}
local FORMAT = "{format}"
local function packed({places})
  local state = struct.pack(FORMAT, {arguments})
  local {others} = struct.unpack(FORMAT, state)
  if {differs} then error("what is packed is another value") end
  return state
end
local states, at, now = {{}}, 1, NOWHEN
while ARGV[at] do
  local word, size = ARGV[at], #states
  local flags, truncated, corrected = "", false, false
  if word == "now" then
    now, at = tonumber(ARGV[at + 1]) or NOWHEN, at + 1
  elseif word == "empty" then
    local {places} = {empty}
    states[size + 1] = packed({places})
  elseif word == "merge" then
    local {places} = struct.unpack(FORMAT, states[size - 1])
    local {others} = struct.unpack(FORMAT, states[size])
    {merge}
    states[size - 1], states[size] = packed({places}), nil
  else
    local {places} = struct.unpack(FORMAT, states[size])
    if word == "returned" then
      {returned}
    else
      local ms, created = tonumber(ARGV[at + 1]) or NOWHEN, tonumber(ARGV[at + 2])
      local {input} = ARGV[at + {at_input}]
      local {number} = units_of({input}, {decimals})
      local counted, is_taken = ARGV[at + 5] == "1", ARGV[at + 6] == "1"
      at = at + 6
      {add}
    end
    states[size] = packed({places})
  end
  at = at + 1
end
for i, state in ipairs(states) do
  local {places} = struct.unpack(FORMAT, state)
  {shown}
  states[i] = {{ state, {public} }}
end
return states
"""

#: A value as the words that make it in the harness.
State = list[str | bytes]
EMPTY: State = ["empty"]
RETURNED: State = ["empty", "returned"]


class Event(NamedTuple):
    """What an operation sees of an event.

    Attributes:
        ms: its time; "" where that is not known.
        created: its own time by its device; -1 where there is none.
        text: the input as it comes, for a rule that takes a text.
        number: the same for one that takes a number.
        counted: whether it is neither a repeat nor late.
        is_taken: whether the rule's predicate holds.
    """

    ms: str
    created: str
    text: bytes
    number: bytes
    counted: bool = True
    is_taken: bool = True

    @property
    def words(self) -> State:
        """For the harness."""
        flags = ["1" if each else "0" for each in (self.counted, self.is_taken)]
        return ["event", self.ms, self.created, self.text, self.number, *flags]


class Case(NamedTuple):
    """An operation with one kind of value.

    Attributes:
        operation: its name.
        kind: of the value.
        decimals: of a number, else None.
        limit: of values that are kept, else None.
        which: of the ones that the operation knows, else None.
        age: of values that are still shown, else None.
    """

    operation: str
    kind: Kind
    decimals: int | None = None
    limit: int | None = None
    which: str | None = None
    age: str | None = None

    @property
    def window(self) -> str | None:
        """A short one, where the operation has one."""
        return "3 d" if self.operation.endswith(".window") else None

    def __str__(self) -> str:
        """Name the test."""
        return "-".join(str(part) for part in self if part is not None)

    @property
    def rules(self) -> Rules:
        """Rules with one rule for the case, behind one that `bounce` may name."""
        counts = next(name for name, each in operations().items() if each.counts)
        value = {"none": None, "event_time": "event_time"}.get(self.kind, "x")
        rule: dict[str, object] = {
            "name": "visit_it",
            "operation": self.operation.removesuffix(".window"),
            "window": self.window,
            "decimals": self.decimals,
        }
        rule |= {"limit": self.limit} if self.limit else {}
        rule |= {"which": self.which} if self.which else {}
        rule |= {"age": self.age} if self.age else {}
        rule |= {"values": dict.fromkeys("ab", "x")} if self.kind == "tuple" else {"value": value}
        return Rules.model_validate(
            {
                "name": "case",
                "order": "event_time",
                "identity": {"visitor": "v", "visit": "s"},
                "predicates": {"taken": [{"field": "taken", "present": True}]},
                "visit": {"bounce": "visit_all"},
                "fields": [
                    {"name": "visit_all", "scope": "visit", "operation": counts},
                    {**rule, "scope": "visit", "when": "taken"},
                ],
            }
        )


def cases() -> Iterator[Case]:
    """Every kind of value of every operation that there is."""
    for name, operation in operations().items():
        for kind in operation.places:
            for decimals in (0, 2, 4) if kind == "number" else (None,):
                for which in operation.which or (None,):
                    yield Case(name, kind, decimals, which=which)
            if operation.ages:
                yield Case(name, kind, limit=3, age="1 d")
            # Beyond its limit only what takes an event again and again is free of the order.
            if operation.limit and operation.late:
                yield Case(name, kind, limit=2)


def fold(events: Iterable[Event], state: State = EMPTY) -> State:
    """The value after these events."""
    return [*state, *(word for each in events for word in each.words)]


def merge(*states: State) -> State:
    """The values of several visits, or of several visitors, as one; from the left."""
    first, *others = states
    return [*first, *(word for other in others for word in (*other, "merge"))]


class Answer(NamedTuple):
    """A value as it is stored, and as it is shown."""

    packed: bytes
    public: bytes | int | list[bytes | int | None] | None


def known(public: Any) -> Any:  # noqa: ANN401 - as the server has it
    """Parts of which none is known are not known."""
    return None if isinstance(public, list) and set(map(type, public)) == {type(None)} else public


class Algebra:
    """The macros of one operation, to be called from here.

    Attributes:
        rule: a rule of this operation, as the templates see it.
        declared: what the operation says of itself.
        type: of the public value.
        case: the operation and the kind of value.
        start: the empty value, as a migration of states has it.
    """

    def __init__(self, client: redis.Redis, case: Case) -> None:
        self.case, rules = case, case.rules
        inputs = Inputs(rules, 0, quote_lua)
        rendered = [rendered_rule(rule, rules, inputs) for rule in rules.fields]
        self.rule = rendered[-1]
        self.declared, self.type = rules.fields[-1].declared, rules.fields[-1].type
        self.start: bytes = packed_state(rules, rendered)["visit_starts"][-1]
        harness = _harness(self.rule, case, inputs.of_field.get("x"), self.declared.functions)
        self._script = client.register_script(harness)

    def answers(self, *states: State, now: str = "") -> list[Answer]:
        """Make these values; one call, which shows them as of `now`, or as of no known time."""
        found = self._script(args=["now", now, *(word for state in states for word in state)])
        return [Answer(packed, known(public)) for packed, public in found]

    def are_equal(self, *states: State) -> bool:
        """Whether all are stored as the same bytes."""
        return len({answer.packed for answer in self.answers(*states)}) == 1


def _harness(rule: RenderedRule, case: Case, taken: Input | None, functions: Sequence[str]) -> str:
    formats = ["I3c0" if each == "text" else each for each in rule.formats]
    others = {place: f"other_{place}" for place in rule.places}
    # What `merge` takes: the places of the other value; a time has no place but its own.
    other = SimpleNamespace(
        ms=others[rule.place("ms") or rule.place()],
        created=others.get(rule.place("created"), "NEVER"),
        value=others[rule.place()],
        place=lambda name: others[rule.place(name)],
        corrects=False,
    )
    parts = [templates().get_template(f"parts/{part}.lua.j2") for part in ("text", *functions)]
    return HARNESS.format(
        functions="".join(
            p.render(
                remembers_visits=True, takes_numbers=True, compares_numbers=False, rules=[rule]
            )
            for p in parts
        )
        + ("\nforget_rows()\n" if "tuples" in functions else ""),
        format=">" + "".join(formats),
        places=", ".join(rule.places),
        others=", ".join(others.values()),
        differs=" or ".join(f"{place} ~= {other}" for place, other in others.items()),
        arguments=", ".join(
            f"#{place}, {place}" if format_ == "I3c0" else place
            for place, format_ in zip(rule.places, formats, strict=True)
        ),
        empty=rule.empty,
        merge=rule.say("merge", other),
        returned=rule.returned,
        input=taken.name if taken else "input",
        at_input=4 if case.kind == "number" else 3,
        number=rule.units if case.kind == "number" else "units",
        decimals=case.decimals or 0,
        add=rule.add,
        shown=f"local {rule.shown_place} = {rule.shown}" if rule.shown else "",
        public=rule.public[0] if len(rule.public) == 1 else f"{{ {', '.join(rule.public)} }}",
    )
