"""The key of a visitor: one per visitor, so one slot of a cluster, one thing to delete."""

import hashlib
from urllib.parse import quote

#: A longer id (UTF-8 bytes) is hashed, so that keys stay short whatever a tracker sends.
LONGEST_PLAIN_ID = 128


def encode_id(visitor_id: str) -> str:
    """Percent-encode an id, or hash a long one.

    No encoded id holds a brace, so none can break the hash tag, and none holds a colon, so none
    can pretend to be a hashed one.
    """
    raw = visitor_id.encode()
    if len(raw) > LONGEST_PLAIN_ID:
        return "sha256:" + hashlib.sha256(raw).hexdigest()
    return quote(raw, safe="")


def sidecar_of(key: str) -> str:
    """The key of a visitor's stored outputs, in the same slot of a cluster as the visitor's own.

    Args:
        key: the visitor's, e.g. ``visitor:{ada}``, which gives ``visitor:{ada}:outputs``.
    """
    # As a cluster finds a hash tag: from the first { to the first } behind it, if not empty.
    _, brace, behind = key.partition("{")
    tag, end, _ = behind.partition("}")
    return f"{key}:outputs" if brace and end and tag else f"{{{key}}}:outputs"


def key_of(pattern: str, visitor_id: str) -> str:
    """The visitor's key by the rules' pattern, e.g. ``visitor:{<id>}``."""
    return pattern.replace("<id>", encode_id(visitor_id))
