"""What a plugin prints while it is loaded does not get into the result."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from zg_core.plugins.stdout import stdout_to_stderr

CHATTY = """
import os, subprocess, sys
print("printed")
sys.__stdout__.write("kept\\n")
os.write(1, b"written\\n")
subprocess.run([sys.executable, "-c", "print('child')"], check=True)
"""
NOISES = ["child", "kept", "printed", "written"]


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"from zg_core.plugins.stdout import *\n{code}"],
        capture_output=True,
        text=True,
    )


def test_whatever_is_written_to_standard_output_goes_to_standard_error() -> None:
    indented = CHATTY.replace("\n", "\n    ")

    done = run(f"print('before')\nwith stdout_to_stderr():{indented}\nprint('after')")

    assert done.stdout == "before\nafter\n"
    assert sorted(done.stderr.split()) == NOISES


def test_a_process_without_standard_output_can_load_plugins_too() -> None:
    done = run(
        "import os, sys\nos.close(1)\nsys.stdout = sys.__stdout__ = None\n"
        "with stdout_to_stderr():\n    print('lost')\n"
        "sys.stderr.write('alive')"
    )

    assert done.stderr == "lost\nalive"


def test_an_error_puts_standard_output_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), stdout_to_stderr():
        raise ValueError("no")
    os.write(1, b"back")

    assert capfd.readouterr().out == "back"


def test_the_last_thread_out_puts_standard_output_back(
    capfd: pytest.CaptureFixture[str],
) -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with stdout_to_stderr():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    with stdout_to_stderr():
        os.write(1, b"a")
    os.write(1, b"b")
    leave.set()
    thread.join(10)
    os.write(1, b"c")

    assert capfd.readouterr() == ("c", "ab")
