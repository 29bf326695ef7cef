"""The Redis rights that `docs/operations.md` grants, and a user who has them."""

import re
from pathlib import Path

import redis

from servers import passwords
from servers.redis_secure import USER

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def documented_rights() -> list[str]:
    """The rights of the page's command: a key pattern and commands."""
    found = re.search(
        r"ACL SETUSER profiler on >secret (.*?)```", OPERATIONS.read_text("utf-8"), re.DOTALL
    )
    assert found is not None
    rights = found[1].split()
    assert [right for right in rights if right[0] not in "~+"] == [
        "resetkeys",
        "resetchannels",
        "-@all",
    ]
    return [right for right in rights if right[0] in "~+"]


def documented_arrival_rights() -> list[str]:
    """What the same page grants where the rules are of order arrival."""
    words = re.search(
        r"Rules of order arrival \(`article`\) need `(.*?)` on top", OPERATIONS.read_text("utf-8")
    )
    assert words is not None
    return [*documented_rights(), *words[1].split()]


def documented_cluster_rights() -> list[str]:
    """What the same page grants on top, on every node of a cluster."""
    found = re.search(r"ACL SETUSER profiler (\+cluster.*)", OPERATIONS.read_text("utf-8"))
    assert found is not None
    return found[1].split()


def make_user(admin: redis.Redis, rights: list[str]) -> None:
    """Make `USER`, who may do nothing but what `rights` says."""
    reset = ["reset", "on", f">{passwords.REDIS}", "resetkeys", "resetchannels", "-@all"]
    admin.execute_command("ACL", "SETUSER", USER, *reset, *rights)  # type: ignore[no-untyped-call]
