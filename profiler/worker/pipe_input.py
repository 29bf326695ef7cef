"""What standard input is: lines of UTF-8, or something that only looks like a file of them."""

import gzip
import io
import zlib
from typing import NamedTuple, Protocol

from profiler.errors import ProfilerError

#: Windows tools put it before UTF-8; it says nothing.
BOM = b"\xef\xbb\xbf"

#: What is asked for at once.
READ_BYTES = 1 << 16


class Lines(Protocol):
    """Bytes as they come."""

    def read1(self, size: int = -1, /) -> bytes:
        """What is there, of so many bytes at most; blocks until there is something, or the end."""
        ...


class _Foreign(NamedTuple):
    """A kind of file that holds no lines, and what makes lines of it."""

    head: bytes
    name: str
    remedy: str


_GZIP = _Foreign(b"\x1f\x8b", "gzip", "give --decompress, or: gzip -dc FILE | profiler pipe")
_KINDS = (
    _GZIP,
    _Foreign(b"\xff\xfe\x00\x00", "UTF-32", "iconv -f UTF-32 -t UTF-8 FILE | profiler pipe"),
    _Foreign(b"\x00\x00\xfe\xff", "UTF-32", "iconv -f UTF-32 -t UTF-8 FILE | profiler pipe"),
    _Foreign(b"\xff\xfe", "UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | profiler pipe"),
    _Foreign(b"\xfe\xff", "UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | profiler pipe"),
    _Foreign(b"{\x00", "UTF-16", "iconv -f UTF-16LE -t UTF-8 FILE | profiler pipe"),
    _Foreign(b"\x00{", "UTF-16", "iconv -f UTF-16BE -t UTF-8 FILE | profiler pipe"),
    _Foreign(b"\x28\xb5\x2f\xfd", "zstd", "zstd -dc FILE | profiler pipe"),
    _Foreign(b"\x04\x22\x4d\x18", "lz4", "lz4 -dc FILE | profiler pipe"),
    _Foreign(b"\xfd7zXZ\x00", "xz", "xz -dc FILE | profiler pipe"),
    _Foreign(b"BZh", "bzip2", "bzip2 -dc FILE | profiler pipe"),
    _Foreign(b"PK\x03\x04", "a zip archive", "unzip -p FILE | profiler pipe"),
    _Foreign(b"PAR1", "Parquet", "write it as lines of JSON first"),
    _Foreign(b"Obj\x01", "Avro", "write it as lines of JSON first"),
)
_HEADS = (BOM, *(kind.head for kind in _KINDS))


def open_lines(stream: Lines, *, decompress: bool = False) -> Lines:
    """Look at the first bytes of a stream, and take it as what it is.

    Blocks until enough is there to tell.

    Args:
        stream: not read before.
        decompress: read gzip, of one member or several; what is not compressed is read as it is.

    Returns:
        The stream without a byte order mark. Reading it raises `ProfilerError` where gzip is cut
        or damaged: what came before was given already.

    Raises:
        ProfilerError: it holds no lines; the message names what it is, and what to do.
    """
    ahead = _Ahead(stream)
    if decompress and ahead.head.startswith(_GZIP.head):
        ahead = _Ahead(_Gzip(ahead))
    for kind in _KINDS:
        if ahead.head.startswith(kind.head):
            message = f"standard input is {kind.name}, no lines of JSON in UTF-8; {kind.remedy}"
            raise ProfilerError(message)
    ahead.head = ahead.head.removeprefix(BOM)
    return ahead


class _Ahead(io.RawIOBase):
    """A stream whose first bytes were looked at."""

    def __init__(self, stream: Lines) -> None:
        super().__init__()
        self._stream = stream
        self.head = b""
        while any(known.startswith(self.head) for known in _HEADS if len(known) > len(self.head)):
            read = stream.read1(READ_BYTES)
            if not read:
                break
            self.head += read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        read = self.read1(len(buffer))
        buffer[: len(read)] = read
        return len(read)

    def read1(self, size: int = -1, /) -> bytes:
        if self.head:
            size = len(self.head) if size < 0 else size
            read, self.head = self.head[:size], self.head[size:]
            return read
        return self._stream.read1(size)


class _Gzip:
    """What a gzip stream holds; its faults are named."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self._file = gzip.GzipFile(fileobj=stream, mode="rb")

    def read1(self, size: int = -1, /) -> bytes:
        try:
            return self._file.read1(size)
        except EOFError:
            message = "standard input: the gzip stream is cut; all whole lines before were read"
            raise ProfilerError(message) from None
        except (zlib.error, gzip.BadGzipFile) as error:
            what = f"the gzip stream is damaged ({error}); all whole lines before were read"
            raise ProfilerError(f"standard input: {what}") from error
