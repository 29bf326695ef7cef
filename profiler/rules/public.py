"""Rules as programs of other people have them: what `profiler rules` and `profiler lua` do."""

from functools import cached_property
from typing import Any, Self

from profiler.rules import model
from profiler.rules.contract import contract_json
from profiler.rules.layers import layered_file, layered_text
from profiler.rules.mistakes import validated
from profiler.rules.places import RulesError
from profiler.rules.render import function_of, render, sha_of


class Rules(model.Rules):
    """A checked rules file: what a profile has.

    >>> from profiler import Rules
    >>> rules = Rules.load("standard")
    >>> rules.version.startswith("standard-")
    True
    >>> len(rules.sha)
    40
    >>> rules.contract()["argv"]["call"][0]["name"]
    'visitor_id'
    """

    @classmethod
    def load(cls, preset_or_path: str) -> Self:
        """Read a preset (``standard``, ``lean`` or ``article``) or a file, with what it extends.

        Raises:
            ConfigError: the file cannot be read, or it is wrong; `check` says all that is wrong.
        """
        return validated(cls, layered_file(preset_or_path), stand_ins=model.STAND_INS)

    @classmethod
    def parse(cls, text: str, path: str = "rules.toml") -> Self:
        """The same from a text; `path` names it in errors, and leads to what it extends."""
        return validated(cls, layered_text(text, path), stand_ins=model.STAND_INS)

    @classmethod
    def check(cls, preset_or_path: str) -> list[str]:
        """All that is wrong with a file; nothing where it is right.

        Each line is ``file:line:column: rule or table: field: what is wrong``.

        Raises:
            ConfigError: the file cannot be read.
        """
        try:
            cls.load(preset_or_path)
        except RulesError as error:
            return [str(finding) for finding in error.findings]
        return []

    def render(self) -> str:
        """The Lua script: the same text for the same rules."""
        return render(self)

    @cached_property
    def sha(self) -> str:
        """The SHA-1 of the script, by which Redis knows it."""
        return sha_of(self.render())

    def contract(self) -> dict[str, Any]:
        """What a caller in any language must know, as ``profiler lua contract`` prints it."""
        return contract_json(self, self.sha, function_of(self.render()))
