"""The addresses of brokers: what can never work is refused before anything connects."""

import pytest

from profiler.config import load_settings
from profiler.config.kafka_addresses import servers_of
from profiler.kafka import client_options
from profiler.kafka.librdkafka import client as librdkafka
from tests.integration.commands import run_command
from tests.unit.config_cases import refusal

pytestmark = pytest.mark.usefixtures("elsewhere")

NO_PORT = "is no port; a port is a number from 1 to 65535"


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("kafka:9092", [("kafka", 9092)]),
        ("kafka", [("kafka", 9092)]),
        ("a:1, b:65535 ,c", [("a", 1), ("b", 65535), ("c", 9092)]),
        ("broker_1.my-net:19092", [("broker_1.my-net", 19092)]),
        ("kafka.example.:9092", [("kafka.example.", 9092)]),
        ("10.0.0.3:9092", [("10.0.0.3", 9092)]),
        ("[::1]:9093", [("::1", 9093)]),
        ("[fe80::1]", [("fe80::1", 9092)]),
        ("1and1.example:9092", [("1and1.example", 9092)]),
    ],
)
@pytest.mark.field(
    kind="addresses",
    meets="a server without a port",
    happens="port 9092, with both client libraries",
)
def test_both_clients_are_given_the_same(text: str, servers: list[tuple[str, int]]) -> None:
    assert servers_of(text) == servers
    settings = load_settings(None, {"kafka": {"bootstrap_servers": text}}).kafka
    assert settings.bootstrap_servers == text
    given = client_options.connection_options(settings)["bootstrap_servers"]
    assert librdkafka.connection_options(settings)["bootstrap.servers"] == ",".join(given)
    assert servers_of(",".join(given)) == servers


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kafka:port", f"'kafka:port': 'port' {NO_PORT}"),
        ("kafka:0", f"'kafka:0': '0' {NO_PORT}"),
        ("kafka:99999", f"'kafka:99999': '99999' {NO_PORT}"),
        ("kafka:-1", f"'kafka:-1': '-1' {NO_PORT}"),
        ("kafka:", f"'kafka:': '' {NO_PORT}"),
        ("kafka:9_092", f"'kafka:9_092': '9_092' {NO_PORT}"),
        ("kafka:٩", f"'kafka:٩': '٩' {NO_PORT}"),
        (
            "http://kafka:9092",
            "'http://kafka:9092': write host:port; how to speak is kafka.security_protocol",
        ),
        (
            "SASL_SSL://kafka:9092",
            "'SASL_SSL://kafka:9092': write host:port; how to speak is kafka.security_protocol",
        ),
        ("a:9092,", "a comma has no host before or behind it"),
        (",a:9092,,b", "a comma has no host before or behind it"),
        (" ", "a comma has no host before or behind it"),
        ("a:9092 b:9092", "'a:9092 b:9092': has a blank in it; write a comma between two servers"),
        ("a:9092\nb", r"'a:9092\nb': has a blank in it; write a comma between two servers"),
        ("a:9092;b", "'a:9092;b': is no host:port; write several with commas between them"),
        ("kafka:9092/topic", "'kafka:9092/topic': is no host:port; write several with commas"),
        ("::1", "'::1': an IPv6 address needs brackets, [::1]:9092"),
        ("2001:db8::7:9092", "'2001:db8::7:9092': an IPv6 address needs brackets, [::1]:9092"),
        ("a:9092:9093", "'a:9092:9093': no host:port"),
        ("[::1]9092", "'[::1]9092': a bracket is out of place; write [::1]:9092"),
        ("[kafka]:9092", "'[kafka]:9092': between the brackets is no IPv6 address"),
        ("[::1", "'[::1': a bracket is out of place; write [::1]:9092"),
        (":9092", "':9092': has no host before the colon"),
        ("kafka..example:9092", "'kafka..example:9092': 'kafka..example' is no host name"),
        (f"{'x' * 64}:1", f"'{'x' * 64}:1': '{'x' * 64}' is no host name"),
        ("bücher.example", "'bücher.example': 'bücher.example' is no host name"),
        ("10.0.0.300:9092", "'10.0.0.300:9092': '10.0.0.300' is neither an IPv4 address"),
        ("kafka,9092", "'9092': '9092' is neither an IPv4 address nor a host name"),
    ],
)
@pytest.mark.field(
    kind="addresses",
    meets="a port that is none, a scheme, a blank or comma too many, IPv6 without brackets",
    happens="one line that names the entry, exit code 78",
)
def test_what_can_never_work_is_named(text: str, problem: str) -> None:
    said = refusal(None, {"kafka": {"bootstrap_servers": text}})
    assert said.startswith("kafka.bootstrap_servers (--bootstrap-servers): ")
    assert said.partition("): ")[2].startswith(problem)
    assert "\n" not in said


def test_each_wrong_entry_has_a_line() -> None:
    said = refusal(None, {"kafka": {"bootstrap_servers": "a:x,b:1,c:y"}}).splitlines()
    assert [line.partition("): ")[2].partition(":")[0] for line in said] == ["'a", "'c"]


@pytest.mark.field(
    kind="addresses",
    meets="a login in an address",
    happens="refused; the message does not repeat it",
)
def test_a_login_is_not_repeated() -> None:
    said = refusal(None, {"kafka": {"bootstrap_servers": "me:hidden@kafka:9092"}})
    assert said.endswith("a login is kafka.sasl_username and sasl_password")
    assert "hidden" not in said


@pytest.mark.parametrize(
    "command",
    [["run"], ["flatten"], ["profile"], ["topics", "create"], ["check"], ["config", "show"]],
    ids=" ".join,
)
def test_every_command_refuses_it(command: list[str]) -> None:
    done = run_command([*command, "--bootstrap-servers", "kafka:port"])
    assert done.code == 78
    said = " ".join((done.output + done.errors).split())
    assert f"kafka.bootstrap_servers (--bootstrap-servers): 'kafka:port': 'port' {NO_PORT}" in said
