"""Certificates of a CA of our own, made by the `openssl` command."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from profiler.servers.ports import LOOPBACK
from profiler.servers.processes import ServerStartError
from servers.sources import MissingServerError

if TYPE_CHECKING:
    from pathlib import Path


class Authority:
    """A CA with a directory: `<name>.pem` holds a certificate, `<name>.key` its key (PKCS #8)."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        """Make the CA.

        Raises:
            MissingServerError: there is no `openssl`.
            ServerStartError: `openssl` failed; with what it said.
        """
        if shutil.which("openssl") is None:
            raise MissingServerError("install openssl (Debian: apt-get install openssl)")
        self._directory, self._name = directory, name
        self.certificate = directory / f"{name}.pem"
        self._openssl("req", "-x509", *self._new_key(name), "-out", str(self.certificate))

    def issue(self, name: str, *, password: str = "") -> tuple[Path, Path]:
        """Issue a certificate for the loopback address.

        Args:
            name: of the files and of its owner.
            password: encrypts the key.

        Returns:
            The files of certificate and key.
        """
        certificate, key = (self._directory / f"{name}.{end}" for end in ("pem", "key"))
        authority = ["-CA", str(self.certificate), "-CAkey", str(self._key(self._name))]
        address = [
            "-addext",
            f"subjectAltName=IP:{LOOPBACK}",
            "-addext",
            "basicConstraints=CA:FALSE",
        ]
        made = [*self._new_key(name), "-out", str(certificate)]
        self._openssl("req", "-x509", *authority, *address, *made)
        if password:
            protected = ["-topk8", "-passout", f"pass:{password}", "-out", f"{key}.protected"]
            self._openssl("pkcs8", *protected, "-in", str(key))
            key.with_name(f"{key.name}.protected").replace(key)
        return certificate, key

    def _key(self, name: str) -> Path:
        return self._directory / f"{name}.key"

    def _new_key(self, name: str) -> list[str]:
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        return [*kind, "-days", "2", "-subj", f"/CN={name}", "-keyout", str(self._key(name))]

    @staticmethod
    def _openssl(*arguments: str) -> None:
        ran = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise ServerStartError(f"openssl {arguments[0]} failed:\n{ran.stderr}")
