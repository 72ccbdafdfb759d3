"""What users get passes the same tests: the wheel, not the working copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from zg_core.testing import installed

ROOT = Path(__file__).parent.parent.parent
TESTS = ("tests/conftest.py", "tests/conformance/test_builtins.py")


@pytest.mark.heavy
@pytest.mark.timeout(400)
def test_the_built_ins_pass_from_the_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps"]
    subprocess.run(
        [*build, "--no-build-isolation", "-w", str(tmp_path)],
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    for file in TESTS:
        shutil.copy(ROOT / file, tmp_path)

    with installed(wheel) as site:
        where = site.python("-c", "import zg_core; print(zg_core.__file__)")
        done = site.python(
            *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:zerogravity"),
            *("-c", os.devnull, "--rootdir", ".", "test_builtins.py"),
            cwd=tmp_path,
            timeout=300,
        )

    assert where.stdout.startswith(str(site.folder))
    assert done.returncode == 0, done.stdout + done.stderr
