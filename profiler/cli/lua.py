"""Commands about the script: show, sha, contract, install, check, render."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from profiler.cli.options import (
    ConfigFile,
    RedisUrl,
    RulesName,
    complete_preset,
    script_from,
    settings_from,
)
from profiler.config.settings import Settings
from profiler.errors import ConfigError, ProfilerError
from profiler.profiles.function import ProfileFunction
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.script import ProfileScript
from profiler.rules.compatibility import conflicts, read_contract
from profiler.rules.contract import contract_json
from profiler.rules.model import load_rules
from profiler.rules.render import function_of, library_of, render, rendered_presets, sha_of

RulesArgument = Annotated[
    str,
    typer.Option(
        "--rules",
        help="Preset (standard, lean, article) or path of a rules file.",
        autocompletion=complete_preset,
    ),
]


class Form(StrEnum):
    """How the server keeps the script."""

    SCRIPT = "script"
    FUNCTION = "function"


AsForm = Annotated[
    Form, typer.Option("--as", help="What EVALSHA calls (script) or what FCALL calls (function).")
]

CheckOnly = Annotated[
    bool, typer.Option("--check", help="Write nothing; exit 1 where a file is stale.")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    lua = typer.Typer(help="The Lua script, for callers in any language.", no_args_is_help=True)
    for command in (show, sha, contract, install, check):
        lua.command()(command)
    lua.command("render")(render_files)
    app.add_typer(lua, name="lua")


def show(*, rules: RulesArgument = "standard", form: AsForm = Form.SCRIPT) -> None:
    """Print the script, or the library that FUNCTION LOAD takes."""
    script = render(load_rules(rules))
    typer.echo(library_of(script) if form is Form.FUNCTION else script, nl=False)


def sha(*, rules: RulesArgument = "standard") -> None:
    """Print the SHA-1 that EVALSHA takes."""
    typer.echo(sha_of(render(load_rules(rules))))


def contract(
    *,
    rules: RulesArgument = "standard",
    compatible_with: Annotated[
        Path | None,
        typer.Option(
            metavar="OTHER.json",
            help="Print no contract: say whether scripts of both may update the same visitors.",
        ),
    ] = None,
) -> None:
    """Print the script's contract as JSON: KEYS, ARGV in order, reply, errors."""
    loaded = load_rules(rules)
    script = render(loaded)
    document = contract_json(loaded, sha_of(script), function_of(script))
    if compatible_with is None:
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    other = read_contract(compatible_with)
    if reasons := conflicts(document, other):
        raise ProfilerError("\n  ".join(["not compatible:", *reasons]))
    typer.echo(f"compatible: {loaded.version} and {other['rules_version']}")


def install(
    *,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    form: AsForm = Form.SCRIPT,
) -> None:
    """Load the script into the server and print its SHA-1, or the function's name."""
    name, registered = _named(
        form, settings_from(config, rules=rules, redis=redis, without_kafka=True)
    )
    registered.register()
    typer.echo(name)


def check(
    *,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    form: AsForm = Form.SCRIPT,
) -> None:
    """Say whether the server knows the script; exit 1 where it does not."""
    name, registered = _named(
        form, settings_from(config, rules=rules, redis=redis, without_kafka=True)
    )
    if not registered.is_registered():
        option = "" if form is Form.SCRIPT else f" --as {form}"
        raise ProfilerError(f"{name} is not loaded; run: profiler lua install{option}")
    typer.echo(f"{name} is loaded, rules {registered.rules.version}")


def _named(form: Form, settings: Settings) -> tuple[str, ProfileScript | ProfileFunction]:
    """What is registered in this form, and its name on the server."""
    script = script_from(settings)
    if form is Form.SCRIPT:
        return script.sha, script
    function = ProfileFunction(connect_to(settings.redis), script.rules)
    return function.name, function


def render_files(
    *,
    check_only: CheckOnly = False,
    directory: Annotated[Path, typer.Option(help="Where the renderings are.")] = Path(
        "lua/rendered"
    ),
) -> None:
    """Render the presets into files, which are committed."""
    if not directory.is_dir():
        raise ConfigError(f"{directory} is no directory; run this at the top of the source tree")
    stale = []
    for name, text in rendered_presets().items():
        path = directory / name
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale.append(str(path))
        if not check_only:
            path.write_text(text, "utf-8")
    if stale and check_only:
        raise ProfilerError(f"stale: {', '.join(stale)}; run: profiler lua render")
    typer.echo(f"written: {', '.join(stale)}" if stale else f"all of {directory} is fresh")
