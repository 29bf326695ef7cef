"""The two checks of `make lint` find what they are for, and the tree as it is passes them."""

import shutil
from pathlib import Path

import pytest

from profiler.rules.model import load_rules
from profiler.rules.render import render
from tools import check_boundary, check_lua_header

STANDARD = check_lua_header.RENDERED / "lean.lua"
LUA = check_lua_header.RENDERED.parent

HEADER = "header.lua.j2"
CALL = "parts/call.lua.j2"
EVENTS = "parts/update_event_time.lua.j2"
INPUTS = "parts/inputs.lua.j2"
SELDOM = "parts/seldom.lua.j2"
TIME = "parts/time.lua.j2"


@pytest.mark.parametrize("name", ["article.lua", "lean.lua"])
def test_headers_of_the_committed_scripts_say_what_the_code_does(name: str) -> None:
    text = (check_lua_header.RENDERED / name).read_text()

    assert list(check_lua_header.disagreements(text)) == []


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the templates, which `render` takes."""
    copy = shutil.copytree(LUA, tmp_path / "lua")
    monkeypatch.setattr("profiler.rules.render._LUA", copy)
    return copy


@pytest.mark.parametrize(
    ("template", "was", "becomes", "finding"),
    [
        (HEADER, "Atomic because:", "It is atomic:", "ATOMIC: the section is missing"),
        (HEADER, "\nTTL   visitor", "\nTtl   visitor", "TTL: the section is missing"),
        (HEADER, "--[[\nprofile", "-- profile", "there is no header"),
        (CALL, "#keys > 2", "#keys > 3", "the header lists 2, the code demands ['3']"),
        (CALL, "pcall(update, keys[1]", "pcall(update, keys[3]", "KEYS: 3 is in the code only"),
        (
            EVENTS,
            "count, visitor_id, stream =",
            "count, stream, visitor_id =",
            "per call: number 1 is visitor_id in the header, stream in the code",
        ),
        (
            TIME,
            "received = args[event + 1]",
            "received = args[event]",
            "per event: number 1 is offset in the header, received in the code",
        ),
        (
            TIME,
            "args[event + 2], NEVER",
            "args[event + 3], NEVER",
            "per event: number 4 is sent in the header, created_text in the code",
        ),
        (
            EVENTS,
            "number_of(args[event])",
            "number_of(args[event + 1])",
            "per event: number 2 is received in the header, offset in the code",
        ),
        (
            EVENTS,
            "visit_id, flags = args[event + 5]",
            "visit_id, flags = args[event + 4]",
            "per event: number 5 is event_id in the header, visit_id in the code",
        ),
        (
            INPUTS,
            "input.place ]]",
            "input.place - 1 ]]",
            "number 7 is query-other_eventtype in the header, event_page_title_2 in the code",
        ),
        (EVENTS, '" late"', '" tardy"', "RETURNS, flags: late is in the header only"),
        (EVENTS, '" replayed"', '" again"', "flags: again is in the code only"),
        (SELDOM, '"ELAYOUT stored', '"ENEWER stored', "ERRORS: ENEWER is in the code only"),
        (SELDOM, '"ELAYOUT stored', '"stored', "ERRORS: ELAYOUT is in the header only"),
        (HEADER, "(cost | join", "(cost[1:] | join", "COST: HGET is in the code only"),
        (HEADER, "(cost | join", '(["1 HSETNX"] | join', "COST: HSETNX is in the header only"),
        (CALL, 'redis.call("HDEL"', "redis.call(command", "call(command) is no literal"),
    ],
)
def test_a_template_that_disagrees_is_found(
    templates: Path, template: str, was: str, becomes: str, finding: str
) -> None:
    path = templates / template
    text = path.read_text("utf-8")
    assert was in text
    path.write_text(text.replace(was, becomes), "utf-8")

    found = list(check_lua_header.disagreements(render(load_rules("lean"))))

    assert [line for line in found if finding in line], found


def test_a_script_of_other_words_is_not_taken_for_a_right_one() -> None:
    """Where the check finds no argument at all, it looks for them by words that are gone."""
    other = STANDARD.read_text().replace("args[event", "args[place")

    found = list(check_lua_header.disagreements(other))

    assert found == ["ARGV per event: the code takes none"]


def test_the_header_check_fails_with_the_file_s_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.lua"
    broken.write_text(STANDARD.read_text().replace("1 EXISTS if new; ", ""))

    assert check_lua_header.main([str(broken)]) == 1
    assert capsys.readouterr().out == f"{broken}: COST: EXISTS is in the code only\n"
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
