"""`zg run --metrics-port`: numbers can be fetched while a run lasts."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from builtin.gated import gated
from calling import Caller

from zg_core.config import user_file

RUN = ("run", "x", "--agent", "gate", "--metrics-port")


def test_it_is_served_while_the_run_lasts_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = gated(tmp_path, monkeypatch)
    with subprocess.Popen(
        [sys.executable, "-m", "zg_core.cli", *RUN, "0"],
        env={**os.environ, "PYTHONPATH": str(site.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        said = process.stderr.readline()
        found = re.fullmatch(r"metrics on (http://127\.0\.0\.1:\d+/metrics)\n", said)
        assert found, said
        line = ""
        while "begins" not in line:
            line = process.stdout.readline()
        text = ""
        while 'runs_started_total{workflow="solo"} 1.0' not in text:
            text = urllib.request.urlopen(found[1]).read().decode()
        Path("go").touch()
        out, err = process.communicate(timeout=30)

    assert "zerogravity_runs_under_way 1.0" in text
    assert (process.returncode, err) == (0, "")
    assert "let go" in out
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(found[1])


SERVING = """
import zg_core.plugin_api as zg


class Serving:
    def export(self, events): ...
    def flush(self, seconds): ...
    def close(self): ...
    def serve(self, port, address="127.0.0.1"):
        return 4321


@zg.hookimpl
def zg_register_exporters():
    return [zg.ExporterSpec(name="numbers", factory=Serving)]
"""


def test_it_is_served_by_the_exporter_of_a_plugin_that_is_enabled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = gated(tmp_path, monkeypatch)
    site.install("zg-numbers", SERVING)
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text('[exporters]\nenabled = ["numbers"]\n')

    Path("go").touch()

    done = subprocess.run(
        [sys.executable, "-m", "zg_core.cli", *RUN, "0"],
        env={**os.environ, "PYTHONPATH": str(site.folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stderr == "metrics on http://127.0.0.1:4321/metrics\n"


def test_a_port_that_is_taken_is_said_before_there_is_a_run(zg: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        called = zg(*RUN[:2], "--model", "openai:m", "--metrics-port", port, "--json")

    assert called.code == 3
    assert f"port {port}: Address already in use" in called.document["error"]["cause"]
    assert zg("runs", "--json").document == []


def test_a_port_that_cannot_be_is_not_understood(zg: Caller) -> None:
    assert zg(*RUN, "70000").code == 2


def test_it_is_not_for_a_run_that_is_done_elsewhere(zg: Caller) -> None:
    called = zg(*RUN, "0", "--runtime", "detached")

    assert called.code == 2
    assert "--metrics-port goes without --runtime" in called.err
