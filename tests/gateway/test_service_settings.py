"""What an operator may decide, and what does not start as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import zg_core as zg
from zg_plugins_builtin.gateway.settings import GatewaySettings, read_settings

FOLDER = Path("/srv/zg")
PUBLIC = {"host": "0.0.0.0", "public_url": "https://zg.example.com"}
GOOGLE = {"client_id": "us", "client_secret": "q8sd7fh2kd8s"}


def read(values: dict[str, Any], **told: Any) -> GatewaySettings:
    return read_settings(zg.Settings("builtin", values), FOLDER, **told)


def test_nothing_decided_is_this_machine_and_one_file() -> None:
    settings = read({})

    assert settings.address == "http://127.0.0.1:8000"
    assert settings.database_url == FOLDER / "gateway.db"
    assert settings.http.hosts == ("127.0.0.1", "localhost", "::1")
    assert not settings.http.openapi
    assert not settings.egress.insecure_loopback


def test_the_commands_options_go_before_the_section() -> None:
    settings = read({"port": 1, "host": "::1"}, port=2, host=None)

    assert settings.address == "http://[::1]:2"


def test_the_environment_names_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZG_GATEWAY_DATABASE", "postgresql://zg@db/zg")

    assert read({"database": "x.db"}).database_url == "postgresql://zg@db/zg"
    assert read({}, database="y.db").database_url == Path("y.db")


def test_a_public_address_is_a_host_that_clients_name() -> None:
    settings = read(PUBLIC | {"hosts": ["other.example.com"]})

    assert settings.http.hosts[:2] == ("other.example.com", "zg.example.com")
    assert settings.address == "https://zg.example.com"


def test_rates_are_set_by_the_minute() -> None:
    rates = {rate.name: rate for rate in read({"rates": {"write": 7}}).http.rates}

    assert (rates["write"].requests, rates["write"].seconds) == (7, 60)
    assert rates["read"].requests == 600


def test_how_many_jobs_are_done_at_once_is_set() -> None:
    assert read({"jobs": {"running": 7}}).jobs.running == 7
    assert read({}).jobs.tenant_running == 10


def test_providers_take_their_secrets_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZG_OAUTH_MY_COMPANY_SECRET", "q8sd7fh2kd8s")
    oauth = {"my-company": {"client_id": "us", "issuer": "https://id.example.com"}}

    (provider,) = read(PUBLIC | {"oauth": oauth}).providers

    assert (provider.name, provider.client_secret) == ("my-company", "q8sd7fh2kd8s")
    assert "q8sd" not in repr(read(PUBLIC | {"oauth": oauth}))


def test_the_known_providers_need_no_issuer() -> None:
    oauth = {"google": GOOGLE, "github": GOOGLE}

    kinds = [provider.kind for provider in read(PUBLIC | {"oauth": oauth}).providers]

    assert kinds == ["oidc", "github"]


def test_what_is_tried_out_may_call_this_machine() -> None:
    assert read({}, dev=True).egress.insecure_loopback


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hots": ["x"]}, "no setting 'hots'"),
        ({"port": "80"}, "port .* must be a whole number"),
        ({"port": True}, "port .* must be a whole number"),
        ({"openapi": 1}, "openapi .* must be true or false"),
        ({"host": ""}, "host .* must be text"),
        ({"hosts": "x"}, "hosts .* must be a list"),
        ({"rates": {"write": 0}}, "rates.write"),
        ({"rates": {"wrote": 1}}, "rates.wrote"),
        ({"jobs": {"running": 0}}, "jobs.running"),
        ({"jobs": {"weights": 1}}, "jobs.weights"),
        ({"host": "0.0.0.0"}, "in the clear"),
        ({"host": "0.0.0.0", "public_url": "http://localhost"}, "in the clear"),
        ({"public_url": "http://zg.example.com"}, "none that clients can trust"),
        ({"public_url": "https://zg.example.com/zg"}, "none that clients can trust"),
        ({"public_url": "zg.example.com"}, "none that clients can trust"),
        ({"certificate": "cert.pem"}, "takes its private key"),
        ({"hosts": ["*"]}, "no host that clients can name"),
        ({"origins": ["app.example.com"]}, "no web origin"),
        ({"trusted_proxies": ["0.0.0.0/0"]}, "is everybody"),
        ({"trusted_proxies": ["proxy"]}, "no address"),
        ({"workers": 2}, "2 workers cannot share"),
        ({"oauth": {"google": GOOGLE}}, "would not know where to come back"),
        ({"database": "postgresql://zg:changeme@db/zg"}, "a placeholder"),
        ({"database": "postgresql://zg:x@db/zg"}, "a placeholder"),
    ],
)
def test_what_is_no_protection_does_not_start(
    values: dict[str, Any], said: str
) -> None:
    with pytest.raises(zg.ConfigError, match=said) as caught:
        read(values)

    assert caught.value.remedy
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ({"client_id": "us", "client_secret": "<changeme>"}, "is a placeholder"),
        ({"client_id": "us", "client_secret": "abc"}, "is a placeholder"),
        ({"client_id": "us"}, "needs the secret 'client_secret'"),
        ({"client_secret": "q8sd7fh2kd8s"}, "lacks its client id"),
        (GOOGLE | {"kind": "saml"}, "no setting 'kind'"),
        ("google", "must be a table"),
    ],
)
def test_a_provider_that_cannot_be_does_not_start(provider: Any, said: str) -> None:
    with pytest.raises(zg.ConfigError, match=said):
        read(PUBLIC | {"oauth": {"google": provider}})


def test_an_unknown_provider_takes_an_issuer() -> None:
    with pytest.raises(zg.ConfigError, match=r"the issuer of .*'okta'"):
        read(PUBLIC | {"oauth": {"okta": GOOGLE}})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::"])
def test_what_is_tried_out_listens_on_this_machine_only(host: str) -> None:
    with pytest.raises(zg.ConfigError, match="on this machine only"):
        read({}, dev=True, host=host)
