"""Signatures of messages, with an independent verifier as the judge."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from zg_core import InputError
from zg_plugins_builtin.gateway.webhooks.ed25519 import new_private_key, public_key
from zg_plugins_builtin.gateway.webhooks.signing import (
    SignatureError,
    new_secret,
    sign,
    verify,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # always the same: it names tests
PRIVATE = new_private_key()
BODY = b'{"type":"job.completed"}'
secrets = st.binary(min_size=24, max_size=64).map(
    lambda raw: "whsec_" + base64.b64encode(raw).decode()
)
ids = st.from_regex(r"msg_[0-9a-f]{32}", fullmatch=True)


def headers(**changes: str) -> dict[str, str]:
    """Return the headers of a good message, some of them changed."""
    signed = sign("msg_1", NOW, BODY, [SECRET])
    return signed | {f"webhook-{name}": value for name, value in changes.items()}


@given(ids, st.text().map(str.encode), secrets)
def test_the_published_verifier_takes_what_is_signed(
    message_id: str, body: bytes, secret: str
) -> None:
    signed = sign(message_id, datetime.now(UTC), body, [SECRET, secret])

    standardwebhooks.Webhook(secret).verify(body, signed, json_parse=False)


@given(st.text(), secrets)
def test_what_the_published_signer_signs_is_taken(body: str, secret: str) -> None:
    made = standardwebhooks.Webhook(secret).sign("msg_1", NOW, body)

    verify(headers(signature=made), body.encode(), secret, now=NOW)


def test_the_example_of_the_specification_is_signed_as_there() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = datetime.fromtimestamp(1614265330, UTC)

    signed = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [secret])

    assert signed["webhook-signature"] == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@given(st.timezones())
def test_a_time_means_the_same_in_every_zone(zone: object) -> None:
    there = NOW.astimezone(zone)  # type: ignore[arg-type]

    assert sign("msg_1", there, BODY, [SECRET]) == headers()


@given(ids, st.binary(max_size=200))
def test_a_signature_of_ed25519_is_checked_with_the_public_key(
    message_id: str, body: bytes
) -> None:
    signed = sign(message_id, NOW, body, [PRIVATE])

    verify(signed, body, public_key(PRIVATE), now=NOW)
    version, _, encoded = signed["webhook-signature"].partition(",")
    raw = base64.b64decode(public_key(PRIVATE).removeprefix("whpk_"))
    content = f"{message_id}.{int(NOW.timestamp())}.".encode() + body
    assert version == "v1a"
    Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(encoded), content)


def test_each_secret_signs_so_that_old_and_new_ones_verify() -> None:
    old, new = new_secret(), new_secret()
    signed = sign("msg_1", NOW, BODY, [new, old, PRIVATE])

    for known in (old, new, public_key(PRIVATE), [new_secret(), old]):
        verify(signed, BODY, known, now=NOW)


def test_the_names_of_headers_have_no_case() -> None:
    shouted = {name.upper(): value for name, value in headers().items()}

    verify(shouted, BODY, SECRET, now=NOW)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_message_of_the_last_minutes_is_taken(seconds: int) -> None:
    verify(headers(), BODY, SECRET, now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, 10**8])
def test_a_message_of_another_time_is_refused(seconds: int) -> None:
    with pytest.raises(SignatureError, match=r"old|in the future"):
        verify(headers(), BODY, SECRET, now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "msg_2"},
        {"id": ""},
        {"id": "msg_1\n"},
        {"timestamp": str(int(NOW.timestamp()) + 1)},
        {"timestamp": f"{int(NOW.timestamp())}.0"},
        {"timestamp": f" {int(NOW.timestamp())}"},
        {"timestamp": f"+{int(NOW.timestamp())}"},
        {"timestamp": "1e9"},
        {"timestamp": "nan"},
        {"timestamp": "٣"},
        {"timestamp": "9" * 5000},
        {"signature": ""},
        {"signature": "v1"},
        {"signature": "v1,"},
        {"signature": "v1,!!!"},
        {"signature": "v1,é"},
        {"signature": "v2,AAAA"},
        {"signature": headers()["webhook-signature"].replace("v1,", "v1a,")},
        {"signature": headers()["webhook-signature"][:-4]},
        {"signature": " ".join(["v1,AAAA"] * 5000)},
    ],
    ids=lambda changed: str(changed)[:40],
)
def test_a_message_that_is_not_as_it_was_signed_is_refused(
    changes: dict[str, str],
) -> None:
    with pytest.raises(SignatureError):
        verify(headers(**changes), BODY, SECRET, now=NOW)


@given(st.binary().filter(lambda body: body != BODY))
def test_another_body_is_refused(body: bytes) -> None:
    with pytest.raises(SignatureError):
        verify(headers(), body, SECRET, now=NOW)


def test_nothing_can_be_moved_between_id_time_and_body() -> None:
    """What is signed is the three with full stops between; an id must have none."""
    at = datetime.fromtimestamp(1, UTC)
    signed = sign("msg", at, b"1700000000.x", [SECRET])
    moved = signed | {"webhook-id": "msg.1", "webhook-timestamp": "1700000000"}
    later = datetime.fromtimestamp(1700000000, UTC)

    with pytest.raises(SignatureError):
        verify(moved, b"x", SECRET, now=later)
    with pytest.raises(InputError):
        sign("msg.1", later, b"x", [SECRET])


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_AAAA", "whsec_é", SECRET[6:], "whsk_AAAA", "whpk_AAAA"],
    ids=["nothing", "empty", "short", "é", "bare", "whsk", "whpk"],
)
def test_a_secret_that_is_none_is_no_fault_of_the_message(secret: str) -> None:
    with pytest.raises(InputError) as caught:
        verify(headers(), BODY, secret, now=NOW)

    assert secret[6:] not in str(caught.value) or not secret[6:]


def test_a_private_key_is_nothing_to_verify_with() -> None:
    with pytest.raises(InputError):
        verify(sign("msg_1", NOW, BODY, [PRIVATE]), BODY, PRIVATE, now=NOW)


def test_no_two_secrets_are_the_same() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert len({public_key(new_private_key()) for _ in range(100)}) == 100
