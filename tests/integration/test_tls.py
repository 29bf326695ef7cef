"""TLS, logins and client certificates, on a Redis and a Kafka that accept nothing else."""

import json
import re
from contextlib import closing
from pathlib import Path

import pytest
import redis

from servers import passwords
from servers.kafka_secure import SecureKafka
from servers.redis_secure import TlsStore
from tests.integration.commands import run_command
from tests.integration.pipe_runs import pipe
from tests.integration.pipeline_runs import Input
from tests.integration.secure_runs import (
    EVENT,
    EXIT_CONFIG,
    Certificates,
    login_to,
    secure_deployment,
    tls_store,
    user_of,
)
from tests.kafka.clients import ADAPTERS


def refusal(command: str, settings: dict[str, str]) -> str:
    """Run a command that must be refused for its configuration; return what it says."""
    done = run_command(command.split(), **settings)
    assert done.code == EXIT_CONFIG, done
    assert done.output == ""
    assert passwords.CORE not in done.errors
    return done.errors


def test_redis_with_tls_and_the_documented_user(
    redis_tls: TlsStore, certificates: Certificates
) -> None:
    settings = user_of(redis_tls, certificates)
    with closing(redis.Redis.from_url(redis_tls.trusting_url)) as admin:
        admin.acl_log_reset()  # other tests give wrong passwords on purpose
    named = [(f"PROFILER_{name}", text) for name, text in settings.items()]
    ((output,), errors) = pipe(b'{"value": %b}\n' % EVENT, "--redis", redis_tls.url, settings=named)
    assert output["value"]["profile_visitor_first_page"] == "Home"
    # It may read no other keys than a worker's.
    assert [line["event"] for line in errors] == ["who was forgotten under other keys is not known"]
    done = run_command(["get", "ada", "--json"], **settings)
    assert json.loads(done.output)["profile"]["visitor_last_page"] == "Home"
    with closing(redis.Redis.from_url(redis_tls.trusting_url, decode_responses=True)) as admin:
        assert {entry["object"] for entry in admin.acl_log()} <= {"profiler:forgotten"}


def test_a_store_of_its_own_needs_no_login(redis_tls: TlsStore, certificates: Certificates) -> None:
    settings = user_of(redis_tls, certificates)
    with closing(redis.Redis.from_url(redis_tls.trusting_url)) as admin:
        admin.acl_log_reset()  # other tests give wrong passwords on purpose
    named = [(f"PROFILER_{name}", text) for name, text in settings.items()]
    ((output,), _errors) = pipe(b'{"value": %b}\n' % EVENT, "--own-redis", settings=named)
    assert output["value"]["profile_new_visitor"] is True


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"SSL_CAFILE": "{wrong_ca}"}, "CERTIFICATE_VERIFY_FAILED.*redis.ssl_cafile"),
        ({"SSL_CAFILE": ""}, "CERTIFICATE_VERIFY_FAILED.*redis.ssl_cafile"),
        ({"URL": "rediss://localhost:{port}/0"}, "CERTIFICATE_VERIFY_FAILED.*host name"),
        ({"SSL_CAFILE": "/absent.pem"}, "redis.ssl_cafile: /absent.pem: No such file"),
        ({"SSL_CAFILE": "/etc/passwd"}, "redis.ssl_cafile: /etc/passwd: unusable"),
        ({"PASSWORD": passwords.WRONG}, "Redis refuses us"),
        ({"USERNAME": ""}, "Redis refuses us"),
    ],
)
@pytest.mark.field(
    kind="connections",
    meets="a certificate of another name or CA, a file that is missing, a wrong login",
    happens="one line that names the setting, exit code 78",
)
def test_a_wrong_way_into_redis_is_named(
    wrong: dict[str, str], words: str, redis_tls: TlsStore, certificates: Certificates
) -> None:
    filled = {
        f"REDIS__{name}": text.format(port=redis_tls.port, wrong_ca=certificates.wrong_ca)
        for name, text in wrong.items()
    }
    errors = refusal("get ada", user_of(redis_tls, certificates) | filled)
    assert re.search(words, errors, re.DOTALL), errors


