"""No secret is ever shown: by no command, log or traceback, and to nobody who lists processes.

Every secret, the right and the wrong ones, holds the word `passwords.CORE`, and comes in every way
that there is; the word may not be found in anything that the programs print.

Over 250 lines: each way a secret may be given, and each command that must not show one.
"""

import ssl
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from profiler.config import load_settings
from profiler.config.catalogue import catalogue, variable_of
from profiler.config.show import toml_value
from profiler.errors import ConfigError
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.script import ProfileScript
from profiler.rules.model import load_rules
from profiler.servers.ports import LOOPBACK, free_port
from servers import passwords
from servers.kafka_secure import SecureKafka
from servers.redis_secure import USER, TlsStore
from servers.redis_sentinel import SERVICE, Sentinel
from tests.integration.commands import Done, run_command
from tests.integration.pipeline_runs import Input
from tests.integration.programs import Program, clean_environment
from tests.integration.secure_runs import (
    EVENT,
    EXIT_CONFIG,
    Certificates,
    login_to,
    secure_deployment,
    tls_store,
    user_of,
)

SECRETS = {variable_of(each.path) for each in catalogue() if each.is_secret}
#: Only hex digits are one, so it does not have what the passwords have in common.
HASH_KEY = "5ec4e7" * 16
ROUTES = ("file", "environment", "secret files")


class Given(NamedTuple):
    """Settings of somebody who is let in by both servers, and how they are given.

    Attributes:
        route: one of `ROUTES`.
        directory: for the files.
        settings: named as in the environment, without the prefix.
    """

    route: str
    directory: Path
    settings: dict[str, str]

    def environment(self, **changes: str) -> dict[str, str]:
        """Write the files, with some settings changed; return what the environment says."""
        environment: dict[str, str] = {}
        toml: dict[str, list[str]] = {}
        for name, text in {**self.settings, **changes}.items():
            section, key = name.lower().split("__")
            if f"PROFILER_{name}" not in SECRETS or self.route == "environment":
                environment[f"PROFILER_{name}"] = text
            elif self.route == "file":
                toml.setdefault(section, []).append(f"{key} = {toml_value(text)}")
            else:
                path = self.directory / name
                path.write_text(f"{text}\n")
                environment[f"PROFILER_{name}_FILE"] = str(path)
        config = self.directory / "given.toml"
        config.write_text(
            "".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in toml.items())
        )
        return environment | {"PROFILER_CONFIG": str(config)}

    def run(self, *arguments: str, **changes: str) -> Done:
        """Run a command; nothing that it prints may show a secret."""
        environment = self.environment(**changes)
        named = {name.removeprefix("PROFILER_"): text for name, text in environment.items()}
        done = run_command(arguments, **named)
        for secret in (passwords.CORE, HASH_KEY):
            assert secret not in done.output + done.errors
        return done


@pytest.fixture(scope="module")
def sentinel(certificates: Certificates, redis_tls: TlsStore) -> Iterator[Sentinel]:
    authority = certificates.authority
    with Sentinel(redis_tls.port, authority=authority, password=passwords.SENTINEL) as server:
        yield server


@pytest.fixture(params=ROUTES)
def given(
    *,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    certificates: Certificates,
    redis_tls: TlsStore,
    sentinel: Sentinel,
    kafka_tls: SecureKafka,
) -> Given:
    keys = certificates.client_of("KAFKA") | certificates.client_of("REDIS")
    served = certificates.client_of("SERVE")
    del served["SERVE__SSL_CAFILE"]  # callers show a token, and no certificate
    users = user_of(redis_tls, certificates) | login_to(kafka_tls, certificates)
    users["REDIS__URL"] = f"rediss+sentinel://{LOOPBACK}:{sentinel.port}/{SERVICE}/0"
    users["REDIS__SENTINEL_PASSWORD"] = passwords.SENTINEL
    users["PRIVACY__HASH_KEY"] = HASH_KEY
    users["SERVE__TOKEN"] = passwords.TOKEN
    return Given(request.param, tmp_path, keys | users | served)


