"""A Redis and a Kafka that let only some in, and the settings of who is let in."""

import json
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import redis

from servers import MissingServerError, passwords
from servers.certificates import Authority
from servers.kafka import Kafka, admin_client
from servers.kafka_secure import MECHANISM, SecureKafka
from servers.kafka_secure import USER as KAFKA_USER
from servers.redis_secure import USER, TlsStore
from tests.integration.documented_rights import documented_rights, make_user
from tests.integration.pipeline_runs import Deployment
from tests.missing import give_up

EXIT_CONFIG = 78
_EVENT = {
    "query": [
        {"name": "other_domain_userid", "value": "ada"},
        {"name": "other_domain_sessionid", "value": "one"},
        {"name": "other_eventtype", "value": "Pageview"},
        {"name": "other_page_title", "value": "Home"},
    ]
}
#: A page view of the visitor `ada`.
EVENT = json.dumps(_EVENT).encode()


class Certificates:
    """A CA, one that nobody trusts, and a client's certificate."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory)
        self.ca = str(self.authority.certificate)
        self.wrong_ca = str(Authority(directory, "wrong").certificate)
        certificate, key = self.authority.issue("client", password=passwords.KEY)
        self.client = {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}

    def client_of(self, section: str) -> dict[str, str]:
        """Settings with the client's certificate."""
        named = {**self.client, "ssl_cafile": self.ca, "ssl_key_password": passwords.KEY}
        return {f"{section}__{name}".upper(): text for name, text in named.items()}


def make_certificates(directory: Path) -> Certificates:
    """Make them, or skip the test where nothing can."""
    try:
        return Certificates(directory)
    except MissingServerError as missing:
        give_up("certificates", [str(missing)])


def tls_store(certificates: Certificates, *, demands_certificate: bool = False) -> TlsStore:
    """Start a Redis with TLS, and make the documented user."""
    try:
        server = TlsStore(certificates.authority, demands_certificate=demands_certificate)
    except MissingServerError as missing:
        give_up("redis7 with TLS", [str(missing)])
    server.start()
    with closing(redis.Redis.from_url(server.trusting_url)) as admin:
        make_user(admin, documented_rights())
    return server


def secure_kafka(certificates: Certificates) -> SecureKafka:
    """Describe a Kafka with TLS and logins."""
    try:
        return SecureKafka(certificates.authority)
    except MissingServerError as missing:
        give_up("Kafka with TLS", [str(missing)])


@contextmanager
def secure_deployment(kafka: SecureKafka, store: TlsStore, directory: Path) -> Iterator[Deployment]:
    """Topics and keys of a test's own; the test itself comes in by the plain listener."""
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
            directory=directory,
            partitions=1,
        )


def user_of(store: TlsStore, certificates: Certificates) -> dict[str, str]:
    """Settings of the documented user."""
    return {
        "REDIS__URL": store.url,
        "REDIS__USERNAME": USER,
        "REDIS__PASSWORD": passwords.REDIS,
        "REDIS__SSL_CAFILE": certificates.ca,
    }


def login_to(kafka: SecureKafka, certificates: Certificates) -> dict[str, str]:
    """Settings of Kafka's user."""
    return {
        "KAFKA__BOOTSTRAP_SERVERS": kafka.login_servers,
        "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA__SASL_MECHANISM": MECHANISM,
        "KAFKA__SASL_USERNAME": KAFKA_USER,
        "KAFKA__SASL_PASSWORD": passwords.KAFKA,
        "KAFKA__SSL_CAFILE": certificates.ca,
    }
