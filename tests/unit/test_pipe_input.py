"""Standard input is told apart by its first bytes, however slowly they come."""

import bz2
import gzip
import io
import lzma

import pytest

from profiler.errors import ProfilerError
from profiler.worker.pipe_input import Lines, open_lines

TEXT = b'{"value": 1}\n{"value": 2}\n'


class Slow(io.BytesIO):
    """One byte at a time."""

    def read1(self, _size: int | None = -1, /) -> bytes:
        """Give the next one."""
        return super().read1(1)


def rest_of(lines: Lines) -> bytes:
    found = b""
    while read := lines.read1(1 << 20):
        found += read
    return found


@pytest.mark.parametrize("kind", [io.BytesIO, Slow])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"", b""),
        (TEXT, TEXT),
        (b"\xef\xbb\xbf" + TEXT, TEXT),
        (b"\xef\xbb\xbf", b""),
        (b"\xef\xbb", b"\xef\xbb"),
        (b"B\n" + TEXT, b"B\n" + TEXT),
        (b"\x1f", b"\x1f"),
    ],
)
def test_lines_are_read_as_they_are_without_a_mark(
    kind: type[io.BytesIO], written: bytes, read: bytes
) -> None:
    assert rest_of(open_lines(kind(written))) == read
    assert rest_of(open_lines(kind(written), decompress=True)) == read


def test_what_is_there_is_given_before_more_comes() -> None:
    """Nobody waits for a whole buffer: two bytes that no other kind begins with are enough."""
    lines = open_lines(Slow(TEXT))
    assert lines.read1(1 << 20) == TEXT[:2]


@pytest.mark.parametrize("kind", [io.BytesIO, Slow])
@pytest.mark.parametrize(
    ("written", "name"),
    [
        (gzip.compress(TEXT), "gzip"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "zstd"),
        (lzma.compress(TEXT), "xz"),
        (bz2.compress(TEXT), "bzip2"),
        (b"\x04\x22\x4d\x18\x64", "lz4"),
        (b"PK\x03\x04\x14\x00", "a zip archive"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"Obj\x01\x04", "Avro"),
        (TEXT.decode().encode("utf-16"), "UTF-16"),
        (b"\xfe\xff" + TEXT.decode().encode("utf-16-be"), "UTF-16"),
        (TEXT.decode().encode("utf-16-le"), "UTF-16"),
        (TEXT.decode().encode("utf-16-be"), "UTF-16"),
        (TEXT.decode().encode("utf-32"), "UTF-32"),
    ],
    ids=[
        *("gzip", "zstd", "xz", "bzip2", "lz4", "zip", "parquet", "avro"),
        *("utf-16-mark", "utf-16-be-mark", "utf-16-le", "utf-16-be", "utf-32-mark"),
    ],
)
@pytest.mark.field(
    kind="text and files",
    meets="zstd, xz, bzip2, lz4, zip, Parquet, Avro, UTF-16 or UTF-32",
    happens="refused by name, with what to do, exit code 1",
)
def test_what_holds_no_lines_is_refused_by_name(
    kind: type[io.BytesIO], written: bytes, name: str
) -> None:
    with pytest.raises(ProfilerError, match=f"^standard input is {name}, no lines of JSON"):
        open_lines(kind(written))


@pytest.mark.parametrize("kind", [io.BytesIO, Slow])
@pytest.mark.parametrize(
    "written",
    [
        gzip.compress(TEXT),
        gzip.compress(b"\xef\xbb\xbf" + TEXT),
        gzip.compress(TEXT[:9]) + gzip.compress(b"") + gzip.compress(TEXT[9:]),
        gzip.compress(TEXT) + bytes(512),
    ],
    ids=["one member", "a mark inside", "several members", "padded"],
)
def test_gzip_is_read_where_it_is_asked_for(kind: type[io.BytesIO], written: bytes) -> None:
    assert rest_of(open_lines(kind(written), decompress=True)) == TEXT


@pytest.mark.parametrize("inner", [gzip.compress(TEXT), lzma.compress(TEXT)], ids=["gzip", "xz"])
def test_what_is_inside_gzip_is_looked_at_too(inner: bytes) -> None:
    with pytest.raises(ProfilerError, match=r"^standard input is (gzip|xz), no lines"):
        open_lines(io.BytesIO(gzip.compress(inner)), decompress=True)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        (gzip.compress(TEXT * 99_999)[:-9], "is cut"),
        (gzip.compress(TEXT * 99_999)[:-4] + b"\xff\xff\xff\xff", "is damaged"),
        (gzip.compress(TEXT * 99_999) + b"{}", "is damaged"),
    ],
    ids=["cut", "wrong sum", "something behind"],
)
def test_a_bad_end_is_named_after_what_came_before_it(written: bytes, fault: str) -> None:
    lines, found = open_lines(io.BytesIO(written), decompress=True), b""
    with pytest.raises(ProfilerError, match=f"the gzip stream {fault}"):  # noqa: PT012 - how far it came
        while read := lines.read1(1 << 16):
            found += read
    assert (TEXT * 99_999).startswith(found)
    assert len(found) > len(TEXT) * 90_000


def test_a_head_that_is_no_gzip_is_damaged() -> None:
    with pytest.raises(ProfilerError, match="the gzip stream is damaged"):
        open_lines(io.BytesIO(b"\x1f\x8b\xff\x00\x00\x00\x00\x00\x00\x00\x00"), decompress=True)
