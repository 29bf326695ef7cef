"""`profiler serve`, put together: settings in, a service until it is asked to end."""

import contextlib
from collections.abc import Callable

from profiler import __version__
from profiler.config.settings import Settings
from profiler.engine import choose_engine
from profiler.profiles.keyed_hash import StoredIds
from profiler.profiles.reading import ProfileReader
from profiler.profiles.redis.connections import target_of
from profiler.profiles.script import ProfileScript
from profiler.rules.model import Rules
from profiler.service import metrics
from profiler.service.api.app import Page, create_app
from profiler.service.api.auth import Authenticator
from profiler.service.api.backend import Backend, Forgetter
from profiler.service.api.server import address_of, listen, run
from profiler.service.api.stats import Stats
from profiler.service.http import served
from profiler.service.store import Store
from profiler.service.store_pages import StorePages


def backend_of(
    settings: Settings, rules: Rules, stored: StoredIds, script: Callable[[], ProfileScript]
) -> Backend:
    """What the handlers work with; connects to nothing yet.

    Args:
        settings: those in effect.
        rules: whose profiles are read.
        stored: which id Redis has for a visitor's.
        script: makes one with connections of its own, at each call.

    Raises:
        ConfigError: wrong address, or a file of the TLS settings cannot be read.
    """
    store = Store([*metrics.OF_SERVE, metrics.INFO])
    engine = choose_engine(settings.engine).name
    store.set(metrics.INFO, 1, __version__, "serve", settings.delivery, engine)
    return Backend(
        settings=settings,
        rules=rules,
        reader=ProfileReader(
            target_of(settings.redis),
            rules,
            stored=stored,
            replicas=settings.serve.read_from == "replica",
        ),
        forgetter=Forgetter(script()),
        authenticator=Authenticator(settings.serve.token),
        stats=Stats(settings, rules, script(), engine=engine),
        store=store,
    )


def serve(backend: Backend, page: Page, tell: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        backend: from `backend_of`.
        page: further routes.
        tell: called with the address, once connections are taken.

    Raises:
        ConfigError: nobody can listen there, or the certificate cannot be used.
    """
    settings = backend.settings.serve
    listening = listen(settings)
    with contextlib.ExitStack() as stack:
        stack.enter_context(listening)
        if at := backend.settings.metrics.address:
            stack.enter_context(served(at, StorePages(backend.store, of_process=True)))
        tell(address_of(listening, settings))
        run(create_app(backend, page), settings, listening, backend.stopping.set)
