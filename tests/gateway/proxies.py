"""The proxies of the deployment guide, as they stand there, at ports of the test's."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

__all__ = ["NAME", "PROXIES", "Proxy", "certificate", "free_port"]

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
NAME = "zg.example.com"
_NGINX = """
{user}
daemon off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""
_CADDY = "{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}"


def free_port() -> int:
    """Return a port of this machine on which nobody listens now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def certificate(folder: Path) -> Path:
    """Make a certificate for the name, and return who vouches for it."""
    authority = trustme.CA()
    made = authority.issue_cert(NAME)
    made.private_key_pem.write_to_path(folder / "privkey.pem")
    for number, part in enumerate(made.cert_chain_pems):
        part.write_to_path(folder / "fullchain.pem", append=number > 0)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return folder / "ca.pem"


@dataclass(frozen=True)
class Proxy:
    """A program that stands before the service.

    Attributes:
        name: What it is called.
        file: Its configuration in the guide.
    """

    name: str
    file: str

    @property
    def program(self) -> str | None:
        """Where it is; `None` if it is not installed."""
        return shutil.which(self.name) or shutil.which(f"/usr/sbin/{self.name}")

    @property
    def installed(self) -> bool:
        return self.program is not None

    def configure(self, folder: Path, port: int, service: int) -> None:
        """Write its configuration: the guide's, with other paths and ports."""
        site = (DEPLOY / self.file).read_text()
        for old, new in self._changes(folder, port, service).items():
            assert old in site, f"{old!r} is not in {self.file}"
            site = site.replace(old, new)
        if self.name == "nginx":
            (folder / "site.conf").write_text(site)
            # Where we are root its workers are somebody else, who sees no such folder.
            user = "user root;" if os.geteuid() == 0 else ""
            made = _NGINX.format(folder=folder, user=user)
            (folder / "nginx.conf").write_text(made)
        else:
            (folder / "Caddyfile").write_text(_CADDY.format(site=site))

    def check(self, folder: Path) -> list[str]:
        """Return the command that looks at its configuration."""
        assert self.program is not None
        if self.name == "nginx":
            return [self.program, "-t", "-p", str(folder), "-c", "nginx.conf"]
        file = str(folder / "Caddyfile")
        return [self.program, "validate", "--adapter", "caddyfile", "--config", file]

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the environment, in which its data are in the folder too."""
        return {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}

    @contextmanager
    def running(self, folder: Path, port: int) -> Iterator[None]:
        """Have it run, and wait until it listens."""
        command = [word for word in self.check(folder) if word != "-t"]
        command = ["run" if word == "validate" else word for word in command]
        log = (folder / "log").open("wb")
        process = subprocess.Popen(
            command, env=self.environment(folder), stdout=log, stderr=log
        )
        try:
            _wait_for(port, process)
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)
            log.close()

    def _changes(self, folder: Path, port: int, service: int) -> dict[str, str]:
        here = {"127.0.0.1:8000": f"127.0.0.1:{service}"}
        if self.name == "caddy":
            files = f"{folder}/fullchain.pem {folder}/privkey.pem"
            site = f"\nhttps://{NAME}:{port} {{\n\ttls {files}\n"
            return {f"\n{NAME} {{\n": site, **here}
        return {
            **here,
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "    listen [::]:80;\n": "",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "    listen [::]:443 ssl http2;\n": "",
            f"/etc/ssl/{NAME}": str(folder),
            "/var/log/nginx": str(folder),
        }


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("it does not listen")


PROXIES = (Proxy("nginx", "nginx.conf"), Proxy("caddy", "Caddyfile"))
