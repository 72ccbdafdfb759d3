"""A project is written whole or not at all, and never over what is there."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zg_core._version import core_version
from zg_core.errors import InputError, WorkspaceError
from zg_core.scaffold import KINDS, Names, create, names_of
from zg_core.scaffold.record import RECORD, digest
from zg_core.scaffold.template import lowest_core, render

_LONGEST_PATH = 4095


def held(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


@st.composite
def legal_names(draw: st.DrawFn) -> Names:
    """Names that are hard on a template: words of its own code, and its own name."""
    words = ["example", "zg-example", "path", "counter", "agent", "reply", "names"]
    text = st.sampled_from(words) | st.from_regex(r"\A[a-z][a-z0-9]{0,9}\Z")
    given = "-".join(draw(st.lists(text, min_size=1, max_size=4)))
    try:
        return names_of(given)
    except InputError:
        return names_of("example-of-examples")


@settings(max_examples=40)
@given(names=legal_names(), kind=st.sampled_from(KINDS))
def test_whatever_it_is_called_the_project_is_consistent(
    names: Names, kind: str
) -> None:
    files = render(names, kind, "0.1")

    assert f"src/{names.package}/plugin.py" in files
    original = render(names_of("example"), kind, "0.1")
    assert len(files) == len(original)
    for path, text in files.items():
        if path.endswith(".py"):
            ast.parse(text)
        if "example" not in names.thing:
            ours = text.replace("examples=", "")  # a field of a spec
            assert "example" not in (path + ours).lower()
    back = render(names, kind, "0.1")["pyproject.toml"]
    assert f'name = "{names.distribution}"' in back
    assert f'{names.thing} = "{names.package}.plugin"' in back
    manifest = json.loads(files[f"src/{names.package}/zg_plugin.json"])
    [[offered]] = manifest["contributes"].values()
    assert offered["name"] == names.thing


def test_the_record_has_the_answers_and_a_digest_of_each_file(tmp_path: Path) -> None:
    created = create(names_of("rain"), "tool", tmp_path)

    files = held(created.folder)
    record = json.loads(files.pop(RECORD))
    answers = {"name": "rain", "kind": "tool", "core": lowest_core(core_version())}
    assert record["template"] == "plugin"
    assert record["version"] == 1
    assert record["answers"] == answers
    assert record["files"] == {path: digest(text) for path, text in files.items()}
    assert set(created.written) == {*files, RECORD}
    assert [path.name for path in tmp_path.iterdir()] == ["zg-rain"]


@pytest.mark.parametrize(
    ("running", "lowest"),
    [
        ("0.1.0", "0.1"),
        ("1.12.3.post1", "1.12"),
        ("2.0.0rc1", "2.0.0rc1"),
        ("0.3.dev4+g12ab", "0.3.dev4"),
        ("0+unknown", "0.0"),
        ("unknown", "0.1"),
    ],
)
def test_the_running_version_is_the_lowest_asked_for_and_there_is_no_highest(
    running: str, lowest: str
) -> None:
    text = render(names_of("rain"), "tool", lowest_core(running))["pyproject.toml"]

    assert f'dependencies = ["zerogravity>={lowest}"]' in text


def test_an_empty_folder_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "zg-rain").mkdir()

    assert create(names_of("rain"), "tool", tmp_path).written


@pytest.mark.parametrize("force", [False, True])
def test_a_file_in_the_place_of_the_folder_is_refused(
    tmp_path: Path, force: bool
) -> None:
    (tmp_path / "zg-rain").write_text("mine")

    with pytest.raises(InputError, match="is there already"):
        create(names_of("rain"), "tool", tmp_path, force=force)

    assert held(tmp_path) == {"zg-rain": "mine"}


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zg-rain").mkdir()
    (tmp_path / "zg-rain" / "mine").write_text("mine")

    with pytest.raises(InputError, match="add what is missing with --force"):
        create(names_of("rain"), "tool", tmp_path)

    assert held(tmp_path) == {"zg-rain/mine": "mine"}


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zg-rain").symlink_to(tmp_path / "gone")

    with pytest.raises(InputError, match="is there already"):
        create(names_of("rain"), "tool", tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        create(names_of("rain"), "tool", tmp_path / "gone")


def test_force_adds_what_is_missing_and_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "zg-rain"
    folder.mkdir()
    (folder / "README.md").write_text("mine")
    (folder / "notes").write_text("mine too")

    created = create(names_of("rain"), "tool", tmp_path, force=True)

    assert created.kept == ("README.md",)
    assert "README.md" not in created.written
    files = held(folder)
    assert files["README.md"] == "mine"
    assert files["notes"] == "mine too"
    assert set(created.written) < set(files)


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    """Where paths grow too long for the system, some files are written and some not."""
    parent = tmp_path
    while (room := _LONGEST_PATH - len(str(parent)) - len("/.zg-rain-12345678/")) > 20:
        parent = parent / ("d" * max(1, min(200, room - 20)))
        parent.mkdir()

    with pytest.raises(WorkspaceError, match="cannot be written"):
        create(names_of("rain"), "tool", parent)

    assert not list(parent.iterdir())


def test_what_cannot_be_filled_is_left_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "zg-rain"
    folder.mkdir()
    (folder / "src").write_text("a file")

    with pytest.raises(WorkspaceError, match="cannot be written"):
        create(names_of("rain"), "tool", tmp_path, force=True)

    assert held(folder) == {"src": "a file"}
