"""What this version, with these settings and rules, says of a record: would it pass today?"""

from profiler.config.settings import Settings
from profiler.engine.python.decode import Draft, RecordDecoder
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent, Record, Rejected

_DAMAGED = "EPROFILE"


class Judge:
    """Asks the decoder of the engine, and the packer of the script's calls. Writes nothing.

    What only the folding of an event can show is not known: a profile that this event would make
    too large.

    Args:
        settings: limits, topics and fates.
        script: packs; it is asked about a visitor's stored state only where that was the reason.
    """

    def __init__(self, settings: Settings, script: ProfileScript) -> None:
        self._decoders = {
            settings.topics.processed: RecordDecoder("run", settings),
            settings.topics.flattened: RecordDecoder("profile", settings),
        }
        self._rejects_anonymous = settings.anonymous == "reject"
        self._script = script

    def verdict(self, record: Record, code: str) -> Rejected | None:
        """Why a record would be rejected now; None where it would pass.

        Args:
            record: the original, in the topic that it is read from.
            code: why it was rejected.

        Raises:
            StoreUnavailableError: Redis is asked, and does not answer.
        """
        draft = self._decoders[record.topic].decode(record)
        if not isinstance(draft, Draft):
            return draft.rejected
        event = FlatEvent("", 0, record.timestamp, draft.flat, draft.encoded)
        calls = self._script.calls_of([event])
        [outcome] = calls.outcomes
        if isinstance(outcome, Rejected):
            return outcome
        if not calls.made:
            if self._rejects_anonymous:
                return Rejected("no_visitor_id", "the event has no visitor id")
            return None
        if code != _DAMAGED:
            return None
        [call] = calls.made
        reply = self._script.call([call.key], [call.arguments[0], ""])
        return reply if isinstance(reply, Rejected) else None
