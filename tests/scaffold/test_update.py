"""What the author changed is his; the rest goes with the template."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zg_core.errors import InputError, WorkspaceError
from zg_core.scaffold import changes, create, make, names_of
from zg_core.scaffold.record import RECORD, digest

README, LICENSE, CHANGES = "README.md", "LICENSE", "CHANGELOG.md"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return create(names_of("rain"), "agent", tmp_path).folder


def grown_old(project: Path, *paths: str) -> None:
    """Make files as an older template had them."""
    record = json.loads((project / RECORD).read_text())
    for path in paths:
        (project / path).write_text("as it was then\n")
        record["files"][path] = digest("as it was then\n")
    (project / RECORD).write_text(json.dumps(record))


def told(project: Path) -> dict[str, str]:
    return {change.path: change.action for change in changes(project)}


def test_a_new_project_is_up_to_date(project: Path) -> None:
    assert changes(project) == ()


def test_a_file_nobody_changed_is_replaced(project: Path) -> None:
    before = (project / README).read_text()
    grown_old(project, README)

    wanted = changes(project)
    assert told(project) == {README: "replace"}
    make(project, wanted)

    assert (project / README).read_text() == before
    assert changes(project) == ()


def test_a_changed_file_stays_and_gets_the_new_one_beside_it(project: Path) -> None:
    before = (project / README).read_text()
    grown_old(project, README)
    (project / README).write_text("mine\n")

    assert told(project) == {README: "beside"}
    make(project, changes(project))

    assert (project / README).read_text() == "mine\n"
    assert (project / f"{README}.zg-new").read_text() == before
    assert changes(project) == ()  # once is enough


def test_a_changed_file_is_let_be_where_the_template_did_not_change(
    project: Path,
) -> None:
    (project / README).write_text("mine\n")

    assert changes(project) == ()


def test_a_deleted_file_stays_deleted(project: Path) -> None:
    grown_old(project, LICENSE)
    (project / LICENSE).unlink()

    make(project, changes(project))

    assert changes(project) == ()
    assert not (project / LICENSE).exists()


def test_a_file_the_template_got_since_is_added(project: Path) -> None:
    record = json.loads((project / RECORD).read_text())
    del record["files"][LICENSE]
    (project / RECORD).write_text(json.dumps(record))
    text = (project / LICENSE).read_text()
    (project / LICENSE).unlink()

    assert told(project) == {LICENSE: "add"}
    make(project, changes(project))

    assert (project / LICENSE).read_text() == text


def test_a_file_the_author_had_first_is_his(project: Path) -> None:
    record = json.loads((project / RECORD).read_text())
    del record["files"][LICENSE]
    (project / RECORD).write_text(json.dumps(record))
    (project / LICENSE).write_text("mine\n")

    assert told(project) == {LICENSE: "beside"}


def test_a_file_the_template_does_not_have_any_more_is_left(project: Path) -> None:
    grown_old(project, "tox.ini")

    make(project, changes(project))

    assert (project / "tox.ini").exists()
    assert "tox.ini" not in json.loads((project / RECORD).read_text())["files"]


def test_line_ends_of_another_system_are_no_change(project: Path) -> None:
    grown_old(project, README)
    (project / README).write_bytes(b"as it was then\r\n")

    assert told(project) == {README: "replace"}


@settings(max_examples=30)
@given(
    fates=st.fixed_dictionaries(
        {
            path: st.sampled_from(["same", "old", "changed", "both", "deleted"])
            for path in (README, LICENSE, CHANGES, "pyproject.toml")
        }
    )
)
def test_the_author_never_loses_a_line(
    tmp_path_factory: pytest.TempPathFactory, fates: dict[str, str]
) -> None:
    project = create(
        names_of("rain"), "agent", tmp_path_factory.mktemp("projects")
    ).folder
    grown_old(project, *(p for p, fate in fates.items() if fate in ("old", "both")))
    for path, fate in fates.items():
        if fate in ("changed", "both"):
            (project / path).write_text("mine\n")
        elif fate == "deleted":
            (project / path).unlink()

    make(project, changes(project))

    for path, fate in fates.items():
        beside = (project / f"{path}.zg-new").exists()
        if fate == "deleted":
            assert not (project / path).exists()
        elif fate in ("changed", "both"):
            assert (project / path).read_text() == "mine\n"
        else:
            assert "as it was then" not in (project / path).read_text()
        assert beside == (fate == "both")
    assert changes(project) == ()


# -- What comes with a stranger's repository -----------------------------------------


def test_without_a_record_there_is_nothing_to_go_by(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no \.zg-template\.json"):
        changes(tmp_path)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"template": "site"}, "it is of another template"),
        ({"version": 2}, "it is of another template"),
        ({"answers": {"name": "../x", "kind": "agent", "core": "1"}}, "is a path"),
        ({"answers": {"name": "x", "kind": "../..", "core": "1"}}, "there is no kind"),
        ({"answers": {"name": "x", "kind": "agent", "core": '1"]'}}, "wrong"),
        ({"answers": {"name": "x", "kind": "agent"}}, "something is missing"),
        ({"answers": None}, "something is missing"),
        ({"files": ["README.md"]}, "something is missing"),
    ],
)
def test_no_answer_is_used_unchecked(
    project: Path, changed: dict[str, object], why: str
) -> None:
    record = json.loads((project / RECORD).read_text())
    (project / RECORD).write_text(json.dumps({**record, **changed}))

    with pytest.raises(InputError, match=why):
        changes(project)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b"null"])
def test_a_record_that_is_none_is_refused(project: Path, content: bytes) -> None:
    (project / RECORD).write_bytes(content)

    with pytest.raises(InputError, match="cannot be used"):
        changes(project)


def test_a_folder_that_leads_out_of_the_project_is_not_followed(
    project: Path, tmp_path: Path
) -> None:
    grown_old(project, "tests/test_wheel.py")
    (project / "tests").rename(tmp_path / "outside")
    (project / "tests").symlink_to(tmp_path / "outside")

    with pytest.raises(InputError, match="leads out of the project"):
        make(project, changes(project))

    outside = (tmp_path / "outside" / "test_wheel.py").read_text()
    assert outside == "as it was then\n"


def test_a_link_in_the_place_of_a_new_file_is_replaced_and_not_followed(
    project: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    grown_old(project, README)
    (project / README).write_text("mine\n")
    (project / f"{README}.zg-new").symlink_to(victim)

    make(project, changes(project))

    assert victim.read_text() == "precious"
    assert not (project / f"{README}.zg-new").is_symlink()


def test_what_cannot_be_read_is_one_sentence(project: Path) -> None:
    (project / LICENSE).unlink()
    (project / LICENSE).mkdir()

    with pytest.raises(WorkspaceError, match="LICENSE cannot be read"):
        changes(project)


def test_what_cannot_be_written_is_one_sentence(project: Path) -> None:
    grown_old(project, README)
    (project / README).write_text("mine\n")
    (project / f"{README}.zg-new").mkdir()

    with pytest.raises(WorkspaceError, match="cannot be written"):
        make(project, changes(project))
