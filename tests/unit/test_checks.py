"""The two checks of `make lint` find what they are for, and the tree as it is passes them."""

from pathlib import Path

import pytest

from tools import check_boundary, check_lua_header

STANDARD = check_lua_header.RENDERED / "standard.lua"


@pytest.mark.parametrize("name", ["article.lua", "standard.lua"])
def test_headers_of_the_committed_scripts_say_what_the_code_does(name: str) -> None:
    text = (check_lua_header.RENDERED / name).read_text()

    assert list(check_lua_header.disagreements(text)) == []


@pytest.mark.parametrize(
    ("was", "becomes", "finding"),
    [
        ("by rules standard-", "by rules other-", "rules version: other-"),
        ("Atomic because:", "It is atomic:", "ATOMIC: the section is missing"),
        (
            "KEYS\n  1  visitor_key   hash",
            "  1  visitor_key   hash",
            "KEYS: the section is missing",
        ),
        ("\nRETURNS, per", "\nReturns, per", "RETURNS: the section is missing"),
        ("\nERRORS, always", "\nErrors, always", "ERRORS: the section is missing"),
        ("\nTTL   visitor_key", "\nTtl   visitor_key", "TTL: the section is missing"),
        ("\nCOST  1 HGET", "\nCost  1 HGET", "COST: the section is missing"),
        ("KEYS\n", "KEYS\n  1  other_key     hash\n", "KEYS, numbering: ['1', '1']"),
        ("if #keys ~= 1 then", "if #keys ~= 2 then", "KEYS, how many: ['1']"),
        ("read_profile(keys[1])", "read_profile(keys[2])", "KEYS, numbers: [1]"),
        ("  3   floor", "  4   floor", "ARGV per call, numbering: ['1', '2', '4']"),
        ("local CALL_ARGS = 3", "local CALL_ARGS = 4", "ARGV per call, how many: 3"),
        ("  1   visitor_id    ", "  1   stream        ", "number 1 is stream in the header"),
        ("local EVENT_ARGS = 7", "local EVENT_ARGS = 8", "ARGV per event, how many: 7"),
        (
            "visit_id = args[at + 5]",
            "visit_id = args[at + 4]",
            "4 is event_id in the header, visit_id",
        ),
        (
            "clip(args[at + 7])",
            "clip(args[at + 6])",
            "6 is query-other_eventtype in the header",
        ),
        ("  +6  query-other_eventtype", "  +6  another", "number 6 is another in the header"),
        ("  +1  offset", "  +1  place", "1 is place in the header, offset in"),
        ("0 to 500 events", "0 to 501 events", "ARGV, most events: 501"),
        ("late repeated replayed", "late replayed", "RETURNS, flags: "),
        ('  "repeated",\n', "", "RETURNS, flags: "),
        ("visit_pageviews visit_events", "visit_events", "RETURNS, names: "),
        ("  ELAYOUT   a newer", "            a newer", "the code gives ELAYOUT, it is not listed"),
        ('"ELAYOUT stored', '"stored', "ELAYOUT is listed, the code never gives it"),
        ("TTL_MS = 34128000000", "TTL_MS = 34128000", "TTL, ms: ['34128000000']"),
        ("1 HDEL, 1 PEXPIRE", "1 PEXPIRE", "the code calls HDEL, it is not named"),
        ('redis.call("EXISTS", key)', "0", "EXISTS is named, the code never calls it"),
        ('redis.call("HDEL"', "redis.call(command", "redis.call(command) is no literal"),
        ("--[[\nprofile", "-- profile", "there is no header"),
    ],
)
def test_a_header_that_disagrees_is_found(was: str, becomes: str, finding: str) -> None:
    text = STANDARD.read_text()
    assert was in text

    found = list(check_lua_header.disagreements(text.replace(was, becomes)))

    assert [line for line in found if finding in line], found


def test_the_header_check_fails_with_the_file_s_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.lua"
    broken.write_text(STANDARD.read_text().replace("1 EXISTS if new; ", ""))

    assert check_lua_header.main([str(broken)]) == 1
    assert f"{broken}: COST: the code calls EXISTS, it is not named\n" == capsys.readouterr().out
    assert check_lua_header.main([]) == 0


@pytest.mark.parametrize(
    ("module", "line", "finding"),
    [
        ("def put(key, client):\n    client.hset(key, 'a', 'b')\n", 2, "command: client.hset"),
        ("def put(self):\n    self._pipe.set('a', 1)\n", 2, "command: self._pipe.set"),
        ("def run(anything):\n    anything.evalsha('0', 0)\n", 2, "command: anything.evalsha"),
        ("call = thing.execute_command\n", 1, "command: thing.execute_command"),
        ("import json\nimport redis\n", 2, "imports redis"),
        ("from redis.client import Redis\n", 1, "imports redis"),
        ("def f():\n    import redis.asyncio as r\n", 2, "imports redis"),
        ("\n\npage = event['query-other_page_title']\n", 3, "field: query-other_page_title"),
        ("first = profile.get('profile_visit_first_page')\n", 1, "profile_visit_first_page"),
        ("user = event[f'{section}_domain_userid']\n", 1, "field: _domain_userid"),
        ("page = stored[b'visitor_last_page']\n", 1, "field: visitor_last_page"),
        ("name = 'visitor_profiler'\n", 1, "field: visitor_profiler"),
    ],
)
def test_a_module_that_crosses_the_line_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], module: str, line: int, finding: str
) -> None:
    path = tmp_path / "worker.py"
    path.write_text(module)

    assert check_boundary.main([str(tmp_path)]) == 1
    assert f"{path}:{line}: " in (printed := capsys.readouterr().out)
    assert finding in printed


def test_a_module_within_the_line_passes(tmp_path: Path) -> None:
    """Dictionaries have `get`, annotations may name the client, prose may name fields."""
    (tmp_path / "worker.py").write_text(
        '"""Nothing of visitor_id or query-other_page_title is read here."""\n'
        "import typing\n"
        "if typing.TYPE_CHECKING:\n"
        "    import redis\n"
        "def names(fields: dict[str, str], client: 'redis.Redis') -> str:\n"
        '    """See visit_first_page."""\n'
        "    client.ping()\n"
        "    return fields.get('name', '').copy()\n"
    )

    assert check_boundary.main([str(tmp_path)]) == 0


def test_no_module_is_a_failure_too(tmp_path: Path) -> None:
    """A check that looks at nothing must not pass."""
    assert check_boundary.main([str(tmp_path)]) == 1


def test_the_package_keeps_to_the_line() -> None:
    assert check_boundary.main([]) == 0
