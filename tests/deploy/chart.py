"""The chart as Helm renders it, and what a pod of it gives to its program."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "visitor-profiler"
#: Each is a deployment that somebody may want.
VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
#: The oldest Kubernetes that the chart is for.
OLDEST = "1.27.0"
RELEASE, NAMESPACE = "shop", "analytics"

Manifest = dict[str, Any]


class Helm:
    """The program `helm`."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command of it."""
        command = [str(self._program), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def render(
        self, *values: Path, chart: Path = CHART, settings: Mapping[str, str] = MappingProxyType({})
    ) -> list[Manifest]:
        """Render the chart with these files of values.

        Args:
            values: later ones win.
            chart: its folder or package.
            settings: for ``--set``.
        """
        done = self.template(*values, chart=chart, settings=settings)
        assert done.returncode == 0, done.stderr
        return [found for found in yaml.safe_load_all(done.stdout) if found]

    def template(
        self, *values: Path, chart: Path = CHART, settings: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.CompletedProcess[str]:
        """The same, as the program ended; the chart may be refused."""
        files = [f"--values={file}" for file in values]
        flags = [f"--set={name}={value}" for name, value in settings.items()]
        where = (f"--namespace={NAMESPACE}", f"--kube-version={OLDEST}")
        return self.run("template", RELEASE, chart, *where, *files, *flags)


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """The objects of a kind."""
    return [found for found in manifests if found["kind"] == kind]


def pod_of(manifest: Manifest) -> Manifest:
    """What a pod of a StatefulSet, a Deployment or a Job is made of."""
    pod: Manifest = manifest["spec"]["template"]["spec"]
    return pod


def programs(manifests: list[Manifest]) -> list[Manifest]:
    """The objects that have pods."""
    return [found for found in manifests if found["kind"] in {"StatefulSet", "Deployment", "Job"}]


class Pod:
    """A pod's files below a folder of ours, and its variables.

    Args:
        manifests: the whole release.
        owner: what the pod belongs to.
        root: the folder.
        number: of the pod, in a StatefulSet.

    Attributes:
        environment: of its container.
        arguments: of its program.
        secrets: what each mounted key holds here, by the path of its setting.
    """

    def __init__(
        self, manifests: list[Manifest], owner: Manifest, root: Path, number: int = 0
    ) -> None:
        self._root = root
        pod = pod_of(owner)
        (container,) = pod["containers"]
        self.arguments: list[str] = container["args"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        self.secrets: dict[str, str] = {}
        for volume in pod["volumes"]:
            folder = self._moved(mounts[volume["name"]])
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in self._content(manifests, volume).items():
                (folder / name).write_text(text)
        fields = {
            "metadata.name": f"{owner['metadata']['name']}-{number}",
            "metadata.namespace": NAMESPACE,
        }
        self.environment: dict[str, str] = {}
        for variable in container["env"]:
            if source := variable.get("valueFrom"):
                text = fields[source["fieldRef"]["fieldPath"]]
            else:
                text = self._expanded(variable["value"])
            self.environment[variable["name"]] = text

    def _content(self, manifests: list[Manifest], volume: Manifest) -> Mapping[str, str]:
        if mounted := volume.get("configMap"):
            (found,) = (
                each
                for each in of_kind(manifests, "ConfigMap")
                if each["metadata"]["name"] == mounted["name"]
            )
            files: dict[str, str] = found["data"]
            return {
                name: re.sub(r'"(/(?:etc|run)/profiler/[^"]*)"', self._quoted, text)
                for name, text in files.items()
            }
        if projected := volume.get("projected"):
            items = [item for source in projected["sources"] for item in source["secret"]["items"]]
            special = {"redis.url": "rediss://far:6380/0", "serve.token": "0123456789abcdef" * 4}
            self.secrets = {
                item["path"]: special.get(item["path"], f"a {item['key']}") for item in items
            }
            return {name: f"{text}\n" for name, text in self.secrets.items()}
        return dict.fromkeys(("ca.crt", "tls.crt", "tls.key"), "")

    def _quoted(self, found: re.Match[str]) -> str:
        return f'"{self._moved(found[1])}"'

    def _moved(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def _expanded(self, text: str) -> str:
        if text.startswith(("/etc/profiler", "/run/profiler")):
            return str(self._moved(text))
        return re.sub(r"\$\((\w+)\)", lambda found: self.environment[found[1]], text)
