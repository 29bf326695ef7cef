"""Helm, Kubernetes' own schemas and the operators' models accept what the chart makes."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor

from tests.deploy.chart import (
    CHART,
    OLDEST,
    ROOT,
    VALUES,
    Helm,
    Manifest,
    of_kind,
    pod_of,
    programs,
)

#: Made from the operators' CRDs.
MODELS = {model.__name__: model for model in (ScaledObject, PrometheusRule, ServiceMonitor)}

MINIMAL = CHART / "ci" / "minimal-values.yaml"
PRODUCTION = CHART / "ci" / "production-values.yaml"

each_values = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


@each_values
def test_helm_finds_nothing_wrong(helm: Helm, values: Path) -> None:
    done = helm.run("lint", "--strict", f"--kube-version={OLDEST}", CHART, f"--values={values}")

    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


@each_values
@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_every_object_is_one_that_kubernetes_knows(helm: Helm, values: Path, version: str) -> None:
    for manifest in helm.render(values):
        if manifest["kind"] in MODELS:
            known = MODELS[manifest["kind"]].model_validate(manifest)
            # What the model does not know, it drops.
            assert known.model_dump(mode="json", by_alias=True, exclude_unset=True) == manifest
        else:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_what_no_schema_knows_is_found(helm: Helm) -> None:
    """The two checks above are not blind."""
    production = helm.render(PRODUCTION)
    (workers,) = of_kind(production, "StatefulSet")
    workers["spec"]["serviceNam"] = "typo"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(workers, OLDEST, strict=True)
    (monitor,) = of_kind(production, "ServiceMonitor")
    monitor["spec"]["endpoints"][0]["intervall"] = "15s"
    known = ServiceMonitor.model_validate(monitor)
    assert known.model_dump(mode="json", by_alias=True, exclude_unset=True) != monitor


@each_values
def test_names_are_unique_and_selectors_find_their_pods(helm: Helm, values: Path) -> None:
    manifests = helm.render(values)
    names = [(found["kind"], found["metadata"]["name"]) for found in manifests]
    assert len(names) == len(set(names))
    labels = [found["spec"]["template"]["metadata"]["labels"] for found in programs(manifests)]
    for found in manifests:
        spec = found.get("spec", {})
        selector = spec.get("podSelector", spec.get("selector", {}))
        wanted = selector.get("matchLabels", selector) if found["kind"] != "ServiceMonitor" else {}
        matched = [each for each in labels if wanted.items() <= each.items()]
        assert len(matched) == 1 or not wanted, names
    services = {each["metadata"]["name"] for each in of_kind(manifests, "Service")}
    assert {s["spec"]["serviceName"] for s in of_kind(manifests, "StatefulSet")} <= services


def test_a_long_name_of_a_release_leaves_room_for_what_kubernetes_adds(helm: Helm) -> None:
    stages = CHART / "ci" / "flatten-profile-values.yaml"
    longest = "r" * 53  # which Helm allows
    done = helm.run(
        "template",
        longest,
        CHART,
        f"--kube-version={OLDEST}",
        f"--values={stages}",
        "--set=fullnameOverride=",
    )
    names = [
        found["metadata"]["name"]
        for found in yaml.safe_load_all(done.stdout)
        if found and found["kind"] == "StatefulSet"
    ]

    assert len(names) == 2
    assert max(map(len, names)) <= 52  # the label has a hyphen and ten letters more


@each_values
def test_pods_have_no_right_that_they_do_not_need(helm: Helm, values: Path) -> None:
    """Kubernetes' level "restricted", and a file system that nobody can write to."""
    for owner in programs(helm.render(values)):
        pod = pod_of(owner)
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == security["runAsGroup"] == 10001  # the image's
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert all(mount["readOnly"] for mount in container["volumeMounts"])
            assert container["resources"]["limits"]["memory"]
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        for volume in pod["volumes"]:
            assert volume.keys() - {"name"} <= {"configMap", "secret", "projected"}


@each_values
def test_no_object_is_a_secret(helm: Helm, values: Path) -> None:
    assert of_kind(helm.render(values), "Secret") == []


def test_another_configuration_is_another_pod(helm: Helm) -> None:
    def annotations(settings: dict[str, str]) -> Manifest:
        (workers,) = of_kind(helm.render(MINIMAL, settings=settings), "StatefulSet")
        found: Manifest = workers["spec"]["template"]["metadata"]["annotations"]
        return found

    assert annotations({}) == annotations({"replicas.run": "5"})
    assert annotations({}) != annotations({"config.batch.max_records": "100"})


def test_prometheus_and_grafana_get_the_files_of_the_tree(helm: Helm, tmp_path: Path) -> None:
    production = helm.render(PRODUCTION)
    (rule,), (monitor,) = (
        of_kind(production, kind) for kind in ("PrometheusRule", "ServiceMonitor")
    )
    alerts = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text("utf-8")
    assert rule["spec"] == yaml.safe_load(alerts)
    (endpoint,) = monitor["spec"]["endpoints"]
    assert {"targetLabel": "job", "replacement": "profiler"} in endpoint["relabelings"]
    assert 'job="profiler"' in alerts
    (dashboard,) = (
        found["data"]["visitor-profiler.json"]
        for found in of_kind(production, "ConfigMap")
        if "grafana_dashboard" in found["metadata"]["labels"]
    )
    file = ROOT / "deploy" / "grafana" / "dashboard.json"
    assert dashboard.strip() == file.read_text("utf-8").strip()

    done = helm.run("package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.iterdir()
    assert helm.render(PRODUCTION, chart=package) == production
