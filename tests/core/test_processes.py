"""Whether a process is still there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from zg_core import Process

HERE = Process.here()


def test_this_process_is_there() -> None:
    assert HERE.pid == os.getpid()
    assert HERE.started
    assert not HERE.gone


def test_one_that_ended_is_gone_also_before_its_parent_looked_at_it() -> None:
    code = "import zg_core as zg; p = zg.Process.here(); print(p.pid, p.started)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        pid, started = map(int, child.stdout.read().split())
        ended = replace(HERE, pid=pid, started=started)

        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
        assert ended.gone
    assert ended.gone


def test_one_that_got_the_number_of_another_is_not_that() -> None:
    assert replace(HERE, started=HERE.started + 1).gone


def test_of_another_machine_or_container_nobody_can_tell() -> None:
    assert not replace(HERE, host="elsewhere", pid=1, started=0).gone
    assert not replace(HERE, namespace="pid:[1]", started=0).gone
    assert replace(HERE, boot="before").gone


def test_without_proc_its_number_counts() -> None:
    assert not replace(HERE, boot="").gone
    assert replace(HERE, boot="", pid=2**22 + 1).gone
