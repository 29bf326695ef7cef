"""Workers as two pods of the chart run them, on a real Kafka and Redis."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from profiler.servers.ports import LOOPBACK, free_port
from tests.conftest import MakeStore
from tests.deploy.chart import CHART, Helm, Manifest, Pod, of_kind, pod_of
from tests.integration.conftest import Deploy
from tests.integration.fault_events import page_views
from tests.integration.pipeline_runs import Deployment
from tests.integration.programs import Program
from tests.kafka.clients import ADAPTERS
from tests.scrape import probe, scrape

MINIMAL = CHART / "ci" / "minimal-values.yaml"


def rendered(helm: Helm, deployment: Deployment, client: str, listen: str) -> list[Manifest]:
    """The chart with this deployment's servers, topics, groups and rules."""
    values = {
        "config.kafka.bootstrap_servers": deployment.bootstrap_servers,
        "config.kafka.client": client,
        "config.redis.url": deployment.redis_url,
        "metrics.listen": listen,
        "rules.name": "own.toml",
        **{f"config.topics.{name}": topic for name, topic in deployment.topics.items()},
        **{f"config.groups.{name}": group for name, group in deployment.groups.items()},
    }
    rules = deployment.rules.with_name("rules-values.yaml")
    lines = deployment.rules.read_text("utf-8").splitlines()
    text = "\n".join(f"      {line}" for line in lines)
    rules.write_text(f"rules:\n  files:\n    own.toml: |\n{text}\n")
    return helm.render(MINIMAL, rules, settings=values)


@pytest.mark.parametrize("client", ADAPTERS)
def test_probes_are_answered_and_a_killed_pod_comes_back_without_a_rebalance(
    helm: Helm, private_store: MakeStore, deploy: Deploy, tmp_path: Path, client: str
) -> None:
    deployment = deploy(private_store("redis7").url, partitions=4)
    listen = [f"{LOOPBACK}:{free_port()}" for _ in range(2)]
    manifests = rendered(helm, deployment, client, listen[0])
    (workers,) = of_kind(manifests, "StatefulSet")
    (container,) = pod_of(workers)["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness")}
    ready = container["readinessProbe"]["httpGet"]
    assert {found["port"] for found in (*probes.values(), ready)} == {"metrics"}
    assert container["ports"] == [
        {"name": "metrics", "containerPort": int(listen[0].rpartition(":")[2])}
    ]
    pods = [Pod(manifests, workers, tmp_path / str(n), number=n) for n in range(2)]
    # Pods have addresses of their own; here they share one.
    pods[1].environment["PROFILER_METRICS__LISTEN"] = listen[1]

    def start(number: int) -> Program:
        pod = pods[number]
        program = stack.enter_context(Program(pod.arguments, pod.environment, tmp_path))
        program.wait_for(lambda: probe(listen[number], ready["path"]).status == 200)
        return program

    with ExitStack() as stack:
        first = start(0)
        for found in probes.values():
            assert probe(listen[0], found["path"]).status == 200
        second = start(1)
        first.wait_for(lambda: (first.owned(), second.owned()) == (2, 2))
        deployment.produce(page_views(0, 60))
        first.wait_for(deployment.is_done)
        rebalances = len(second.events("assigned"))

        first.kill()
        deployment.produce(page_views(60, 60))
        again = start(0)
        again.wait_for(deployment.is_done)

        assert again.owned() == 2
        assert len(second.events("assigned")) == rebalances
        assert len(deployment.read("persisted")) == 120
        for program in (again, second):
            program.stop()


def test_the_service_answers_its_probes(
    helm: Helm, private_store: MakeStore, tmp_path: Path
) -> None:
    port, metrics = free_port(), free_port()
    values = {
        "config.redis.url": private_store("redis7").url,
        "metrics.listen": f"{LOOPBACK}:{metrics}",
        "serve.enabled": "true",
        "serve.port": str(port),
        r"secrets.serve\.token.name": "serve",
        r"secrets.serve\.token.key": "token",
    }
    manifests = helm.render(MINIMAL, settings=values)
    (service,) = of_kind(manifests, "Deployment")
    (container,) = pod_of(service)["containers"]
    assert {"name": "http", "containerPort": port} in container["ports"]
    pod = Pod(manifests, service, tmp_path)
    address = f"{LOOPBACK}:{port}"
    with Program(pod.arguments, pod.environment, tmp_path) as program:
        probes = [container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")]
        asked = [found["httpGet"] for found in probes]
        assert all((found["port"], found["scheme"]) == ("http", "HTTP") for found in asked)
        paths = {found["path"] for found in asked}
        program.wait_for(lambda: all(probe(address, path).status == 200 for path in paths))
        program.wait_for(lambda: len(scrape(f"{LOOPBACK}:{metrics}")) > 0)
        assert probe(address, "/v1/visitors/ada").status == 401
