"""What the source distribution and the wheel hold, and what they do not."""

import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path, PurePosixPath

import pytest

import profiler
from tests.packaging.commands import ROOT
from tests.packaging.conftest import Distributions, build

STEM = f"visitor_profiler-{profiler.__version__}"


def sdist_files(path: Path) -> dict[str, bytes]:
    """The files of a source distribution, named as in the source tree."""
    found = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            assert member.isfile(), f"{member.name} is no plain file"
            inner = archive.extractfile(member)
            assert inner is not None
            assert member.name not in found
            found[member.name.removeprefix(f"{STEM}/")] = inner.read()
    return found


def wheel_files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


_CHART_FILES = "deploy/helm/visitor-profiler/files"
#: Folders, and the links that lead to them.
LINKS = {
    "lua": "profiler/_lua",
    "deploy/grafana": f"{_CHART_FILES}/grafana",
    "deploy/prometheus": f"{_CHART_FILES}/prometheus",
}


def test_the_source_distribution_holds_the_whole_tree(distributions: Distributions) -> None:
    tree = {
        str(path.relative_to(distributions.tree)): path.read_bytes()
        for path in distributions.tree.rglob("*")
        if path.is_file()
    }
    linked = {
        f"{link}/{path.removeprefix(f'{folder}/')}": data
        for folder, link in LINKS.items()
        for path, data in tree.items()
        if path.startswith(f"{folder}/")
    }

    found = sdist_files(distributions.sdist)

    assert found.pop("PKG-INFO")
    assert found == {**tree, **linked}


def test_the_wheel_holds_the_package_and_nothing_else(distributions: Distributions) -> None:
    source = sdist_files(distributions.sdist)
    expected = {
        name: data
        for name, data in source.items()
        if name.startswith("profiler/") and not name.startswith("profiler/_lua/vectors/")
    }

    found = wheel_files(distributions.wheel)

    metadata = {name for name in found if name.startswith(f"{STEM}.dist-info/")}
    assert {name: data for name, data in found.items() if name not in metadata} == expected
    for name in (
        "profiler/_lua/profile.lua.j2",
        "profiler/_lua/parts/seldom.lua.j2",
        "profiler/_lua/operations/first.lua.j2",
        "profiler/_lua/presets/standard.toml",
        "profiler/_lua/rendered/article.lua",
        "profiler/data/sample.ndjson.gz",
        "profiler/py.typed",
    ):
        assert name in expected
    assert found[f"{STEM}.dist-info/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_a_wheel_from_the_tree_is_the_wheel_from_the_source_distribution(
    distributions: Distributions, tmp_path: Path
) -> None:
    build(distributions.tree, tmp_path, "--wheel")

    [direct] = tmp_path.glob("*.whl")
    assert direct.name == distributions.wheel.name
    assert direct.read_bytes() == distributions.wheel.read_bytes()


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_no_path_of_this_machine_is_in_it(distributions: Distributions, kind: str) -> None:
    read = {"sdist": sdist_files, "wheel": wheel_files}[kind]
    for name, data in read(getattr(distributions, kind)).items():
        assert not PurePosixPath(name).is_absolute()
        assert ".." not in PurePosixPath(name).parts
        for place in (ROOT, distributions.tree):
            assert str(place).encode() not in data


def test_the_metadata_tells_who_and_what(distributions: Distributions) -> None:
    metadata = message_from_bytes(wheel_files(distributions.wheel)[f"{STEM}.dist-info/METADATA"])

    assert metadata["Name"] == "visitor-profiler"
    assert metadata["Version"] == profiler.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Summary"]
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert metadata.get_payload(decode=True) == (ROOT / "README.md").read_bytes()
