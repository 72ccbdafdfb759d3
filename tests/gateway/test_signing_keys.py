"""The file of the signing keys: made once, kept from others, shared by processes."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from threading import Barrier, Thread

import pytest
from gateway.watches import Watch

from zg_core import ConfigError
from zg_plugins_builtin.gateway.identity.signing_keys import SigningKeys


def test_it_is_made_at_first_start_for_its_user_only(
    tmp_path: Path, watch: Watch
) -> None:
    path = tmp_path / "data" / "signing-keys.json"

    first = SigningKeys(path, watch)
    again = SigningKeys(path, watch)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert again.signing.kid == first.signing.kid
    assert again.document() == first.document()


def test_processes_that_start_at_once_have_the_same_keys(
    tmp_path: Path, watch: Watch
) -> None:
    path, barrier = tmp_path / "keys.json", Barrier(4)
    kids: list[str] = []

    def start() -> None:
        barrier.wait()
        kids.append(SigningKeys(path, watch).signing.kid)

    threads = [Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(kids) == 4
    assert len(set(kids)) == 1


def test_what_one_process_rotates_another_knows(tmp_path: Path, watch: Watch) -> None:
    here = SigningKeys(tmp_path / "keys.json", watch)
    there = SigningKeys(tmp_path / "keys.json", watch)

    for _ in range(3):
        here.rotate()

    assert there.find(here.signing.header) is not None
    assert there.document() == here.document()


def test_two_processes_that_rotate_when_it_is_due_do_so_once(
    tmp_path: Path, watch: Watch
) -> None:
    here = SigningKeys(tmp_path / "keys.json", watch)
    there = SigningKeys(tmp_path / "keys.json", watch)
    watch.turn(days=89)
    early = here.rotate_if_due()
    watch.turn(days=1)

    assert [early, here.rotate_if_due(), there.rotate_if_due()] == [False, True, False]
    assert there.signing.kid == here.signing.kid


def test_a_file_that_others_may_read_is_refused(tmp_path: Path, watch: Watch) -> None:
    path = tmp_path / "keys.json"
    SigningKeys(path, watch)
    path.chmod(0o640)

    with pytest.raises(ConfigError, match="chmod 600"):
        SigningKeys(path, watch)


@pytest.mark.parametrize("spoilt", ["", "{", "[]", '{"keys": []}', '{"keys": [1]}'])
def test_a_file_that_is_spoilt_is_refused_and_left_alone(
    tmp_path: Path, watch: Watch, spoilt: str
) -> None:
    path = tmp_path / "keys.json"
    path.touch(mode=0o600)
    path.write_text(spoilt)

    with pytest.raises(ConfigError, match=r"keys\.json"):
        SigningKeys(path, watch)

    assert path.read_text() == spoilt


def test_a_key_of_another_kind_is_refused(tmp_path: Path, watch: Watch) -> None:
    path = tmp_path / "keys.json"
    SigningKeys(path, watch)
    document = json.loads(path.read_text())
    document["keys"][0]["jwk"] = {"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAA"}
    path.write_text(json.dumps(document))

    with pytest.raises(ConfigError):
        SigningKeys(path, watch)


def test_nothing_of_the_keys_is_in_their_repr(tmp_path: Path, watch: Watch) -> None:
    keys = SigningKeys(tmp_path / "keys.json", watch)
    private = keys.signing.key.as_dict(private=True)["d"]

    assert str(private) not in f"{keys!r} {keys.signing!r} {[keys.signing]}"
