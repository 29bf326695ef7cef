"""The keyed hash: what stands in Redis for a text that is personal."""

import base64
import hmac

#: Of the digest: 128 bits, so that no two of 10^15 texts have one in common.
_BYTES = 16


class KeyedHash:
    """HMAC-SHA256 of UTF-8: its first 16 bytes as 22 characters of base64url, without padding.

    Without the key nobody can tell whose hash it is by trying texts.

    Args:
        key: the secret, at least 32 bytes.
    """

    __slots__ = ("key",)

    def __init__(self, key: bytes) -> None:
        self.key = key

    def __call__(self, text: str) -> str:
        """The hash of a text; the empty text stays empty, which is absent."""
        if not text:
            return ""
        digest = hmac.digest(self.key, text.encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:_BYTES])[:-2].decode()


class StoredIds:
    """Visitors' ids as Redis has them: as they are, or hashed.

    Args:
        keyed_hash: None where there is no key.
        is_hashed: whether the ids are hashed.
    """

    def __init__(self, keyed_hash: KeyedHash | None = None, *, is_hashed: bool = False) -> None:
        self.keyed_hash = keyed_hash
        self.is_hashed = is_hashed
        self._hash = keyed_hash if is_hashed else None

    def of(self, visitor_id: str) -> str:
        """The id that Redis has."""
        return visitor_id if self._hash is None else self._hash(visitor_id)


#: Nothing is hashed.
PLAIN = StoredIds()
