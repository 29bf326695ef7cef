"""What a pod gets is what the program takes, and what cannot be right is refused."""

import math
from pathlib import Path

import pytest

from profiler.cli import EXIT_CONFIG
from profiler.config import Settings, load_settings
from profiler.rules.model import load_rules
from profiler.service.health import STUCK_AFTER_S
from profiler.worker.shutdown import END_S
from tests.deploy.chart import (
    CHART,
    NAMESPACE,
    VALUES,
    Helm,
    Manifest,
    Pod,
    of_kind,
    pod_of,
    programs,
)
from tests.integration.commands import refused

MINIMAL = CHART / "ci" / "minimal-values.yaml"
PRODUCTION = CHART / "ci" / "production-values.yaml"
KEDA = CHART / "ci" / "exactly-once-keda-values.yaml"
SERVE = CHART / "ci" / "serve-values.yaml"
STAGES = CHART / "ci" / "flatten-profile-values.yaml"

each_values = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


def settings_of(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the program in the pod works with; it refuses names that it does not know."""
    with monkeypatch.context() as patch:
        for name, text in pod.environment.items():
            patch.setenv(name, text)
        return load_settings()


@each_values
def test_the_program_takes_what_each_pod_has(
    helm: Helm, values: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = helm.render(values)
    for number, owner in enumerate(programs(manifests)):
        pod = Pod(manifests, owner, tmp_path / str(number))
        settings = settings_of(pod, monkeypatch)
        load_rules(settings.rules)
        for path, text in pod.secrets.items():
            section, key = path.split(".")
            assert getattr(getattr(settings, section), key).get_secret_value() == text
        if owner["kind"] == "StatefulSet":
            name = f"{NAMESPACE}.{owner['metadata']['name']}-0"
            assert (settings.worker_id, settings.kafka.group_instance_id) == (name, name)


def test_a_value_arrives_as_it_was_meant(
    helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers go through Helm as floats."""
    manifests = helm.render(PRODUCTION)
    (workers,) = of_kind(manifests, "StatefulSet")
    pod = Pod(manifests, workers, tmp_path)
    settings = settings_of(pod, monkeypatch)

    assert settings.batch.max_records == 1_000
    assert settings.dead_letters.max_bytes == 8_388_608
    assert settings.dead_letters.max_ratio == 0.25
    assert settings.redis.address.service == "visitors"
    text = (tmp_path / "etc" / "profiler" / "profiler.toml").read_text()
    assert "max_bytes = 8388608\n" in text


def test_rules_files_come_along(
    helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = helm.render(STAGES)
    _, profile = of_kind(manifests, "StatefulSet")
    settings = settings_of(Pod(manifests, profile, tmp_path), monkeypatch)

    assert "visitor_orders" in {rule.name for rule in load_rules(settings.rules).fields}


@each_values
def test_a_pod_reaches_its_servers_and_nobody_else(
    helm: Helm, values: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = helm.render(values)
    policies = {found["metadata"]["name"]: found for found in of_kind(manifests, "NetworkPolicy")}
    long_lived = [found for found in programs(manifests) if found["kind"] != "Job"]
    assert len(policies) == len(long_lived)
    for workers in long_lived:
        pod = Pod(manifests, workers, tmp_path / workers["metadata"]["name"])
        settings = settings_of(pod, monkeypatch)
        spec = policies[workers["metadata"]["name"]]["spec"]
        redis = settings.redis.address
        needed = {53, *(server.port for server in settings.kafka.servers)}
        if pod.arguments != ["flatten"]:
            needed |= {address.port for address in redis.addresses}
            needed |= {6379} if redis.service else set()

        assert ports(spec["egress"]) == needed
        served = {settings.serve.port} if pod.arguments == ["serve"] else set()
        assert ports(spec["ingress"]) == {metrics_port(settings)} | served
        assert set(spec["policyTypes"]) == {"Ingress", "Egress"}


def ports(rules: list[Manifest]) -> set[int]:
    return {port["port"] for rule in rules for port in rule["ports"]}


def metrics_port(settings: Settings) -> int:
    address = settings.metrics.address
    assert isinstance(address, tuple)
    return address.port


@each_values
def test_a_pod_has_time_to_start_and_to_end(
    helm: Helm, values: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = helm.render(values)
    for workers in of_kind(manifests, "StatefulSet"):
        settings = settings_of(Pod(manifests, workers, tmp_path), monkeypatch)
        pod = pod_of(workers)
        (container,) = pod["containers"]
        startup, liveness = container["startupProbe"], container["livenessProbe"]

        assert pod["terminationGracePeriodSeconds"] > END_S
        # As long as the worker itself gives a start.
        assert startup["periodSeconds"] * startup["failureThreshold"] >= STUCK_AFTER_S
        # A member that hangs is given up by its group before Kubernetes ends it.
        patience = STUCK_AFTER_S + liveness["periodSeconds"] * liveness["failureThreshold"]
        assert patience * 1000 > settings.kafka.max_poll_interval_ms
        (port,) = container["ports"]
        assert port["containerPort"] == metrics_port(settings)


@each_values
def test_there_are_never_more_workers_than_partitions(
    helm: Helm, values: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = helm.render(values)
    scaled = {
        found["spec"]["scaleTargetRef"]["name"]: found
        for found in of_kind(manifests, "ScaledObject")
    }
    for workers in of_kind(manifests, "StatefulSet") if scaled else ():
        # Else each upgrade would set the number back.
        assert "replicas" not in workers["spec"]
        pod = Pod(manifests, workers, tmp_path / workers["metadata"]["name"])
        settings = settings_of(pod, monkeypatch)
        (mode,) = pod.arguments
        spec = scaled[workers["metadata"]["name"]]["spec"]
        assert spec["maxReplicaCount"] <= {KEDA: 24, STAGES: 8}[values]
        (trigger,) = spec["triggers"]
        metadata = trigger["metadata"]
        assert metadata["bootstrapServers"] == settings.kafka.bootstrap_servers
        assert metadata["consumerGroup"] == getattr(settings.groups, mode)
        topics = settings.topics
        assert metadata["topic"] == (topics.flattened if mode == "profile" else topics.processed)
        assert metadata["offsetResetPolicy"] == settings.kafka.auto_offset_reset
        assert metadata["allowIdleConsumers"] == "false"
        assert ("tls" in metadata) == settings.kafka.security_protocol.endswith("SSL")
        assert ("sasl" in metadata) == settings.kafka.security_protocol.startswith("SASL")


def test_jobs_run_what_the_command_line_knows(helm: Helm) -> None:
    jobs = of_kind(helm.render(PRODUCTION), "Job")

    assert [pod_of(job)["containers"][0]["args"] for job in jobs] == [
        ["topics", "create", "--partitions", "12", "--replication", "3"],
        ["check", "--mode", "run"],
    ]
    assert all(pod_of(job)["serviceAccountName"] == "default" for job in jobs)


@pytest.mark.parametrize(
    ("values", "settings", "says"),
    [
        (MINIMAL, {"config.redis.url": "redis://ada:secret@redis:6379/0"}, "holds a password"),
        (MINIMAL, {"config.redis.password": "secret"}, "password"),
        (MINIMAL, {"config.batch.max_recods": "5"}, "max_recods"),
        (MINIMAL, {"config.worker_id": "mine"}, "worker_id"),
        (MINIMAL, {"config.kafka.bootstrap_servers": "null"}, "bootstrap_servers"),
        (MINIMAL, {"secrets.redis\\.pasword.name": "x"}, "pasword"),
        (MINIMAL, {"replica.run": "3"}, "replica"),
        (CHART / "values.yaml", {"config.kafka.bootstrap_servers": "kafka"}, "where is Redis?"),
        (STAGES, {"config.redis.url": "redis://redis"}, "exclude each other"),
        (STAGES, {"networkPolicy.redis.ports": "null"}, "networkPolicy.redis.ports"),
        (
            MINIMAL,
            {"partitions": "4", "replicas.run": "5"},
            "replicas.run is above partitions (4)",
        ),
        (MINIMAL, {"keda.enabled": "true"}, "need partitions"),
        (MINIMAL, {"serve.enabled": "true"}, "serve needs a token"),
        (SERVE, {"config.serve.host": "::"}, "host"),
        (KEDA, {"keda.maxReplicas": "25"}, "keda.maxReplicas is above partitions (24)"),
        (KEDA, {"keda.authenticationRef": ""}, "keda.authenticationRef"),
        (MINIMAL, {"terminationGracePeriodSeconds": str(math.floor(END_S))}, "minimum"),
        (MINIMAL, {"startupSeconds": str(math.floor(STUCK_AFTER_S) - 1)}, "minimum"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_what_cannot_be_right_is_refused(
    helm: Helm, values: Path, settings: dict[str, str], says: str
) -> None:
    done = helm.template(values, settings=settings)

    assert done.returncode != 0
    assert says in done.stderr
    assert "secret@" not in done.stderr


def test_the_token_of_the_service_is_nowhere_else(helm: Helm, tmp_path: Path) -> None:
    manifests = helm.render(SERVE)
    (workers,), (service,) = (of_kind(manifests, kind) for kind in ("StatefulSet", "Deployment"))

    assert Pod(manifests, workers, tmp_path / "workers").secrets.keys() == {"redis.password"}
    found = Pod(manifests, service, tmp_path / "service").secrets.keys()
    assert found == {"redis.password", "serve.token"}


def test_a_configuration_that_contradicts_itself_ends_the_pod_with_78(
    helm: Helm, tmp_path: Path
) -> None:
    """A schema sees one setting at a time."""
    contradiction = {"config.kafka.delivery_timeout_ms": "20000"}
    manifests = helm.render(MINIMAL, settings=contradiction)
    (workers,) = of_kind(manifests, "StatefulSet")
    pod = Pod(manifests, workers, tmp_path)
    variables = {
        name.removeprefix("PROFILER_"): text
        for name, text in pod.environment.items()
        if name.startswith("PROFILER_")
    }

    assert EXIT_CONFIG == 78
    assert "delivery_timeout_ms" in refused("config", "show", **variables)
