"""The shell completes commands, options and their values."""

import shlex
import shutil

import pytest

from tests.missing import give_up
from tests.packaging.conftest import Installation


@pytest.fixture(scope="module")
def switched_on(installation: Installation) -> str:
    """What a shell evaluates once."""
    if shutil.which("bash") is None:
        give_up("bash", ["install it (Debian: apt-get install bash)"])
    return installation.run(installation.profiler, _PROFILER_COMPLETE="source_bash").stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("profiler lu", {"lua"}),
        ("profiler lua s", {"show", "sha"}),
        ("profiler run --ru", {"--rules"}),
        ("profiler run --rules ", {"standard", "lean", "article"}),
        ("profiler lua show --rules st", {"standard"}),
        ("profiler pipe --input ", {"processed", "flattened"}),
        ("profiler run --rules ./my", set()),  # bash then offers files
    ],
)
def test_bash_completes(
    installation: Installation, switched_on: str, typed: str, offered: set[str]
) -> None:
    words = shlex.split(typed) + [""] * typed.endswith(" ")
    pressed = (
        f"COMP_WORDS=({' '.join(map(shlex.quote, words))})\n"
        f"COMP_CWORD={len(words) - 1}\n"
        "_profiler_completion profiler\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )

    done = installation.run("bash", "-uc", f"{switched_on}\n{pressed}")

    assert set(done.stdout.split()) == offered


def test_the_shell_keeps_it(installation: Installation) -> None:
    installation.run(installation.profiler, "--install-completion", "bash")

    assert "profiler" in (installation.directory / ".bashrc").read_text()
