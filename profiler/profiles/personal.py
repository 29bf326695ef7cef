"""The inputs that are personal, by the rules' table `personal`: replaced before they leave."""

from profiler.errors import ConfigError
from profiler.profiles.keyed_hash import KeyedHash
from profiler.profiles.redis import Word
from profiler.rules.model import Rules


class PersonalInputs:
    """Replaces them in an event's arguments.

    Args:
        rules: say which, and whether a hash takes their place.
        keyed_hash: None where there is no key.

    Raises:
        ConfigError: the rules hash fields, and there is no key.
    """

    def __init__(self, rules: Rules, keyed_hash: KeyedHash | None) -> None:
        personal = rules.personal or {}
        if keyed_hash is None and "hash" in personal.values():
            raise ConfigError(
                f"[personal] of the rules {rules.name} hashes fields, and there is no key: set"
                " privacy.hash_key, e.g. PROFILER_PRIVACY__HASH_KEY_FILE"
            )
        #: Places from the end of an event, and what takes the place of the text there.
        self._replaced = [
            (at - len(rules.inputs), keyed_hash if personal[name] == "hash" else None)
            for at, name in enumerate(rules.inputs)
            if name in personal
        ]

    def __bool__(self) -> bool:
        return bool(self._replaced)

    def replace(self, arguments: list[Word]) -> None:
        """Replace what is personal in the arguments of a call's last event."""
        for at, keyed_hash in self._replaced:
            arguments[at] = "" if keyed_hash is None else keyed_hash(str(arguments[at]))
