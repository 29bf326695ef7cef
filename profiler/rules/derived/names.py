"""Which derived inputs there are, and what each one reads."""

from typing import Literal, NamedTuple

from profiler.rules.places import nearest

#: What the names begin with. No flattened field does: a section and a name are joined by a hyphen.
PREFIX = "derived."

#: Any parameter of the page's address; its name follows, in any case.
QUERY = f"{PREFIX}query."

#: What a derived input reads; the rules' table `derived` says which field holds it.
Source = Literal["url", "referrer", "user_agent"]

WORDS: dict[Source, str] = {
    "url": "page's address",
    "referrer": "referrer's address",
    "user_agent": "user agent",
}


class DerivedInput(NamedTuple):
    """One derived input.

    Attributes:
        name: as rules write it.
        reads: what it is derived from.
        meaning: in one line.
    """

    name: str
    reads: tuple[Source, ...]
    meaning: str


_TOUCH: tuple[Source, ...] = ("url", "referrer")

#: All but the parameters, which are without number.
NAMED = {
    f"{PREFIX}{name}": DerivedInput(f"{PREFIX}{name}", reads, meaning)
    for name, reads, meaning in (
        ("host", ("url",), "host of the page's address"),
        ("path", ("url",), "path of the page's address"),
        ("referrer_kind", _TOUCH, "what kind of site led here"),
        ("source", _TOUCH, "who sent the visitor"),
        ("medium", _TOUCH, "by what means"),
        ("campaign", ("url",), "utm_campaign"),
        ("term", ("url",), "utm_term"),
        ("content", ("url",), "utm_content"),
        ("click_id", ("url",), "the click's id that an advertising network added"),
        ("network", ("url",), "that network"),
        ("channel", _TOUCH, "the channel, by the first rule that matches"),
        ("bot", ("user_agent",), "class of bot or crawler; empty for all others"),
    )
}


def is_derived(name: str) -> bool:
    """Whether a rule's input is derived, and no field of the event."""
    return name.startswith(PREFIX)


def derived_input(name: str) -> DerivedInput:
    """What a derived input is, by its name.

    Raises:
        ValueError: there is none of this name; the message names the nearest.
    """
    if name.startswith(QUERY) and len(name) > len(QUERY):
        return DerivedInput(name, ("url",), "this parameter of the page's address")
    if name in NAMED:
        return NAMED[name]
    near = nearest(name, NAMED)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(NAMED)}, {QUERY}<name>"
    raise ValueError(f"no derived input is called {name}; {hint}")
