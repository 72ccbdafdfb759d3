"""Turn what ended a command into words and an exit code."""

from __future__ import annotations

from types import TracebackType

import click

from zg_core._isolation import describe
from zg_core.errors import InputError, ZeroGravityError

from ._invocation import Invocation
from ._streams import StreamError

__all__ = ["Failures"]

_INTERRUPTED = 130


class Failures:
    """A context around a command that says what went wrong in it.

    Not an ``except`` clause, because nothing is handled here: the command is over
    whatever ended it, and this only finds the words.
    """

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.exit_code = 0

    def __enter__(self) -> Failures:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        if error is None or isinstance(error, SystemExit):
            return False
        output = self._invocation.output
        self._invocation.trace(error)
        match error:
            case KeyboardInterrupt() | click.Abort():
                self.exit_code = _INTERRUPTED
                output.note("interrupted")
            case click.exceptions.NoArgsIsHelpError():
                self.exit_code = error.exit_code
                output.note(error.message)
            case click.ClickException():
                self.exit_code = error.exit_code
                output.error(InputError(error.format_message(), _help_for(error)))
            case ZeroGravityError():
                self.exit_code = error.exit_code
                output.error(error)
            case StreamError():
                self.exit_code = 1
                output.error(
                    ZeroGravityError(
                        f"standard output cannot be written: {error.strerror}",
                        "send it where there is room",
                    )
                )
            case _:
                self.exit_code = 1
                output.error(_unexpected(error, self._invocation.debug))
        return True


def _help_for(error: click.ClickException) -> str:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"see {error.ctx.command_path} --help"
    return ""


def _unexpected(error: BaseException, debug: bool) -> ZeroGravityError:
    return ZeroGravityError(
        describe(error),
        "please report it, with the lines above"
        if debug
        else "this should not happen; run it again as `zg --debug …` to see where",
    )
