"""The channel of a touch: the first rule that matches, GA4's in GA4's order."""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic import model_validator as after_validation

from profiler.rules.derived.sources import Kind, Sources

#: Where no rule matches.
UNASSIGNED = "Unassigned"

#: No value of a rule is longer, and no text that is compared with one needs to be.
_MAX_CHARS = 512
_MOST_STARS = 8

#: So many touches are remembered.
_TOUCHES = 1_024


def _checked(pattern: str) -> str:
    if pattern.count("*") > _MOST_STARS:
        raise ValueError(f"a pattern has at most {_MOST_STARS} stars")
    return pattern


#: A text in any case, with the shell's wildcards: ``*``, ``?``, ``[abc]``, ``[!abc]``.
Pattern = Annotated[str, StringConstraints(max_length=128), AfterValidator(_checked)]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=64)]


class ChannelRule(BaseModel):
    """One rule: all that it names must match, and of each list one.

    Attributes:
        name: of the channel.
        kind: of the site that the source is.
        source: patterns of it; an empty one means that there is none.
        medium: likewise.
        campaign: likewise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    kind: Annotated[tuple[Kind, ...], Field(min_length=1)] | None = None
    source: Patterns | None = None
    medium: Patterns | None = None
    campaign: Patterns | None = None

    @after_validation(mode="after")
    def _has_a_condition(self) -> "ChannelRule":
        if not self.conditions:
            raise ValueError("needs a condition: `kind`, `source`, `medium` or `campaign`")
        return self

    @property
    def conditions(self) -> dict[str, tuple[str, ...]]:
        """What must match, by its name."""
        every: dict[str, Any] = {
            "kind": self.kind,
            "source": self.source,
            "medium": self.medium,
            "campaign": self.campaign,
        }
        return {name: values for name, values in every.items() if values is not None}


class Channels:
    """Channel rules, ready to be asked.

    Args:
        rules: the first that matches wins.
        sources: says of what kind a source is.
    """

    def __init__(self, rules: Iterable[ChannelRule], sources: Sources) -> None:
        self._sources = sources
        self._rules = [(rule.name, _matchers(rule)) for rule in rules]
        # Pages differ more than touches do.
        self._remembered = lru_cache(_TOUCHES)(self._first_match)

    def of(self, source: str, medium: str, campaign: str) -> str:
        """The channel; empty texts stand for what is not known."""
        return self._remembered(*(text[:_MAX_CHARS] for text in (source, medium, campaign)))

    def _first_match(self, source: str, medium: str, campaign: str) -> str:
        site = self._sources.find(source)
        texts = {
            "kind": site.kind if site else "",
            "source": _comparable(source),
            "medium": _comparable(medium),
            "campaign": _comparable(campaign),
        }
        for name, matchers in self._rules:
            if all(matches(texts[what]) for what, matches in matchers):
                return name
        return UNASSIGNED


def _comparable(text: str) -> str:
    return text.strip().lower()


def _matchers(rule: ChannelRule) -> list[tuple[str, Callable[[str], object]]]:
    return [
        (what, re.compile("|".join(translate(each.lower()) for each in patterns)).match)
        for what, patterns in rule.conditions.items()
    ]
