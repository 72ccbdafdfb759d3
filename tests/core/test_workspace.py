"""The workspace: a run's files, and nothing outside their folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from zg_core._workspace import FolderWorkspace
from zg_core.errors import WorkspaceError

HOSTILE = [
    "",
    ".",
    "..",
    "/",
    "/etc/passwd",
    "//etc/passwd",
    "../outside.txt",
    "a/../../outside.txt",
    "a/./b",
    "a//b",
    "a/",
    "./a",
    "a\\b",
    "..\\outside.txt",
    "nul\0byte",
    "line\nbreak",
    "tab\tbed",
    "escape\x1b[31m",
    "right\u202eto left",
    "lone\ud800surrogate",
    "n" * 256,
    "é" * 128,
    "/".join(["deep"] * 300),
    ".zg-writing-0123456789abcdef",
]


@pytest.fixture(params=["by descriptor", "by path"])
def run_folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A run's folder beside a file it must never touch, on either kind of platform."""
    if request.param == "by path":
        rest = set(os.supports_dir_fd) - {os.open}
        monkeypatch.setattr(os, "supports_dir_fd", rest)
    (tmp_path / "outside.txt").write_bytes(b"untouched")
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def everything_in(folder: Path) -> dict[str, bytes | str | None]:
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in folder.rglob("*")
    }


def test_what_is_written_is_read_and_listed(run_folder: Path) -> None:
    workspace = FolderWorkspace(run_folder)

    workspace.write("plan.md", b"# Plan")
    workspace.write("site/css/main.css", b"body {}")
    workspace.write("site/index.html", b"<p>")
    workspace.write("plan.md", b"# A better plan")

    assert workspace.read("plan.md") == b"# A better plan"
    assert workspace.list() == ("plan.md", "site/css/main.css", "site/index.html")
    assert workspace.list("site") == ("site/css/main.css", "site/index.html")


def test_the_folder_is_made_by_the_first_write(run_folder: Path) -> None:
    workspace = FolderWorkspace(run_folder / "not" / "there")

    assert workspace.list() == ()
    with pytest.raises(WorkspaceError, match="does not exist"):
        workspace.read("plan.md")
    workspace.write("plan.md", b"")
    assert workspace.list() == ("plan.md",)


def test_a_missing_file_is_named_with_what_to_do(run_folder: Path) -> None:
    with pytest.raises(WorkspaceError) as caught:
        FolderWorkspace(run_folder).read("docs/plan.md")

    assert str(caught.value) == (
        "'docs/plan.md' does not exist; list the files to see what there is"
    )


@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_is_not_plain_is_refused(run_folder: Path, path: str) -> None:
    workspace = FolderWorkspace(run_folder)
    before = everything_in(run_folder.parent)

    with pytest.raises(WorkspaceError) as caught:
        workspace.write(path, b"gotcha")
    with pytest.raises(WorkspaceError):
        workspace.read(path)
    if path:
        with pytest.raises(WorkspaceError):
            workspace.list(path)

    assert everything_in(run_folder.parent) == before
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def furnish(folder: Path) -> None:
    """Fill a folder with all that leads out of it."""
    (folder / "folder").mkdir(parents=True)
    (folder / "link").symlink_to(folder.parent / "outside.txt")
    (folder / "dangling").symlink_to(folder.parent / "made.txt")
    (folder / "up").symlink_to(folder.parent, target_is_directory=True)
    os.mkfifo(folder / "pipe")


names = st.sampled_from(
    ["..", ".", "", "a", "b.txt", "link", "dangling", "up", "pipe", "folder", "\0"]
) | st.text(max_size=12)


@given(parts=st.lists(names, max_size=6), start=st.sampled_from(["", "/", "./", "\\"]))
@example(parts=["up", "outside.txt"], start="")
@example(parts=["link"], start="")
@example(parts=["dangling"], start="")
@example(parts=["folder", "..", "..", "outside.txt"], start="")
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=150,
)
def test_nothing_outside_the_folder_is_ever_changed_or_shown(
    run_folder: Path, parts: list[str], start: str
) -> None:
    """The law of workspaces: any path is served inside the folder, or refused."""
    home = run_folder.parent
    if not (run_folder / "pipe").exists():
        furnish(run_folder)
    workspace = FolderWorkspace(run_folder)
    path = start + "/".join(parts)

    try:
        workspace.write(path, b"written")
    except WorkspaceError:
        with pytest.raises(WorkspaceError):
            assert workspace.read(path) != b"untouched"
    else:
        assert workspace.read(path) == b"written"
        assert path in workspace.list()
        shutil.rmtree(run_folder)

    assert (home / "outside.txt").read_bytes() == b"untouched"
    assert {entry.name for entry in home.iterdir()} <= {"outside.txt", "run"}


