"""`profiler pipe` on files as people have them: with a mark, compressed, cut, of no use at all."""

import gzip
import json
import subprocess

import pytest

from tests.integration.pipe_runs import command, line, pipe
from tests.integration.programs import clean_environment


@pytest.mark.field(
    kind="text and files",
    meets="a byte order mark before a line",
    happens="it is passed over",
)
def test_a_byte_order_mark_is_passed_over_before_any_line() -> None:
    """Of files that Windows tools wrote, one behind the other."""
    mark = b"\xef\xbb\xbf"
    found, errors = pipe(mark + line("v", 1) + mark + line("v", 2), code=0)
    assert [output["value"]["profile_visitor_events"] for output in found] == [1, 2]
    assert errors == []


@pytest.mark.field(
    kind="text and files",
    meets="a gzip file",
    happens="refused by name, exit code 1; read with `--decompress`",
)
def test_gzip_is_named_and_read_where_it_is_asked_for() -> None:
    text = gzip.compress(line("v", 1)) + gzip.compress(line("v", 2))
    done = subprocess.run(
        command(), input=text, capture_output=True, env=clean_environment({}), check=False
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == (
        b"profiler: standard input is gzip, no lines of JSON in UTF-8;"
        b" give --decompress, or: gzip -dc FILE | profiler pipe\n"
    )
    found, errors = pipe(text, "--decompress")
    assert [output["value"]["profile_visitor_events"] for output in found] == [1, 2]
    assert errors == []


def test_whole_lines_before_the_cut_of_a_gzip_stream_are_read() -> None:
    text = gzip.compress(b"".join(line("v", number) for number in range(5_000)))[:-200]
    done = subprocess.run(
        command("--decompress"),
        input=text,
        capture_output=True,
        env=clean_environment({}),
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"profiler: standard input: the gzip stream is cut;")
    counts = [
        json.loads(row)["value"]["profile_visitor_events"] for row in done.stdout.splitlines()
    ]
    assert counts == [*range(1, len(counts) + 1)]
    assert 4_000 < len(counts) < 5_000


@pytest.mark.parametrize(("text", "code"), [(b"a\nb\n", 1), (b'a\n{"value": null}\n', 0)])
@pytest.mark.field(
    kind="text and files",
    meets="a file that cannot be read at all",
    happens="exit code 1",
)
def test_nothing_but_rejected_lines_is_a_failure(text: bytes, code: int) -> None:
    found, errors = pipe(text, code=code)
    assert len(errors) == 2 - len(found)