def test_every_secret_is_given(given: Given) -> None:
    assert {f"PROFILER_{name}" for name in given.settings} >= SECRETS
    hiding = [name for name, text in given.settings.items() if passwords.CORE in text]
    assert {f"PROFILER_{name}" for name in hiding} == SECRETS - {
        *("PROFILER_REDIS__URL", "PROFILER_PRIVACY__HASH_KEY")
    }


def test_no_command_shows_secrets(given: Given) -> None:
    shown = given.run("config", "show")
    assert (shown.code, shown.errors) == (0, "")
    assert shown.output.count("**********") == len(SECRETS) - 1
    assert given.run("get", "nobody").code == 1
    assert given.run("topics", "create").code == 0
    in_url = given.settings["REDIS__URL"].replace(
        "//", f"//{USER}:{quote(passwords.REDIS, safe='')}@"
    )
    moved = {"REDIS__URL": in_url, "REDIS__USERNAME": "", "REDIS__PASSWORD": ""}
    if given.route == "environment":
        assert given.run("get", "nobody", **moved).code == 1
        assert f"//{USER}:**********@" in given.run("config", "show", **moved).output


def test_no_refusal_shows_secrets(given: Given) -> None:
    assert given.run("get", "ada", REDIS__PASSWORD=passwords.WRONG).code == EXIT_CONFIG
    assert given.run("get", "ada", REDIS__SENTINEL_PASSWORD=passwords.WRONG).code == EXIT_CONFIG
    assert given.run("get", "ada", REDIS__SSL_KEY_PASSWORD=passwords.WRONG).code == EXIT_CONFIG
    kafka = given.run("topics", "create", KAFKA__SASL_PASSWORD=passwords.WRONG)
    assert kafka.code == EXIT_CONFIG
    assert "refuses the login" in kafka.errors
    away = f"rediss+sentinel://{LOOPBACK}:{free_port()}/{SERVICE}"
    unreadable = f"redis://:{passwords.WRONG}/@{LOOPBACK}:x/0"
    assert given.run("get", "ada", REDIS__URL=away).code == 1
    assert given.run("get", "ada", REDIS__URL=unreadable).code == EXIT_CONFIG
    both = f"rediss+sentinel://:{passwords.WRONG}@{LOOPBACK}/{SERVICE}"
    assert "url holds one too" in given.run("get", "ada", REDIS__URL=both).errors


def test_no_traceback_shows_secrets(given: Given) -> None:
    environment = clean_environment(given.environment())
    with Path("/dev/full").open("wb") as full:
        crashed = subprocess.run(
            [sys.executable, "-m", "profiler", "config", "show"],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
        )
    assert "Traceback" in crashed.stderr
    assert passwords.CORE not in crashed.stderr


@pytest.mark.parametrize("given", ["secret files"], indirect=True)
def test_no_log_shows_secrets(
    given: Given, certificates: Certificates, kafka_tls: SecureKafka, tmp_path: Path
) -> None:
    with (
        tls_store(certificates) as store,
        secure_deployment(kafka_tls, store, tmp_path) as deployment,
    ):
        # A fork would show the command line of the process that it was forked from.
        deployment.program = (sys.executable, "-m", "profiler")
        alone = {name: text for name, text in given.settings.items() if "SENTINEL" not in name}
        settings = given._replace(settings=alone).environment(REDIS__URL=store.url)
        named = {name.removeprefix("PROFILER_"): text for name, text in settings.items()}
        named |= {} if "REDIS__URL" in named else {"REDIS__URL": ""}
        flags = ("--bootstrap-servers", kafka_tls.login_servers, "--log-level", "debug")
        with deployment.start("run", *flags, **named) as program:
            deployment.produce([Input(EVENT)])
            program.wait_for(deployment.is_done)
            assert shown_by_ps(program).startswith(f"{sys.executable} -m profiler run ")
            assert passwords.CORE not in shown_by_ps(program)
            store.stop()
            deployment.produce([Input(EVENT)])
            program.wait_for(lambda: len(program.events("redis is unwell, trying again")) > 1)
            store.start()
            # It has forgotten its users.
            assert program.wait() == EXIT_CONFIG
            assert "Redis refuses us" in program.output
        assert passwords.CORE not in program.output


