"""Secrets stay inside."""

from __future__ import annotations

import pytest

import zg_core as zg
from zg_core._secrets import Secrets, looks_secret, password_in, without_password


def holding(*values: str) -> Secrets:
    secrets = Secrets()
    for value in values:
        secrets.add(value)
    return secrets


def test_a_secret_is_taken_out_wherever_it_stands() -> None:
    secrets = holding("sk-12345678")

    assert secrets.redact("key=sk-12345678&x=sk-12345678") == "key=[secret]&x=[secret]"


def test_without_secrets_nothing_changes() -> None:
    assert Secrets().redact("sk-12345678") == "sk-12345678"
    assert Secrets().redact_record(["sk-12345678"]) == ["sk-12345678"]


def test_what_is_too_short_to_be_told_from_words_stays() -> None:
    assert holding("1234567").redact("1234567") == "1234567"


def test_of_two_secrets_the_longer_one_is_taken_out_whole() -> None:
    secrets = holding("abcdefgh", "abcdefgh-and-more")

    assert secrets.redact("abcdefgh-and-more abcdefgh") == "[secret] [secret]"


def test_characters_that_mean_something_in_patterns_mean_themselves() -> None:
    assert holding("a.*b(c|d)$").redact("x a.*b(c|d)$") == "x [secret]"
    assert holding("a.*b(c|d)$").redact("aXXb(c|d)$") == "aXXb(c|d)$"


def test_a_line_break_around_a_secret_is_not_part_of_it() -> None:
    assert holding("sk-12345678\n").redact("<sk-12345678>") == "<[secret]>"


def test_json_is_redacted_at_every_depth() -> None:
    value = {"a sk-12345678": [1, None, ("x sk-12345678",), {"b": True}]}

    assert holding("sk-12345678").redact_record(value) == {
        "a [secret]": [1, None, ("x [secret]",), {"b": True}]
    }


def test_records_are_redacted_at_every_depth() -> None:
    error = zg.ErrorInfo(type="X", cause="a sk-12345678", details={"k": "sk-12345678"})
    secrets = holding("sk-12345678")

    redacted = secrets.redact_record(zg.RunFailed(error=error, seq=3))

    assert redacted.seq == 3
    assert redacted.error == zg.ErrorInfo(
        type="X", cause="a [secret]", details={"k": "[secret]"}
    )
    assert secrets.redact_record(redacted) is redacted


def test_the_repr_tells_no_secret() -> None:
    assert repr(holding("sk-12345678")) == "Secrets(1 values)"


@pytest.mark.parametrize("name", ["api_key", "API-KEY", "accessToken", "PASSWORD_2"])
def test_names_of_secrets_are_recognised(name: str) -> None:
    assert looks_secret(name)
    assert not looks_secret("base_url")


def test_what_the_environment_names_a_secret_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "canary-of-the-environment")
    monkeypatch.setenv("KEYBOARD_LAYOUT", "an-ordinary-value")
    monkeypatch.setenv("SSH_KEY", "/home/me/.ssh/id_ed25519")
    monkeypatch.setenv("POSTGRES_PASSWORD", "postgres")
    others = "an-ordinary-value postgres /home/me/.ssh/id_ed25519"

    text = Secrets.of_process().redact(f"canary-of-the-environment {others}")

    assert text == f"[secret] {others}"


def test_the_password_of_an_address_is_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:canary-of-a-proxy@proxy.test:8080")
    monkeypatch.setenv("ADDRESS", "http://no-password@proxy.test/a:b@c")

    text = Secrets.of_process().redact("canary-of-a-proxy, no-password, b")

    assert text == "[secret], no-password, b"


def test_a_credential_among_headers_is_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = "Authorization: Bearer canary-one\nX-Api-Key: canary-two\nX-Team: the-blue"
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", lines)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=canary-3,x-key=anything")

    others = "the-blue anything"

    text = Secrets.of_process().redact(f"canary-one canary-two canary-3 {others}")

    assert text == f"[secret] [secret] [secret] {others}"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:hunter2@db/zg", "postgresql://me:[secret]@db/zg"),
        (
            "postgresql://db/zg?a=1&password=hunter2&b=2",
            "postgresql://db/zg?a=1&password=[secret]&b=2",
        ),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert password_in(address) == "hunter2"
    assert without_password(address) == shown


@pytest.mark.parametrize(
    "text", ["sqlite", "sqlite:///runs.db", "postgresql://me@db/zg?host=x", "a:b@c"]
)
def test_a_text_without_a_password_is_shown_as_it_is(text: str) -> None:
    assert password_in(text) is None
    assert without_password(text) == text
