"""Events on their way through the script: packed into calls, and what came of each event."""

from collections.abc import Sequence

from profiler.profiles.outputs import StoredOutput
from profiler.profiles.packing import Call
from profiler.profiles.redis import Command
from profiler.profiles.reply import Outcome, Reply, ReplyDecoder


def _command(sha: str, call: Call) -> Command:
    keys = (2, call.key, call.sidecar) if call.sidecar else (1, call.key)
    return Command(call.key, ("EVALSHA", sha, *keys, *call.arguments))


class Calls:
    """The script calls of some events.

    Args:
        sha: of the script.
        rounds: from `Packer.rounds`.
        outcomes: from `Packer.rounds`; takes what becomes of the other events.
        decoder: decodes the replies.
    """

    def __init__(
        self,
        sha: str,
        rounds: Sequence[Sequence[Call]],
        outcomes: list[Outcome],
        decoder: ReplyDecoder,
    ) -> None:
        self._calls = rounds
        self._decoder = decoder
        #: One per event, in order; None for an event without a visitor id, which passes.
        self.outcomes = outcomes
        #: The commands of each round.
        self.rounds = [[_command(sha, call) for call in calls] for calls in rounds]

    def pack(self) -> Sequence[Sequence[Command]]:
        """See `ProfileScript.execute`."""
        return self.rounds

    @property
    def made(self) -> list[Call]:
        """The calls, in the order of their rounds."""
        return [call for calls in self._calls for call in calls]

    @property
    def stored(self) -> list[StoredOutput]:
        """What the calls may have left in sidecars; for `outputs.trimming`, once committed."""
        each = (call for call in self.made if call.sidecar)
        return [
            StoredOutput(call.sidecar, f"{call.arguments[1]!s}:{call.last_offset!s}")
            for call in each
        ]

    def fold(self, number: int, replies: Sequence[Reply]) -> None:
        """Decode the replies to a round.

        Raises:
            ScriptContractError: a reply breaks the contract.
        """
        for call, reply in zip(self._calls[number], replies, strict=True):
            self._decoder.decode(call.places, reply, self.outcomes)
