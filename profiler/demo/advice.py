"""What to try after the demo, as commands that can be pasted."""

import shlex
import sys
from pathlib import Path

import orjson
from rich.console import Console
from rich.style import Style
from rich.text import Text

from profiler.config.settings import ENV_PREFIX, Settings
from profiler.demo.names import example_event
from profiler.rules.model import PRESETS, Rules

_BY_HAND = "me"


def print_next_steps(console: Console, rules: Rules, *, visitor_id: str, redis_url: str) -> None:
    """Say what to do once everything is stopped.

    Args:
        console: where.
        rules: an example event is made for them.
        visitor_id: a visitor of the sample.
        redis_url: where the store of a demo that is kept will listen.
    """
    line = _json({"value": _example(rules)})
    _print(console, "Keep it running, with the live page and the shop, and try things by hand:")
    _command(console, "make demo ARGS=--keep")
    _print(console, "and then, in another terminal, look up a visitor of the sample:")
    _command(console, _get(visitor_id, redis_url, ""))
    _print(console, "One event in, its profile out, without Kafka:")
    _command(console, f"echo {shlex.quote(line)} | {_program('profiler')} pipe")
    _print(console, "More: README.md and docs/.")


def print_addresses(console: Console, *, page: str, shop: str, stays: bool) -> None:
    """Say where to look.

    Args:
        console: where.
        page: the live page, with its token.
        shop: the first page of the shop.
        stays: whether both are there until interrupted.
    """
    until = "" if stays else " (until the sample is through; make demo ARGS=--keep stays)"
    _print(console, f"Watch it live in a browser{until}:")
    _print(console, "  ", _link(page))
    _print(console, "Click through the shop, and see yourself on the live page:")
    _print(console, "  ", _link(shop))


def print_stays(console: Console, *, page: str, shop: str) -> None:
    """Say in one line what runs on, and until when.

    Args:
        console: where.
        page: the live page, with its token.
        shop: the first page of the shop.
    """
    _print(
        console,
        "Until Ctrl-C you have the live page, ",
        _link(page),
        ", and the shop, ",
        _link(shop),
    )


def print_kept(
    console: Console, rules: Rules, settings: Settings, *, visitor_id: str, log: Path
) -> None:
    """Say how to use what keeps running.

    Args:
        console: where.
        rules: an example event is made for them.
        settings: of the servers.
        visitor_id: a visitor of the sample.
        log: the worker's.
    """
    redis_url = settings.redis.url.get_secret_value()
    broker = settings.kafka.bootstrap_servers
    is_default = settings.rules == PRESETS[0]
    option = "" if is_default else f" --rules {shlex.quote(_short(settings.rules))}"
    client = _program("kafka-python")
    _print(console, "In another terminal, look up a visitor:")
    _command(console, _get(visitor_id, redis_url, option))
    _print(console, "send a page view of your own and look it up (change the page, the visit, …):")
    event = shlex.quote(_json(_example(rules)))
    _command(
        console, f"echo {event} | {client} producer -b {broker} -t {settings.topics.processed}"
    )
    _command(console, _get(_BY_HAND, redis_url, option))
    _print(console, "or let every command find these servers:")
    _command(console, f"export {ENV_PREFIX.upper()}REDIS__URL={redis_url}")
    _command(console, f"export {ENV_PREFIX.upper()}KAFKA__BOOTSTRAP_SERVERS={broker}")
    if not is_default:
        _command(console, f"export {ENV_PREFIX.upper()}RULES={shlex.quote(settings.rules)}")
    _print(console, f"The worker's log: {log}")


def _example(rules: Rules) -> dict[str, list[dict[str, str]]]:
    return example_event(rules, visitor=_BY_HAND, visit="visit-1", text="Hello")


def _get(visitor_id: str, redis_url: str, option: str) -> str:
    return f"{_program('profiler')} get {shlex.quote(visitor_id)} --redis {redis_url}{option}"


def _program(name: str) -> str:
    """The shortest way to write the program that is installed beside this Python."""
    path = Path(sys.executable).parent / name
    return _short(str(path)) if path.exists() else name


def _short(name: str) -> str:
    """A path from the working directory on, where it is below it."""
    path = Path(name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else name


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _print(console: Console, *parts: str | Text) -> None:
    console.print(Text.assemble(*parts), soft_wrap=True)


def _link(address: str) -> Text:
    # Marked as a link: a terminal that looks for addresses by itself loses one that is wrapped.
    return Text(address, style=Style(color="cyan", link=address))


def _command(console: Console, text: str) -> None:
    # No wrapping, no markup: what is copied from the terminal must be what was meant.
    console.print(Text(f"  {text}", style="cyan"), soft_wrap=True)