@pytest.mark.parametrize("given", ["secret files"], indirect=True)
def test_the_service_shows_no_secrets(given: Given, tmp_path: Path) -> None:
    port = free_port()
    settings = given.environment(SERVE__HOST=LOOPBACK, SERVE__PORT=str(port))
    with Program(("serve",), settings, tmp_path) as program:
        program.wait_for(lambda: bool(program.events("serving")))
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for token, status in ((passwords.TOKEN, 200), (passwords.CORE * 4, 401)):
            connection = HTTPSConnection(LOOPBACK, port, context=context, timeout=30)
            headers = {"Authorization": f"Bearer {token}"}
            connection.request("GET", f"/v1/openapi.json?token={token}", headers=headers)
            with closing(connection), connection.getresponse() as answer:
                assert answer.status == status
                assert passwords.CORE not in answer.read().decode()
        assert passwords.CORE not in shown_by_ps(program)
    assert passwords.CORE not in program.output


def shown_by_ps(program: Program) -> str:
    return Path(f"/proc/{program.pid}/cmdline").read_text().replace("\0", " ")


@pytest.mark.parametrize(
    ("command", "url"),
    [
        ("run", f"redis://:{passwords.WRONG}@h"),
        ("pipe", f"redis://h?password={passwords.WRONG}"),
        ("get ada", f"redis://:{passwords.WRONG}/@h"),
        ("config show", f"rediss://me:{passwords.WRONG}@h"),
    ],
)
def test_a_password_in_a_flag_is_refused(command: str, url: str) -> None:
    done = run_command([*command.split(), "--redis", url])
    assert (done.code, done.output) == (2, "")
    assert "PROFILER_REDIS__PASSWORD_FILE" in done.errors
    assert passwords.CORE not in done.errors


def test_no_object_shows_secrets(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in given.environment().items():
        monkeypatch.setenv(name, text)
    settings = load_settings()
    assert settings.redis.password == SecretStr(passwords.REDIS)
    client = connect_to(settings.redis)
    shown = [repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()]
    shown += map(repr, (settings.kafka, settings.redis, client, client.connection_pool))
    client.close()
    assert [text for text in shown if passwords.CORE in text] == []


@pytest.mark.parametrize("given", ["environment"], indirect=True)
@pytest.mark.parametrize(
    "changes",
    [
        {"REDIS__PASSWORD": passwords.WRONG},
        {"REDIS__URL": f"http://:{passwords.WRONG}@h"},
        {"REDIS__URL": f"rediss://:{passwords.WRONG}/@h:x"},
        {"REDIS__SENTINEL_PASSWORD": passwords.WRONG},
        {"REDIS__SSL_KEY_PASSWORD": passwords.WRONG},
        {"REDIS_PASSWORD": passwords.WRONG},
        {"KAFKA__SECURITY_PROTOCOL": passwords.WRONG},
    ],
)
def test_no_exception_shows_secrets(
    changes: Mapping[str, str], given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its text, nor those that led to it."""
    for name, text in given.environment().items():
        monkeypatch.setenv(name, text)
    for name, text in changes.items():
        monkeypatch.setenv(f"PROFILER_{name}", text)
    with pytest.raises(ConfigError) as caught:
        ProfileScript(connect_to(load_settings().redis), load_rules("lean")).read("ada")
    told = "".join(traceback.format_exception(caught.value))
    assert passwords.CORE not in told