def test_links_devices_and_unreadable_names_are_not_listed(run_folder: Path) -> None:
    (run_folder / "plan.md").touch()
    (run_folder / "line\nbreak").touch()
    (run_folder / ".zg-writing-0123").touch()
    (run_folder / "up").symlink_to("..", target_is_directory=True)
    (run_folder / "odd\nfolder").mkdir()
    (run_folder / "odd\nfolder" / "file").touch()
    os.mkfifo(run_folder / "pipe")

    assert FolderWorkspace(run_folder).list() == ("plan.md",)
    with pytest.raises(WorkspaceError, match="a symbolic link"):
        FolderWorkspace(run_folder).list("up")


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_only_ordinary_files_are_read_and_replaced(run_folder: Path, kind: str) -> None:
    os.mkfifo(run_folder / "pipe")
    (run_folder / "folder").mkdir()
    (run_folder / "link").symlink_to("plan.md")
    (run_folder / "plan.md").write_bytes(b"# Plan")
    workspace = FolderWorkspace(run_folder)
    before = sorted(path.name for path in run_folder.iterdir())

    with pytest.raises(WorkspaceError):
        workspace.write(kind, b"gotcha")
    with pytest.raises(WorkspaceError):
        workspace.read(kind)
    with pytest.raises(WorkspaceError, match="through a file or a symbolic link"):
        workspace.write("plan.md/more", b"")

    assert sorted(path.name for path in run_folder.iterdir()) == before
    assert (run_folder / "plan.md").read_bytes() == b"# Plan"


def test_the_folder_itself_may_be_a_link(run_folder: Path) -> None:
    linked = run_folder.parent / "latest"
    linked.symlink_to(run_folder, target_is_directory=True)

    FolderWorkspace(linked).write("plan.md", b"# Plan")

    assert (run_folder / "plan.md").read_bytes() == b"# Plan"


def test_a_link_swapped_in_during_a_write_leads_nowhere(tmp_path: Path) -> None:
    """A folder turns into a link and back while it is written through."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    workspace = FolderWorkspace(tmp_path / "run")
    workspace.write("folder/secret", b"public")
    folder = tmp_path / "run" / "folder"
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # the writer was faster
                folder.symlink_to(outside, target_is_directory=True)
                folder.unlink()

    swapping = threading.Thread(target=swap)
    swapping.start()
    refused = 0
    try:
        for _ in range(150):
            try:
                workspace.write("folder/secret", b"public")
                assert workspace.read("folder/secret") != b"secret"
                workspace.list("folder")
            except WorkspaceError:
                refused += 1
    finally:
        done.set()
        swapping.join()

    assert refused > 0
    assert everything_in(outside) == {"secret": b"secret"}


def test_a_file_is_never_seen_half_written(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    versions = [bytes([n]) * 200_000 for n in range(10)]
    workspace.write("data", versions[0])
    done = threading.Event()
    seen: set[bytes] = set()

    def watch() -> None:
        while not done.is_set():
            seen.add(workspace.read("data"))
            seen.update(name.encode() for name in workspace.list())

    watching = threading.Thread(target=watch)
    watching.start()
    for version in versions * 3:
        workspace.write("data", version)
    done.set()
    watching.join()

    assert seen <= {*versions, b"data"}
    assert list(everything_in(tmp_path)) == ["data"]


def test_files_have_a_largest_size(run_folder: Path) -> None:
    workspace = FolderWorkspace(run_folder, max_bytes=10)
    (run_folder / "large").write_bytes(b"x" * 11)

    workspace.write("fits", b"x" * 10)
    with pytest.raises(WorkspaceError, match="larger than 10 bytes"):
        workspace.write("more", b"x" * 11)
    with pytest.raises(WorkspaceError, match="larger than 10 bytes"):
        workspace.read("large")

    assert workspace.read("fits") == b"x" * 10
    assert workspace.list() == ("fits", "large")


def test_a_root_that_is_a_file_is_said_to_be_unusable(run_folder: Path) -> None:
    file = run_folder / "file"
    file.touch()
    for root in (file, file / "below"):
        workspace = FolderWorkspace(root)
        for use in (workspace.list, lambda w=workspace: w.write("plan.md", b"")):
            with pytest.raises(WorkspaceError) as caught:
                use()

            assert "cannot be used" in caught.value.cause
            assert caught.value.remedy


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of an ordinary user, whose rights this process has meanwhile."""
    if os.name == "nt":
        pytest.skip("needs users as POSIX has them")
    folder = Path(tempfile.mkdtemp())
    nobody, me = 65534, os.geteuid()
    if me == 0:
        os.chown(folder, nobody, nobody)
        os.seteuid(nobody)
    try:
        yield folder
    finally:
        os.seteuid(me)
        shutil.rmtree(folder)


def test_a_read_only_folder_is_refused_with_a_remedy(unprivileged: Path) -> None:
    workspace = FolderWorkspace(unprivileged)
    workspace.write("plan.md", b"# Plan")
    unprivileged.chmod(0o500)
    try:
        with pytest.raises(WorkspaceError) as caught:
            workspace.write("more.md", b"")
    finally:
        unprivileged.chmod(0o700)

    assert str(caught.value) == (
        "'more.md' is not allowed; change the folder's permissions"
    )
    assert workspace.list() == ("plan.md",)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_the_old_file_whole(small_disk: Path) -> None:
    workspace = FolderWorkspace(small_disk)
    workspace.write("plan.md", b"# Plan")

    with pytest.raises(WorkspaceError, match="the disk is full; make room"):
        workspace.write("plan.md", b"x" * 100_000)

    assert workspace.read("plan.md") == b"# Plan"
    assert everything_in(small_disk) == {"plan.md": b"# Plan"}


def test_an_error_nobody_expected_is_still_in_the_systems_words(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", broken)

    with pytest.raises(WorkspaceError, match="cannot be used: Input/output error"):
        FolderWorkspace(run_folder).write("plan.md", b"# Plan")

    assert list(run_folder.iterdir()) == []


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    workspace.write("deep/kept.txt", b"kept")
    (tmp_path / "deep" / ".zg-writing-0123456789abcdef").write_bytes(b"half")

    workspace.sweep()

    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["kept.txt"]
