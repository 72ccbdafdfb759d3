"""Each way in which a plugin can be bad ends as the table says.

``test_together.py`` sees all of the table every day, in one place; here each entry is
alone, of each row one every day.
"""

from __future__ import annotations

import pytest
from isolation.bad_plugins import BAD
from isolation.judging import (
    Installation,
    check_document,
    check_general,
    check_lines,
    check_quiet,
)
from isolation.packages import Bad

ONE_OF_EACH_ROW = {bad.row: bad for bad in reversed(BAD)}.values()


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(
            bad,
            id=str(bad),
            marks=pytest.mark.heavy
            if bad.together and bad not in ONE_OF_EACH_ROW
            else (),
        )
        for bad in BAD
    ],
)
def test_a_bad_plugin_is_listed_with_what_is_wrong(
    installation: Installation, bad: Bad
) -> None:
    installation.add(bad)
    installation.learn(bad)

    listed = installation.zg("plugins", "--json")

    assert listed.code == 0
    check_quiet(listed)
    check_document(listed, bad)
    check_general(listed, bad)
    check_lines(listed)
    general = listed.document["diagnostics"]
    for one, part in zip(general, bad.said, strict=False):
        assert part in one["message"]
    if bad.state in ("incompatible", "untrusted", "disabled", "discovered"):
        assert installation.imported() == {"zg_good"}
    [good] = [row for row in listed.document["plugins"] if row["id"] == "zg-good"]
    assert good["state"] == "active"
    assert good["contributes"] == {"agents": ["goodie"]}
