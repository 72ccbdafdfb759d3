"""What an objective may be."""

from __future__ import annotations

from .errors import InputError

__all__ = ["check_objective", "too_long"]

_LONGEST = 100_000


def check_objective(objective: str) -> None:
    """Refuse what no agent could work on.

    Raises:
        InputError: If it is empty, longer than 100,000 characters, or holds
            control characters or half of a surrogate pair.
    """
    if not objective.strip():
        raise InputError("the objective is empty", "say what is to be made")
    if len(objective) > _LONGEST:
        raise too_long(f"has {len(objective):,} characters")
    for place, letter in enumerate(objective):
        if letter in "\n\r\t":
            continue
        if letter < " " or "\x7f" <= letter < "\xa0" or "\ud800" <= letter <= "\udfff":
            raise InputError(
                f"the objective has the character U+{ord(letter):04X} at place {place}",
                "remove it: only printable text, line breaks and tabs are allowed",
            )


def too_long(what: str = f"has more than {_LONGEST:,} characters") -> InputError:
    """Return the error about an objective that is too long.

    Args:
        what: How long it is, as far as that is known.
    """
    return InputError(
        f"the objective {what}; {_LONGEST:,} is most",
        "put the material into a file and give it with --input",
    )
