"""What a row came to: the figures of the report."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

#: Of each kind of fault.
MOST_EXAMPLES = 2


@dataclass
class Verdict:
    """What a row came to.

    Attributes:
        inputs: records that were put in.
        persisted: records for readers of `read_committed`, all copies.
        rejected: the same.
        lost: inputs that miss an output; triggers that fired and are not told.
        duplicated: outputs beyond one of each input and topic, or of each trigger that fired.
        mismatched: outputs that are not what the fold gives at their place, or of no input.
        miscounted: visitors whose stored profile is not the fold's.
        rewound: commits that went back.
        replayed: extra copies that say of themselves that they are; only where a row allows them.
        examples: the first few faults in words.
    """

    inputs: int = 0
    persisted: int = 0
    rejected: int = 0
    lost: int = 0
    duplicated: int = 0
    mismatched: int = 0
    miscounted: int = 0
    rewound: int = 0
    replayed: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether everything that was promised was kept."""
        return not any(getattr(self, name) for name in FAULTS)

    def count(self, topic: str) -> None:
        """Count an output, where the report has a figure for its topic."""
        if topic == "persisted":
            self.persisted += 1
        elif topic == "rejected":
            self.rejected += 1

    def example(self, text: str) -> None:
        """Keep a fault in words, which begin with its kind, if it is one of the first."""
        kind = text.partition(":")[0]
        if sum(each.startswith(kind) for each in self.examples) < MOST_EXAMPLES:
            self.examples.append(text)

    def __add__(self, other: Verdict) -> Verdict:
        """Both together."""
        numbers = {
            each.name: getattr(self, each.name) + getattr(other, each.name)
            for each in fields(self)
            if each.name != "examples"
        }
        both = Verdict(**numbers)
        for text in [*self.examples, *other.examples]:
            both.example(text)
        return both


#: The figures that must be 0.
FAULTS = ("lost", "duplicated", "mismatched", "miscounted", "rewound")


@dataclass(frozen=True)
class Allowance:
    """What a row's fault does to the output by its nature.

    Attributes:
        replayed_copies: an operator went back: outputs come again, and say so.
        orders: a visitor who is spread over partitions may get outputs that no order explains,
            since Redis lost the order in which his events were applied. His profile is right.
        profiles: the profiles are gone with Redis, and nobody has brought them back.
    """

    replayed_copies: bool = False
    orders: bool = False
    profiles: bool = False


NOTHING = Allowance()
