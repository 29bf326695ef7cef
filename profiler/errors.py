"""Every error of the profiler, by its fate: dead letter, retry, or stop.

========================  ==========================================================
`InvalidRecordError`      dead letter: this record is bad, the stream goes on
`StoreUnavailableError`   retry: Redis is away or unwell, nothing is committed
`ReconnectedError`        read again: Redis may have lost what it acknowledged, so it is asked
`TransportError`          retry: Kafka did not take or give records, nothing is committed
`ProducerFencedError`     once more from the start; again fenced: stop
`VoidBatchError`          read again: a batch before it failed, or its partitions may be another's
`RecordTooLargeError`     the reference goes in place of a dead letter; else retry
`TimestampRefusedError`   the time of writing takes the place of a record's timestamp; else retry
`WorkerFencedError`       stop: another worker has the same name
`DeadLetterLimitError`    stop: so many dead letters are no accident
`ScriptContractError`     stop: script and caller disagree, going on would lose data
`LostStateError`          stop (exit code 78): Redis has lost the profiles, a person must choose
`ConfigError`             stop before the start (exit code 78)
`StoredStateError`        one visitor's profile cannot be shown; processing never raises it
========================  ==========================================================
"""


class ProfilerError(Exception):
    """Base of all errors that the profiler raises on purpose."""


class InvalidRecordError(ProfilerError):
    """One record cannot be processed: it becomes a dead letter.

    Attributes:
        code: stable machine-readable word, e.g. ``bad_json``; the header ``error-code``.
        reason: one sentence for a person, without the record's data.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class StoreUnavailableError(ProfilerError):
    """Redis cannot answer now (away, loading, busy, out of memory, failing over): try again.

    Attributes:
        kind: one of few words, to be counted by.
    """

    def __init__(self, message: str, kind: str = "unwell") -> None:
        super().__init__(message)
        self.kind = kind


class ReconnectedError(StoreUnavailableError):
    """A connection to Redis was opened anew, and nothing was sent over it yet."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "reconnected")


class TransportError(ProfilerError):
    """Kafka refused or lost a batch: nothing of it may be committed, try again."""


class ProducerFencedError(TransportError):
    """Another producer has our transactional id, or our transaction outlived its timeout."""


class VoidBatchError(ProfilerError):
    """A batch was given up on its way: what is not committed is read again."""


class RecordTooLargeError(TransportError):
    """Kafka takes no records as large as one of a batch: not even in another attempt."""


class TimestampRefusedError(TransportError):
    """A topic refuses the timestamp of a record, and with it others: in every attempt."""


class WorkerFencedError(ProfilerError):
    """Another worker has this worker's id; the message says what to set."""


class DeadLetterLimitError(ProfilerError):
    """Too many records are bad; the message says which, and what to set if that is right."""


class ScriptContractError(ProfilerError):
    """The script's reply breaks its contract, or it refused our arguments: a bug, so stop.

    Attributes:
        code: the first word of the server's error, e.g. ``EBADARG``; empty where it gave none.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class ConfigError(ProfilerError):
    """The configuration or the rules are wrong; the message names file, place and remedy."""


class LostStateError(ConfigError):
    """Redis does not have what offsets are committed for; the message names the choices."""


class StoredStateError(ProfilerError):
    """A key holds no profile that these rules can read; the message names the key and says why.

    Attributes:
        is_foreign: whether it is a profile, of a newer profiler or of rules of another order.
    """

    def __init__(self, message: str, *, is_foreign: bool = False) -> None:
        super().__init__(message)
        self.is_foreign = is_foreign
