"""One small change of a source text."""

from typing import NamedTuple


class Edit(NamedTuple):
    """Takes the bytes from `start` to `end` of a file's UTF-8 out, and puts `text` there."""

    start: int
    end: int
    text: str
    #: What kind of change it is, for people.
    operator: str

    def apply(self, source: str) -> str:
        """The changed text."""
        raw = source.encode()
        return (raw[: self.start] + self.text.encode() + raw[self.end :]).decode()

    def line(self, source: str) -> int:
        """The line where the change begins, from 1."""
        return source.encode()[: self.start].count(b"\n") + 1

    def difference(self, source: str) -> str:
        """The change in one line: the lines it touches, before and after."""
        raw = source.encode()
        first = raw.rfind(b"\n", 0, self.start) + 1
        last = raw.find(b"\n", self.end)
        whole = raw[first : last if last >= 0 else len(raw)]
        changed = raw[first : self.start] + self.text.encode() + raw[self.end : first + len(whole)]
        return f"- {_one_line(whole)} + {_one_line(changed)}"


def _one_line(raw: bytes) -> str:
    return " ".join(raw.decode().split())
