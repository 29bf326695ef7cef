"""The script: may this user run it, is it loaded, and is it ours?"""

from collections.abc import Iterator

from profiler.ops.check.findings import Finding, Subject
from profiler.profiles.script import ProfileScript

_SCRIPT = Subject("script")


def check_script(script: ProfileScript, user: str, *, outputs: bool) -> Iterator[Finding]:
    """The rights, by calls that change nothing, and the script cache.

    Args:
        script: of the rules in use.
        user: what Redis calls us.
        outputs: whether the worker stores outputs.

    Raises:
        ProfilerError: the connection was lost.
    """
    rights = script.rights(outputs=outputs)
    key = script.rules.store.key
    if rights.missing:
        yield _SCRIPT.failed(
            "rights",
            f"user {user} lacks {' '.join(rights.missing)}; a script that is stopped in its middle"
            " leaves what it has written, e.g. a profile that never expires",
            f"as an administrator: ACL SETUSER {user} {' '.join(rights.missing)}",
        )
    else:
        yield _SCRIPT.ok("rights", f"user {user} may do all that a worker does, on keys {key}")
    version = f"{script.sha}, rules {script.rules.version}"
    if rights.is_loaded is None:
        yield _SCRIPT.unknown("loaded", f"{version}: EVALSHA is refused", "grant the rights first")
    elif rights.is_loaded:
        yield _SCRIPT.ok("loaded", version)
    elif "+script|load" in rights.missing:
        yield _SCRIPT.failed(
            "loaded",
            f"{version}: not loaded, and user {user} may not load it",
            f"ACL SETUSER {user} +script|load; a restart of the server forgets all scripts",
        )
    else:
        yield _SCRIPT.warning(
            "loaded",
            f"{version}: not loaded",
            "none needed: a worker loads it when it starts; now: profiler lua install",
        )
