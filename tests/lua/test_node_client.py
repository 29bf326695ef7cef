"""The caller in Node.js, proven by the conformance vectors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from tests.servers import give_up

if TYPE_CHECKING:
    from tests.conftest import MakeStore
    from tests.servers.redis import Store

CLIENT = Path(__file__).parent.parent.parent / "clients" / "node"
PATIENCE_S = 120


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node.js; the client's modules are installed."""
    path, npm = shutil.which("node"), shutil.which("npm")
    if path is None or npm is None:
        give_up("Node.js client", ["install Node.js >= 20 with npm (Debian: apt-get install npm)"])
    if not is_installed():
        command = [npm, "install", "--prefix", str(CLIENT), "--no-package-lock"]
        quiet = ["--no-audit", "--no-fund", "--silent"]
        installed = subprocess.run([*command, *quiet], capture_output=True, text=True, check=False)
        if installed.returncode != 0 or not is_installed():
            give_up("Node.js client", [f"run `npm install` in clients/node: {installed.stderr}"])
    return path


def is_installed() -> bool:
    pinned = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    module = CLIENT / "node_modules" / "ioredis" / "package.json"
    if not module.is_file():
        return False
    return bool(json.loads(module.read_text(encoding="utf-8"))["version"] == pinned["ioredis"])


def run_vectors(node: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [node, str(CLIENT / "run-vectors.mjs")],
        env={**os.environ, "REDIS_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_all_vectors_hold(node: str, store: Store) -> None:
    done = run_vectors(node, store.url)
    assert done.returncode == 0, done.stdout + done.stderr
    plan, *results = done.stdout.splitlines()[1:]
    assert plan == f"1..{len(results)}"
    assert all(line.startswith("ok ") for line in results)


def test_script_is_loaded_where_the_server_does_not_know_it(
    node: str, private_store: MakeStore
) -> None:
    server = private_store()
    done = run_vectors(node, server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    client = redis.Redis.from_url(server.url)
    try:
        # Once for each preset, and never again.
        assert client.info("errorstats")["errorstat_NOSCRIPT"] == {"count": 2}
    finally:
        client.close()


def test_unreachable_server_is_no_success(node: str, private_store: MakeStore) -> None:
    server = private_store()
    server.stop()
    done = run_vectors(node, server.url)
    assert done.returncode == 2
    assert "ECONNREFUSED" in done.stderr
