"""The deployment guide and its files: what they name exists, and programs take it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from calling import Caller
from gateway.proxies import PROXIES, Proxy, certificate

import zg_core as zg
from zg_plugins_builtin.gateway.database import _postgres
from zg_plugins_builtin.gateway.settings import read_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
GUIDE = (DEPLOY / "README.md").read_text()
UNITS = ("zg-serve.service", "zg-worker@.service")
SCRIPTS = ("zg-admin", "zg-backup", "zg-restore")
OTHERS = ("alerts.yml", "grafana.json")  # which the page on limits is about


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def directives(name: str) -> dict[str, list[str]]:
    """Return what stands in the section of a unit that is about its process."""
    found: dict[str, list[str]] = {}
    text = (DEPLOY / name).read_text()
    service = text.partition("[Service]\n")[2].partition("[Install]")[0]
    for line in service.splitlines():
        key, is_one, value = line.partition("=")
        if is_one and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


# -- The guide -------------------------------------------------------------------------


@pytest.mark.parametrize("text", blocks("toml"), ids=range(len(blocks("toml"))))
def test_every_setting_of_the_guide_exists(text: str, tmp_path: Path) -> None:
    (zg.data_dir()).mkdir(parents=True)
    (zg.data_dir() / "config.toml").write_text(text)
    section = tomllib.loads(text)["plugins"]["config"]["builtin"]["gateway"]

    assert zg.load_config().plugins_config["builtin"]["gateway"] == section
    assert read_settings(zg.Settings("builtin", section), tmp_path).http


def test_every_command_of_the_guide_exists(capfd: pytest.CaptureFixture[str]) -> None:
    call = Caller(capfd)
    quoted = re.findall(r"`zg-admin ([a-z][^`]*)`", GUIDE)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    typed = [line.split(" ", 1)[1] for line in lines if line.startswith("zg-admin ")]
    begun = [
        directives(unit)["ExecStart"][0].partition("/bin/zg ")[2] for unit in UNITS
    ]
    commands = {command.partition("#")[0].strip() for command in quoted + typed + begun}

    assert len(commands) > 5
    for command in sorted(commands):
        words = shlex.split(command)
        named = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
        told = call(*named, "--help").out
        assert f"zg {' '.join(named)}" in told, command
        for option in (word for word in words if word.startswith("--")):
            assert option in told, command


def test_every_variable_of_the_guide_is_read_somewhere() -> None:
    files = [*(DEPLOY / name for name in SCRIPTS), *ROOT.glob("zg_*/**/*.py")]
    code = "\n".join(path.read_text() for path in files)
    texts = [GUIDE, *(path.read_text() for path in DEPLOY.glob("*"))]
    named = {name for text in texts for name in re.findall(r"\bZG_[A-Z_]+", text)}

    assert {"ZG_GATEWAY_DATABASE", "ZG_OUT", "ZG_STATE"} <= named
    for name in named:
        known = re.sub(r"^ZG_OAUTH_[A-Z]+_SECRET$", "ZG_OAUTH_{", name)
        assert known in code, name


def test_every_file_is_in_the_guide_and_every_file_in_the_guide_is_there() -> None:
    there = {path.name for path in DEPLOY.iterdir()} - {"README.md"}
    installed = {
        word
        for block in blocks("sh")
        for line in block.splitlines()
        if line.startswith("install -m")
        for word in shlex.split(line)[3:-1]
    }

    assert installed <= there
    assert [name for name in sorted(there) if name not in GUIDE] == []


def test_the_sum_of_connections_is_that_of_the_code() -> None:
    assert f"{_postgres.CONNECTIONS} of the service" in GUIDE


# -- Units and scripts -----------------------------------------------------------------


def test_a_worker_may_do_no_more_than_the_service() -> None:
    serving, working = (directives(name) for name in UNITS)
    serving.pop("ExecStart")
    working.pop("ExecStart")

    assert serving == working
    assert serving["DynamicUser"] == serving["NoNewPrivileges"] == ["yes"]
    assert int(serving["TimeoutStopSec"][0]) >= 30  # it takes 20 itself


def test_the_operator_works_where_the_service_does() -> None:
    script = (DEPLOY / "zg-admin").read_text()
    given = directives(UNITS[0])
    same = ("DynamicUser", "User", "StateDirectory", "UMask", "EnvironmentFile")

    for line in (*given["Environment"][0].split(), *given["Environment"][1].split()):
        assert f"--setenv={line} " in script
    for name in (*same, "WorkingDirectory", "StateDirectoryMode"):
        assert f"--property={name}={given[name][0]} " in script, name


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed"
)
def test_systemd_takes_the_units_and_finds_them_safe(tmp_path: Path) -> None:
    paths = []
    for name in UNITS:
        text = (DEPLOY / name).read_text().replace("/opt/zerogravity/bin/zg", "/bin/sh")
        paths.append(tmp_path / name.replace("@", "@1"))
        paths[-1].write_text(text)
        security = ("systemd-analyze", "security", "--offline=true", "--threshold=20")
        found = subprocess.run(
            [*security, paths[-1]], capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stdout + found.stderr
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *paths],
        capture_output=True,
        text=True,
        check=False,
    )

    said = [x for x in verified.stderr.splitlines() if x.startswith("zg-")]
    assert (said, verified.returncode) == ([], 0), verified.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_those_of_any_shell(name: str) -> None:
    assert (DEPLOY / name).stat().st_mode & 0o111
    subprocess.run(["sh", "-n", DEPLOY / name], check=True)


# -- The proxies and the container -----------------------------------------------------


@pytest.mark.parametrize("proxy", PROXIES, ids=lambda proxy: proxy.name)
def test_the_proxy_takes_its_configuration(proxy: Proxy, tmp_path: Path) -> None:
    if not proxy.installed:
        pytest.skip(f"{proxy.name} is not installed")
    certificate(tmp_path)
    proxy.configure(tmp_path, 8443, 8000)
    tried = subprocess.run(
        proxy.check(tmp_path), env=proxy.environment(tmp_path), capture_output=True
    )

    assert tried.returncode == 0, tried.stderr.decode()


def test_the_container_has_what_the_package_is_made_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {
        "pyproject.toml",
        project["project"]["readme"],
        *project["project"]["license-files"],
        *wheel["packages"],
        *wheel["force-include"],
    }
    steps = [
        line.split(" ", 1)
        for line in (DEPLOY / "Containerfile").read_text().splitlines()
        if re.match(r"[A-Z]+ ", line)
    ]
    copied = {
        source
        for step, rest in steps
        if step == "COPY" and not rest.startswith("--")
        for source in rest.split()[:-1]
    }
    users = [rest for step, rest in steps if step == "USER"]
    extras = re.findall(r"/src\[([a-z,]+)\]", (DEPLOY / "Containerfile").read_text())

    assert needed <= copied
    assert all((ROOT / source).exists() for source in copied)
    assert users == ["10001:10001"]
    assert set(extras[0].split(",")) <= set(project["project"]["optional-dependencies"])
