"""Begin a rich run on one machine, kill it there, and go on with it on another.

``moved_rich.py SERVER FOLDER``: SERVER is the root of a model server. All that the
first machine has is copied to the other one, where the run's folder is mounted at its
old path. Prints a line of JSON as ``cut_rich.py`` does, and what the other machine says
while the first may be alive for all it knows.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import sys
import time
from pathlib import Path

from faults.cut_rich import Cut, Play

import zg_core as zg

_CUT = "60-after"
_HOUR = 3600.0


def move(here: Path, there: Path) -> None:
    """Copy what one machine has to the other, and leave nothing but a mount."""
    shutil.copytree(here, there)
    shutil.rmtree(here)
    here.mkdir()
    (here / "out").symlink_to(there / "out", target_is_directory=True)


def be_another_machine(home: Path) -> None:
    """Have another name and other folders from now on."""
    os.environ["HOME"] = os.environ["ZG_HOME"] = str(home)
    os.chdir(home)
    platform.node = lambda: "another"


def turn_the_clock(seconds: float) -> None:
    """Be later than it is."""
    now = time.time
    time.time = lambda: now() + seconds


def main(server: str, folder: Path) -> None:
    here, there = folder / "here", folder / "there"
    here.mkdir(parents=True)
    first = Play(server, here, Cut.parse(_CUT), name="moved")
    assert first.apart(1, first.go_on) == -signal.SIGKILL
    at_kill = first.seen(1)
    move(here, there)
    be_another_machine(there)
    run = Play(server, there, name="moved")
    busy = ""
    try:
        run.here(2, run.go_on)
    except zg.RunBusyError as error:
        busy = error.cause
    turn_the_clock(_HOUR)
    run.to_the_end(3, run.go_on, early=False)
    print(json.dumps({"folder": str(there), "at_kill": at_kill, "busy": busy}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
