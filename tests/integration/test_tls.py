"""TLS, logins and client certificates, on a Redis and a Kafka that accept nothing else."""

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from tests.integration.commands import run_command
from tests.integration.pipe_runs import pipe
from tests.integration.pipeline_runs import Deployment, Input
from tests.servers import MissingServerError, give_up
from tests.servers.certificates import Authority
from tests.servers.kafka import Kafka, admin_client
from tests.servers.kafka_secure import MECHANISM, SecureKafka
from tests.servers.kafka_secure import PASSWORD as KAFKA_PASSWORD
from tests.servers.kafka_secure import USER as KAFKA_USER
from tests.servers.redis_secure import (
    PASSWORD,
    USER,
    TlsStore,
    documented_rights,
    make_user,
)

KEY_PASSWORD = "key-s3cret"  # noqa: S105 - of a key that lives as long as a test
EVENT = {
    "query": [
        {"name": "other_domain_userid", "value": "ada"},
        {"name": "other_domain_sessionid", "value": "one"},
        {"name": "other_eventtype", "value": "Pageview"},
        {"name": "other_page_title", "value": "Home"},
    ]
}
LINE = json.dumps({"value": EVENT}).encode() + b"\n"
EXIT_CONFIG = 78


class Certificates:
    """A CA, one that nobody trusts, and a client's certificate."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory)
        self.ca = str(self.authority.certificate)
        self.wrong_ca = str(Authority(directory, "wrong").certificate)
        certificate, key = self.authority.issue("client", password=KEY_PASSWORD)
        self.client = {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}

    def client_of(self, section: str) -> dict[str, str]:
        """Settings with the client's certificate."""
        named = {**self.client, "ssl_cafile": self.ca, "ssl_key_password": KEY_PASSWORD}
        return {f"{section}__{name}": text for name, text in named.items()}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    try:
        return Certificates(tmp_path_factory.mktemp("certificates"))
    except MissingServerError as missing:
        give_up("certificates", [str(missing)])


@pytest.fixture(scope="module")
def store(certificates: Certificates) -> Iterator[TlsStore]:
    """A Redis with TLS, and with the documented user."""
    with tls_store(certificates) as server:
        yield server


def tls_store(certificates: Certificates, *, demands_certificate: bool = False) -> TlsStore:
    try:
        server = TlsStore(certificates.authority, demands_certificate=demands_certificate)
    except MissingServerError as missing:
        give_up("redis7 with TLS", [str(missing)])
    server.start()
    with closing(redis.Redis.from_url(server.trusting_url)) as admin:
        make_user(admin, documented_rights())
    return server


@pytest.fixture(scope="module")
def kafka(certificates: Certificates) -> Iterator[SecureKafka]:
    try:
        server = SecureKafka(certificates.authority)
    except MissingServerError as missing:
        give_up("Kafka with TLS", [str(missing)])
    with server:
        yield server


@pytest.fixture
def deployment(kafka: SecureKafka, store: TlsStore, tmp_path: Path) -> Iterator[Deployment]:
    """Topics and keys of the test's own; the tests come in by the plain listener."""
    mark = uuid.uuid4().hex[:12]
    with admin_client(kafka.bootstrap_servers) as admin:

        def make_topics(*names: str, partitions: int) -> list[str]:
            options = {"num_partitions": partitions, "replication_factor": 1}
            made = [f"{name}-{mark}" for name in names]
            admin.create_topics(dict.fromkeys(made, options), wait_for_metadata=True)
            return made

        yield Deployment(
            store.url,
            kafka=Kafka(kafka.bootstrap_servers),
            admin=admin,
            make_topics=make_topics,
            key_prefix=f"visitor:{mark}:",
            directory=tmp_path,
            partitions=1,
        )


def user_of(store: TlsStore, certificates: Certificates) -> dict[str, str]:
    """Settings of the documented user."""
    return {
        "REDIS__URL": store.url,
        "REDIS__USERNAME": USER,
        "REDIS__PASSWORD": PASSWORD,
        "REDIS__SSL_CAFILE": certificates.ca,
    }


def login_to(kafka: SecureKafka, certificates: Certificates) -> dict[str, str]:
    """Settings of Kafka's user."""
    return {
        "KAFKA__BOOTSTRAP_SERVERS": kafka.login_servers,
        "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA__SASL_MECHANISM": MECHANISM,
        "KAFKA__SASL_USERNAME": KAFKA_USER,
        "KAFKA__SASL_PASSWORD": KAFKA_PASSWORD,
        "KAFKA__SSL_CAFILE": certificates.ca,
    }


def refusal(command: str, settings: dict[str, str]) -> str:
    """Run a command that must be refused for its configuration; return what it says."""
    done = run_command(command.split(), **settings)
    assert done.code == EXIT_CONFIG, done
    assert done.output == ""
    for secret in (PASSWORD, KAFKA_PASSWORD, KEY_PASSWORD):
        assert secret not in done.errors
    return done.errors


