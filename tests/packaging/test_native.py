"""The wheel of the native part: built here, installed beside the other, and it does the work."""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import profiler
from profiler.demo.sample import read_sample
from tests.integration.demo_run import counts_of, expected_counts
from tests.packaging.commands import ROOT

if TYPE_CHECKING:
    from tests.packaging.conftest import Installation

STEM = f"visitor_profiler_native-{profiler.__version__}"
SBOM = f"{STEM}.dist-info/sboms/visitor-profiler-native.cyclonedx.json"


@pytest.fixture(scope="module")
def files(native_wheel: Path) -> dict[str, bytes]:
    """What is in the wheel."""
    with zipfile.ZipFile(native_wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_is_for_every_python_from_the_oldest_and_for_many_a_linux(
    native_wheel: Path, files: dict[str, bytes]
) -> None:
    tag = re.fullmatch(rf"{STEM}-cp311-abi3-manylinux_2_(\d+)_x86_64\.whl", native_wheel.name)
    assert tag
    [library] = [data for name, data in files.items() if name.endswith(".so")]
    needed = {int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", library)}
    assert needed
    assert max(needed) <= int(tag[1])


def test_it_holds_the_library_its_types_and_nothing_else(files: dict[str, bytes]) -> None:
    module = "visitor_profiler_native/"
    metadata = {name for name in files if name.startswith(f"{STEM}.dist-info/")}

    assert {*files} - metadata == {
        *(f"{module}__init__.py", f"{module}__init__.pyi", f"{module}py.typed"),
        f"{module}visitor_profiler_native.abi3.so",
    }
    assert files[f"{STEM}.dist-info/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_no_path_of_this_machine_is_in_it(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        assert str(Path.home()).encode() not in data, name
        # The list of the crates says where our own was built.
        assert str(ROOT).encode() not in data or name == SBOM


def test_it_lists_the_crates_that_are_in_it(files: dict[str, bytes]) -> None:
    listed = {each["name"]: each["version"] for each in json.loads(files[SBOM])["components"]}
    crates = tomllib.loads((ROOT / "native" / "Cargo.toml").read_text("utf-8"))["dependencies"]
    locked = tomllib.loads((ROOT / "native" / "Cargo.lock").read_text("utf-8"))["package"]

    assert crates.keys() <= listed.keys()
    assert listed.items() <= {each["name"]: each["version"] for each in locked}.items()


def test_the_metadata_tells_who_and_what(files: dict[str, bytes]) -> None:
    metadata = message_from_bytes(files[f"{STEM}.dist-info/METADATA"])

    assert metadata["Name"] == "visitor-profiler-native"
    assert metadata["Version"] == profiler.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Summary"]


def test_it_is_what_runs_where_it_is_installed(native_installation: Installation) -> None:
    choice = "from profiler.engine import choose_engine; print(choose_engine('auto').name)"

    said = native_installation.run(native_installation.python, "-c", choice).stdout

    assert said == "native\n"


def test_pipe_writes_the_same_bytes_with_either_engine(native_installation: Installation) -> None:
    lines = "".join(
        json.dumps({"value": json.loads(record.value), "timestamp": record.timestamp}) + "\n"
        for record in read_sample()
    )

    native, python = (
        native_installation.run(
            native_installation.profiler, "pipe", stdin=lines, PROFILER_ENGINE=engine
        ).stdout
        for engine in ("native", "python")
    )

    assert native.count("\n") == lines.count("\n")
    assert native == python


def test_the_demo_shows_what_is_in_the_sample(native_installation: Installation) -> None:
    done = native_installation.run(native_installation.profiler, "demo", PROFILER_ENGINE="native")

    counts, expected = counts_of(done.stdout + done.stderr), expected_counts()
    assert {name: counts[name] for name in expected} == expected
