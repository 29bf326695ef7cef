"""The properties of a broker that serves one test run: one node, fast to start and to rebalance."""

from profiler.servers.ports import LOOPBACK


def broker_settings(
    *, bind: str, advertised: str, controller_port: int, log_dir: str
) -> dict[str, str]:
    """The broker's properties: one node, and no waiting that only serves large clusters.

    Args:
        bind: the address that both listeners bind to.
        advertised: host and port that clients connect to; the listener takes the same port.
        controller_port: port of the controller's listener.
        log_dir: directory for the data.
    """
    port = advertised.rpartition(":")[2]
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{bind}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": log_dir,
        "auto.create.topics.enable": "false",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        # A transaction that outlives its timeout is aborted within a second, not ten.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        "group.initial.rebalance.delay.ms": "0",
        # The cleaner of compacted topics takes its buffer at the start: 128 MiB by default.
        "log.cleaner.dedupe.buffer.size": "2097152",
        "group.min.session.timeout.ms": "300",
    }