def test_redis_with_tls_and_the_documented_user(
    store: TlsStore, certificates: Certificates
) -> None:
    settings = user_of(store, certificates)
    named = [(f"PROFILER_{name}", text) for name, text in settings.items()]
    ((output,), errors) = pipe(LINE, "--redis", store.url, settings=named)
    assert output["value"]["profile_visitor_first_page"] == "Home"
    assert errors == []
    done = run_command(["get", "ada", "--json"], **settings)
    assert json.loads(done.output)["profile"]["visitor_last_page"] == "Home"
    with closing(redis.Redis.from_url(store.trusting_url, decode_responses=True)) as admin:
        assert admin.acl_log() == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"SSL_CAFILE": "{wrong_ca}"}, "CERTIFICATE_VERIFY_FAILED.*redis.ssl_cafile"),
        ({"SSL_CAFILE": ""}, "CERTIFICATE_VERIFY_FAILED.*redis.ssl_cafile"),
        ({"URL": "rediss://localhost:{port}/0"}, "CERTIFICATE_VERIFY_FAILED.*host name"),
        ({"SSL_CAFILE": "/absent.pem"}, "redis.ssl_cafile: /absent.pem: No such file"),
        ({"SSL_CAFILE": "/etc/passwd"}, "redis.ssl_cafile: /etc/passwd: unusable"),
        ({"PASSWORD": "hidden"}, "Redis refuses us"),
        ({"USERNAME": ""}, "Redis refuses us"),
    ],
)
def test_a_wrong_way_into_redis_is_named(
    wrong: dict[str, str], words: str, store: TlsStore, certificates: Certificates
) -> None:
    filled = {
        f"REDIS__{name}": text.format(port=store.port, wrong_ca=certificates.wrong_ca)
        for name, text in wrong.items()
    }
    errors = refusal("get ada", user_of(store, certificates) | filled)
    assert re.search(words, errors, re.DOTALL), errors
    assert "hidden" not in errors


def test_redis_may_demand_a_certificate(certificates: Certificates) -> None:
    with tls_store(certificates, demands_certificate=True) as server:
        without = user_of(server, certificates)
        done = run_command(["get", "nobody"], **without | certificates.client_of("REDIS"))
        assert (done.code, done.errors) == (1, "no profile is stored for 'nobody'\n")
        refused = run_command(["get", "nobody"], **without)
        # The server hangs up; whether we read why before is a matter of luck.
        assert refused.code in {1, EXIT_CONFIG}
        assert "redis.ssl_certfile" in refused.errors
        locked = certificates.client_of("REDIS") | {"REDIS__SSL_KEY_PASSWORD": "hidden"}
        errors = refusal("get nobody", without | locked)
        assert "redis.ssl_certfile, ssl_keyfile or ssl_key_password: unusable" in errors
        assert "hidden" not in errors


@pytest.mark.parametrize("way", ["login", "certificate"])
def test_the_worker_runs_with_tls_everywhere(
    way: str,
    kafka: SecureKafka,
    store: TlsStore,
    certificates: Certificates,
    deployment: Deployment,
) -> None:
    settings = user_of(store, certificates) | login_to(kafka, certificates)
    servers = kafka.login_servers
    if way == "certificate":
        servers = kafka.mutual_servers
        settings = user_of(store, certificates) | certificates.client_of("KAFKA")
        settings["KAFKA__SECURITY_PROTOCOL"] = "SSL"
    with deployment.start("run", "--bootstrap-servers", servers, **settings) as program:
        deployment.produce([Input(json.dumps(EVENT).encode())])
        program.wait_for(deployment.is_done)
        program.stop()
        assert PASSWORD not in program.output
        assert KAFKA_PASSWORD not in program.output
    (record,) = deployment.read("persisted")
    assert json.loads(record.value or b"")["profile_visitor_first_page"] == "Home"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"SASL_PASSWORD": "hidden"}, "refuses the login of 'worker' by SCRAM-SHA-512"),
        ({"SASL_USERNAME": "nobody"}, "refuses the login of 'nobody' by SCRAM-SHA-512"),
        ({"SASL_MECHANISM": "PLAIN"}, "refuses the login of 'worker' by PLAIN"),
        ({"SSL_CAFILE": "{wrong_ca}"}, "CERTIFICATE_VERIFY_FAILED.*check kafka.ssl_cafile"),
        ({"SSL_CAFILE": "/absent.pem"}, "kafka.ssl_cafile: /absent.pem: No such file"),
        (
            {"BOOTSTRAP_SERVERS": "localhost:{login_port}"},
            "CERTIFICATE_VERIFY_FAILED.*names in kafka.bootstrap_servers",
        ),
    ],
)
def test_a_wrong_way_into_kafka_is_named(
    wrong: dict[str, str],
    words: str,
    kafka: SecureKafka,
    store: TlsStore,
    certificates: Certificates,
) -> None:
    port = kafka.login_servers.rpartition(":")[2]
    filled = {
        f"KAFKA__{name}": text.format(login_port=port, wrong_ca=certificates.wrong_ca)
        for name, text in wrong.items()
    }
    settings = user_of(store, certificates) | login_to(kafka, certificates) | filled
    errors = refusal("topics create", settings)
    assert re.search(words, errors, re.DOTALL), errors
    assert "hidden" not in errors


def test_a_port_with_another_protocol_is_named(
    kafka: SecureKafka, certificates: Certificates
) -> None:
    settings = login_to(kafka, certificates)
    settings["KAFKA__BOOTSTRAP_SERVERS"] = kafka.bootstrap_servers
    done = run_command(["topics", "create"], **settings)
    assert done.code == 1
    assert "hangs up during the handshake" in done.errors
    assert "check the port and kafka.security_protocol (SASL_SSL)" in done.errors


def test_kafka_may_demand_a_certificate(kafka: SecureKafka, certificates: Certificates) -> None:
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka.mutual_servers,
        "KAFKA__SECURITY_PROTOCOL": "SSL",
        "KAFKA__SSL_CAFILE": certificates.ca,
    }
    assert "kafka.ssl_certfile" in refusal("topics create", settings)
