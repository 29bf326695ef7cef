"""Events on their way through the script: packed into calls, and what came of each event."""

from collections.abc import Sequence

from profiler.profiles.arguments import Call
from profiler.profiles.redis import Command
from profiler.profiles.reply import Outcome, Reply, ReplyDecoder
from profiler.records.types import Rejected


class Calls:
    """The script calls of some events.

    Args:
        sha: of the script.
        rounds: from `Packer.rounds`.
        events: how many.
        rejected: code and reason of events that are in no call, by place.
        decoder: decodes the replies.
    """

    def __init__(
        self,
        sha: str,
        rounds: Sequence[Sequence[Call]],
        events: int,
        rejected: dict[int, Rejected],
        decoder: ReplyDecoder,
    ) -> None:
        self._calls = rounds
        self._decoder = decoder
        #: One per event, in order; None for an event without a visitor id, which passes.
        self.outcomes: list[Outcome] = [rejected.get(place) for place in range(events)]
        #: The commands of each round.
        self.rounds = [
            [Command(key, ("EVALSHA", sha, 1, key, *arguments)) for key, arguments, _ in calls]
            for calls in rounds
        ]

    def pack(self) -> Sequence[Sequence[Command]]:
        """See `ProfileScript.execute`."""
        return self.rounds

    def fold(self, number: int, replies: Sequence[Reply]) -> None:
        """Decode the replies to a round.

        Raises:
            ScriptContractError: a reply breaks the contract.
        """
        for call, reply in zip(self._calls[number], replies, strict=True):
            self._decoder.decode(call.places, reply, self.outcomes)
