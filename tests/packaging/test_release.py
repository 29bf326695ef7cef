"""A release: two builds have the same bytes, and the bill of materials names what is installed."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from typing import TYPE_CHECKING

import profiler
from tests.packaging.commands import ROOT
from tools.release.distributions import Built, build_elsewhere
from tools.release.interpreters import VERSIONS
from tools.release.sbom import write_sbom
from tools.release.trial import try_on

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.packaging.conftest import Distributions, Installation


def test_a_build_elsewhere_has_the_same_bytes(distributions: Distributions) -> None:
    assert build_elsewhere(Built(distributions.sdist, distributions.wheel)) == []


def test_the_date_of_a_release_is_in_it(
    distributions: Distributions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    other = build_elsewhere(Built(distributions.sdist, distributions.wheel))
    assert other == [distributions.sdist.name, distributions.wheel.name]


def test_the_bill_of_materials_names_what_is_installed(
    installation: Installation, tmp_path: Path
) -> None:
    write_sbom(installation.python, tmp_path / "sbom.json")
    bill = json.loads((tmp_path / "sbom.json").read_text("utf-8"))

    assert bill["metadata"]["component"]["name"] == "visitor-profiler"
    assert bill["metadata"]["component"]["version"] == profiler.__version__
    named = {re.sub(r"[-_.]+", "-", each["name"]).lower() for each in bill["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {re.split(r"[^\w-]", each)[0] for each in project["dependencies"]}
    assert needed <= named
    assert not named & {"pytest", "sphinx", "hatchling"}
    assert all(each.get("purl", "").startswith("pkg:pypi/") for each in bill["components"])


def test_the_wheel_profiles_the_sample_on_this_python(distributions: Distributions) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    trial = try_on(version, distributions.wheel)
    assert trial.fault == ""
    assert trial.lines > 2_000


def test_the_versions_that_are_tried_are_those_that_are_claimed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    prefix = "Programming Language :: Python :: "
    claimed = [each.removeprefix(prefix) for each in project["classifiers"] if prefix in each]
    assert [each for each in claimed if each[:2] == "3." or each[0] != "3"] == list(VERSIONS)
    assert project["requires-python"] == f">={VERSIONS[0]}"


def test_the_native_engine_has_the_same_version() -> None:
    crate = tomllib.loads((ROOT / "native" / "Cargo.toml").read_text("utf-8"))
    assert crate["package"]["version"] == profiler.__version__


def test_the_changelog_has_the_version() -> None:
    heads = re.findall(r"^## \[?([\w.]+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert profiler.__version__ in heads[:2]
