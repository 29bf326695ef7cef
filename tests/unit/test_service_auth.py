"""Tokens and sessions, by a clock of the test's own."""

from pydantic import SecretStr

from profiler.service.api.auth import SESSION_S, Authenticator

TOKEN, OTHER = SecretStr("a" * 32), SecretStr("b" * 32)


def test_a_session_ends() -> None:
    now = 1_000.0
    authenticator = Authenticator(TOKEN, lambda: now)
    session = authenticator.session()
    now += SESSION_S - 1
    assert authenticator.is_session(session)
    now += 1
    assert not authenticator.is_session(session)


def test_all_processes_with_the_token_know_a_session_and_none_without_it() -> None:
    session = Authenticator(TOKEN).session()
    assert Authenticator(TOKEN).is_session(session)
    assert not Authenticator(OTHER).is_session(session)
    assert not Authenticator(None).is_session(session)


def test_without_a_token_no_text_is_one() -> None:
    authenticator = Authenticator(None)
    assert not authenticator.is_token("")
    assert not authenticator.is_session(authenticator.session())
    assert Authenticator(TOKEN).is_token("a" * 32)
    assert not Authenticator(TOKEN).is_token("a" * 31)
