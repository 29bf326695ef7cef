"""Images under the names of the published ones, made of Debian packages. They are not those.

No registry is asked. `debootstrap` makes one base of Debian bookworm, which is kept in the user's
cache. Each folder here has the Dockerfile of a stand-in on that base.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from profiler.servers.embedded import valkey_binary
from servers import MissingServerError
from servers.cache import cache_folder
from servers.kafka import IMAGE
from servers.kafka_jars import resolve_jars
from servers.redis import IMAGES
from tests.packaging.image import stages

if TYPE_CHECKING:
    from tests.containers.engine import Engine

FOLDER = Path(__file__).parent
SUITE = "bookworm"
# debootstrap does not find out which package provides the virtual one that the second needs.
PACKAGES = (
    "python3-distutils",
    "python3.11-venv",
    "openjdk-17-jre-headless",
    "redis-server",
    "systemd",
)
BASE = "visitor-profiler-stand-in"
# Of a machine's pip: how it reaches its index, and nothing about its folders.
PIP_OPTIONS = ("index-url", "extra-index-url", "proxy", "trusted-host", "timeout")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def import_stand_ins(engine: Engine) -> None:
    """Give the engine an image of each name that Dockerfile, compose file and `servers` use.

    Raises:
        MissingServerError: something that they are made of cannot be had.
    """
    [python] = {stage.base for stage in stages()}
    jars = resolve_jars()
    engine.docker("import", _base(), BASE)
    with tempfile.TemporaryDirectory() as temporary:
        contexts = Path(temporary) / "contexts"
        shutil.copytree(FOLDER, contexts)
        shutil.copytree(jars, contexts / "kafka" / "jars", ignore=shutil.ignore_patterns("*.jsa"))
        shutil.copy(valkey_binary(), contexts / "valkey" / "valkey-server")
        shutil.copy(AUTHORITIES, contexts / "python" / "authorities.crt")
        (contexts / "python" / "pip.conf").write_text(_pip_settings())
        build = ("build", "--quiet", "--tag")
        engine.docker(*build, python, contexts / "python")
        engine.docker(*build, IMAGE, contexts / "kafka")
        engine.docker(*build, IMAGES["redis7"], contexts / "redis")
        redis = f"REDIS={IMAGES['redis7']}"
        engine.docker(*build, IMAGES["valkey9"], "--build-arg", redis, contexts / "valkey")


def _base() -> Path:
    """The archive of the base's files, from the cache or made now."""
    digest = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:12]
    archive = cache_folder() / f"{SUITE}-{digest}.tar"
    if archive.exists():
        return archive
    if shutil.which("debootstrap") is None:
        raise MissingServerError("install debootstrap (Debian: apt-get install debootstrap)")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as temporary:
        root, unfinished = Path(temporary) / "root", Path(temporary) / "archive"
        # Whatever it leaves mounted or running ends with its namespaces.
        alone = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        include = f"--include={','.join(PACKAGES)}"
        _run(*alone, "debootstrap", "--variant=minbase", include, SUITE, str(root), *_mirror())
        _run("tar", "--directory", str(root), "--create", "--file", str(unfinished), ".")
        unfinished.rename(archive)
    return archive


def _mirror() -> list[str]:
    """Where this machine's apt finds the suite, if it does."""
    asked = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    found = subprocess.run(
        [*asked, f"Codename: {SUITE}"], capture_output=True, text=True, check=False
    )
    return found.stdout.split()[:1]


def _pip_settings() -> str:
    """What the stand-in's pip reads; it is in no cache, as an address may hold a password."""
    listed = _run(sys.executable, "-m", "pip", "config", "list")
    found = dict(re.findall(r"^\S+?\.([\w-]+)='(.*)'$", listed, flags=re.MULTILINE))
    lines = [f"{name} = {found[name]}\n" for name in PIP_OPTIONS if name in found]
    return "".join(("[global]\n", f"cert = {AUTHORITIES}\n", *lines))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise MissingServerError(f"let {command[0]} succeed; it said:\n{tail}")
    return done.stdout
