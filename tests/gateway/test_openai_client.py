"""The service in a process of its own, asked by clients that are not ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from gateway.serving import Serving, serving

HI: Any = [{"role": "user", "content": "Say hi"}]


@pytest.fixture(scope="module")
def service(wire: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    environment = {
        "ZG_HOME": str(tmp_path_factory.mktemp("home")),
        "ZG_MODEL": "openai:gpt-test",
        "OPENAI_BASE_URL": f"{wire}/v1",
        "OPENAI_API_KEY": "sk-test-key-of-no-worth",
    }
    with serving("--dev", **environment) as served:
        yield served


def options(service: Serving) -> dict[str, Any]:
    key = service.told["credential"]["secret"]
    return {"base_url": f"{service.address}/v1", "api_key": key}


def test_openais_client_asks_and_reads_streams(service: Serving) -> None:
    with openai.OpenAI(**options(service)) as client:
        models = [model.id for model in client.models.list()]
        answer = client.chat.completions.create(model="assistant", messages=HI)
        content = answer.choices[0].message.content
        stream = client.chat.completions.create(
            model="assistant", messages=HI, stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
        key = options(service)["api_key"]
        job_id = f"job_{answer.id.removeprefix('chatcmpl-')}"
        job = service.ask("GET", f"/api/v1/job/{job_id}", key).json()

    assert {"assistant", "workflow:adaptive"} <= set(models)
    assert content
    assert "".join(pieces) == content
    assert job["result"] == content


@pytest.mark.anyio
async def test_openais_other_client_does_too(service: Serving) -> None:
    async with openai.AsyncOpenAI(**options(service)) as client:
        answer = await client.chat.completions.create(model="assistant", messages=HI)
        stream = await client.chat.completions.create(
            model="assistant", messages=HI, stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]

    assert "".join(pieces) == answer.choices[0].message.content


def test_who_is_not_known_gets_their_error(service: Serving) -> None:
    asked = {**options(service), "api_key": "zgk_test_none"}
    with (
        openai.OpenAI(**asked) as client,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        client.chat.completions.create(model="assistant", messages=HI)

    assert refused.value.type == "authentication_error"


def test_what_the_server_itself_refuses_is_in_their_words(service: Serving) -> None:
    key = options(service)["api_key"]
    headers = {"x-long": "x" * 40_000, "authorization": f"Bearer {key}"}
    with (
        openai.OpenAI(**options(service), max_retries=0) as client,
        pytest.raises(openai.APIStatusError) as refused,
    ):
        client.models.list(extra_headers=headers)

    assert refused.value.status_code == 431
    assert refused.value.code == "headers_too_large"


@pytest.mark.heavy
def test_llm_talks_with_an_agent_as_with_any_model(
    service: Serving, tmp_path: Path
) -> None:
    pytest.importorskip("llm")
    asked = options(service)
    models = [
        {
            "model_id": f"zg-{name}",
            "model_name": name,
            "api_base": asked["base_url"],
            "api_key_name": "zg",
        }
        for name in ("assistant", "workflow:adaptive")
    ]
    # JSON is YAML.
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps(models))
    (tmp_path / "keys.json").write_text(json.dumps({"zg": asked["api_key"]}))

    def llm(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "llm", *arguments],
            env={**os.environ, "LLM_USER_PATH": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    streamed = llm("-m", "zg-assistant", "Say hi")
    whole = llm("-m", "zg-assistant", "--no-stream", "Say hi")
    goes_on = llm("-c", "-s", "Be brief", "And again")
    worked = llm("-m", "zg-workflow:adaptive", "--no-stream", "Write a haiku")

    assert streamed == whole != ""
    assert "And again" in goes_on
    assert worked
    listed = service.ask("GET", "/api/v1/jobs", asked["api_key"]).json()["data"]
    assert [job["objective"] for job in listed[:4]] == [
        "Write a haiku",
        "And again",
        "Say hi",
        "Say hi",
    ]
