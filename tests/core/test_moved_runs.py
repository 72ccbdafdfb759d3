"""A run whose folder was taken elsewhere goes on there."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio
import pytest
from offering import Offering, flow

import zg_core as zg

pytestmark = pytest.mark.anyio


async def write(ctx: zg.Context) -> zg.Reply:
    await ctx.write_artifact("first.txt", "one")
    return zg.Reply(output="written")


async def read(ctx: zg.Context) -> zg.Reply:
    if not ctx.workspace.list("ready"):
        raise zg.RunError("it is not ready", "try again")
    await ctx.write_artifact("second.txt", ctx.workspace.read("first.txt"))
    return zg.Reply(output=ctx.workspace.read("inputs/given.txt").decode())


async def cut_off(engine: zg.Engine, out: Path) -> None:
    """Do the first of two steps."""
    options = zg.RunOptions(out=str(out))
    with pytest.raises(zg.RunError, match="it is not ready"):
        await engine.run(
            flow("write", "read", read="write"),
            "x",
            run_id="r",
            options=options,
            files={"given.txt": b"given"},
        )
    (out / "ready").mkdir()
    (out / "ready" / "now").touch()


def opened() -> object:
    return zg.Engine.open(
        Offering(write=write, read=read), journal="memory", discover=False
    )


async def test_a_run_goes_on_in_the_folder_that_its_files_were_moved_to(
    tmp_path: Path,
) -> None:
    async with opened() as engine:
        await cut_off(engine, tmp_path / "here")
        (tmp_path / "here").rename(tmp_path / "there")

        result = await engine.resume("r", out=str(tmp_path / "there"))

    assert (result.output, result.out) == ("given", str(tmp_path / "there"))
    assert (tmp_path / "there" / "second.txt").read_text() == "one"
    assert not (tmp_path / "here").exists()


async def test_a_folder_that_is_gone_is_asked_for_before_anything_is_done(
    tmp_path: Path,
) -> None:
    async with opened() as engine:
        await cut_off(engine, tmp_path / "here")
        (tmp_path / "here").rename(tmp_path / "there")
        before = await engine.journal.read("r")

        with pytest.raises(zg.InputError, match="is not there") as refused:
            await engine.resume("r")

        assert "--out" in refused.value.remedy
        assert await engine.journal.read("r") == before


@pytest.mark.parametrize("path", ["first.txt", "inputs/given.txt"])
async def test_a_folder_without_the_runs_files_is_refused(
    tmp_path: Path, path: str
) -> None:
    async with opened() as engine:
        await cut_off(engine, tmp_path / "here")
        (tmp_path / "here" / path).unlink()

        with pytest.raises(zg.InputError, match=f"'{path}' .* cannot be read"):
            await engine.resume("r", out=str(tmp_path / "here"))


async def test_a_folder_whose_files_were_changed_is_refused(tmp_path: Path) -> None:
    async with opened() as engine:
        await cut_off(engine, tmp_path / "here")
        (tmp_path / "here" / "first.txt").write_text("two")

        with pytest.raises(zg.InputError, match=r"'first\.txt' .* not as the run left"):
            await engine.resume("r", out=str(tmp_path / "here"))


async def test_a_file_may_be_newer_than_what_is_known_of_a_step_that_was_cut_off(
    tmp_path: Path,
) -> None:
    here = tmp_path / "here"
    drafted = anyio.Event()

    async def drafts(ctx: zg.Context) -> zg.Reply:
        await ctx.write_artifact("report.md", "a draft")
        if not drafted.is_set():
            drafted.set()
            await anyio.sleep_forever()
        await ctx.write_artifact("report.md", "the report")
        return zg.Reply(output="written")

    async with zg.Engine.open(
        Offering(a=drafts), journal="memory", discover=False
    ) as engine:
        options = zg.RunOptions(out=str(here))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                partial(engine.run, flow("a"), "x", options=options, run_id="r")
            )
            await drafted.wait()
            await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
        (here / "report.md").write_text("the report")  # just before the process died
        here.rename(tmp_path / "there")

        result = await engine.resume("r", out=str(tmp_path / "there"))

    assert result.output == "written"
    assert (tmp_path / "there" / "report.md").read_text() == "the report"