def test_redis_may_demand_a_certificate(certificates: Certificates) -> None:
    with tls_store(certificates, demands_certificate=True) as server:
        without = user_of(server, certificates)
        done = run_command(["get", "nobody"], **without | certificates.client_of("REDIS"))
        assert (done.code, done.errors) == (1, "no profile is stored for 'nobody'\n")
        refused = run_command(["get", "nobody"], **without)
        # The server hangs up; whether we read why before is a matter of luck.
        assert refused.code in {1, EXIT_CONFIG}
        assert "redis.ssl_certfile" in refused.errors
        locked = certificates.client_of("REDIS") | {"REDIS__SSL_KEY_PASSWORD": passwords.WRONG}
        errors = refusal("get nobody", without | locked)
        assert "redis.ssl_certfile, ssl_keyfile or ssl_key_password: unusable" in errors


@pytest.mark.parametrize("library", ADAPTERS)
@pytest.mark.parametrize("way", ["login", "certificate"])
def test_the_worker_runs_with_tls_everywhere(
    *,
    library: str,
    way: str,
    kafka_tls: SecureKafka,
    redis_tls: TlsStore,
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    settings = user_of(redis_tls, certificates) | login_to(kafka_tls, certificates)
    servers = kafka_tls.login_servers
    if way == "certificate":
        servers = kafka_tls.mutual_servers
        settings = user_of(redis_tls, certificates) | certificates.client_of("KAFKA")
        settings["KAFKA__SECURITY_PROTOCOL"] = "SSL"
    settings["KAFKA__CLIENT"] = library
    with secure_deployment(kafka_tls, redis_tls, tmp_path) as deployment:
        with deployment.start("run", "--bootstrap-servers", servers, **settings) as program:
            deployment.produce([Input(EVENT)])
            program.wait_for(deployment.is_done)
            program.stop()
        (record,) = deployment.read("persisted")
    assert json.loads(record.value or b"")["profile_visitor_first_page"] == "Home"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"SASL_PASSWORD": passwords.WRONG}, "refuses the login of 'worker' by SCRAM-SHA-512"),
        ({"SASL_USERNAME": "nobody"}, "refuses the login of 'nobody' by SCRAM-SHA-512"),
        ({"SASL_MECHANISM": "PLAIN"}, "refuses the login of 'worker' by PLAIN: it offers SCRAM"),
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
    kafka_tls: SecureKafka,
    redis_tls: TlsStore,
    certificates: Certificates,
) -> None:
    port = kafka_tls.login_servers.rpartition(":")[2]
    filled = {
        f"KAFKA__{name}": text.format(login_port=port, wrong_ca=certificates.wrong_ca)
        for name, text in wrong.items()
    }
    settings = user_of(redis_tls, certificates) | login_to(kafka_tls, certificates) | filled
    errors = refusal("topics create", settings)
    assert re.search(words, errors, re.DOTALL), errors


@pytest.mark.field(
    kind="addresses",
    meets="TLS is set, and the port speaks none",
    happens="it says so, and names `kafka.security_protocol`",
)
def test_a_port_with_another_protocol_is_named(
    kafka_tls: SecureKafka, certificates: Certificates
) -> None:
    settings = login_to(kafka_tls, certificates)
    settings["KAFKA__BOOTSTRAP_SERVERS"] = kafka_tls.bootstrap_servers
    done = run_command(["topics", "create"], **settings)
    assert done.code == 1
    assert "hangs up during the handshake" in done.errors
    assert "check the port and kafka.security_protocol (SASL_SSL)" in done.errors


def test_kafka_may_demand_a_certificate(kafka_tls: SecureKafka, certificates: Certificates) -> None:
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka_tls.mutual_servers,
        "KAFKA__SECURITY_PROTOCOL": "SSL",
        "KAFKA__SSL_CAFILE": certificates.ca,
    }
    assert "kafka.ssl_certfile" in refusal("topics create", settings)
