"""Errors come as the vendor of each wire format words them."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import httpx
import pytest

from swarmbot.demo.model import DemoModel, fails, first, run, say, then
from swarmbot.demo.model.trouble import Kind
from tests.demo_model.program import Program, connected, events
from tests.demo_model.programs import Chat, Gemini, Messages, Responses

STATUS: dict[str, dict[type[Program], int]] = {
    "key_refused": {Messages: 401, Responses: 401, Chat: 401, Gemini: 400},
    "no_credit": {Messages: 400, Responses: 429, Chat: 429, Gemini: 429},
    "not_permitted": {Messages: 403, Responses: 403, Chat: 403, Gemini: 403},
    "model_unknown": {Messages: 404, Responses: 404, Chat: 404, Gemini: 404},
    "rate_limited": {Messages: 429, Responses: 429, Chat: 429, Gemini: 429},
    "model_error": {Messages: 500, Responses: 500, Chat: 500, Gemini: 500},
    "overloaded": {Messages: 529, Responses: 503, Chat: 503, Gemini: 503},
    "context_full": {Messages: 400, Responses: 400, Chat: 400, Gemini: 400},
}
CASES = [(kind, program, status) for kind, answers in STATUS.items() for program, status in answers.items()]


async def refused(play_kind: Kind, program: type[Program], folder: Path, streams: bool = False) -> httpx.Response:
    async with DemoModel(fails(play_kind)) as model:
        with pytest.raises(httpx.HTTPStatusError) as error:
            await program(model.url, folder, streams).work("Hi.")
    return error.value.response


def test_every_kind_has_its_statuses() -> None:
    assert set(STATUS) == set(get_args(Kind))


@pytest.mark.parametrize(("kind", "program", "status"), CASES)
async def test_status_and_form_are_the_vendors(tmp_path: Path, kind: Kind, program: type[Program], status: int) -> None:
    answer = await refused(kind, program, tmp_path)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["message"]
    assert "{model}" not in error["message"]
    if program is Messages:
        assert answer.json()["type"] == "error"
        assert answer.headers["x-should-retry"] == ("true" if status == 429 or status >= 500 else "false")
    elif program is Gemini:
        assert error["code"] == status
        assert error["status"].isupper()
    else:
        assert set(error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [("no_credit", "exceeded your current quota"), ("context_full", "maximum context length is 128000 tokens")],
)
async def test_codex_hears_of_a_spent_account_and_a_full_context_in_the_stream(
    tmp_path: Path, kind: Kind, words: str
) -> None:
    async with DemoModel(fails(kind)) as model, connected(model.url) as client:
        program = Responses(model.url, tmp_path)
        program.task("Hi.")
        path, body = program.request()
        answer = await client.post(path, json=body)
    assert answer.status_code == 200
    last = events(answer)[-1]
    assert last["type"] == "response.failed"
    assert words in last["response"]["error"]["message"]


async def test_a_limit_says_when_to_come_back(tmp_path: Path) -> None:
    assert (await refused("rate_limited", Messages, tmp_path)).headers["retry-after"] == "2"
    details = (await refused("rate_limited", Gemini, tmp_path)).json()["error"]["details"]
    assert details[-1]["retryDelay"] == "2s"


async def test_another_status_and_another_message(tmp_path: Path) -> None:
    async with DemoModel(fails(status=402, message="Pay first.")) as model:
        with pytest.raises(httpx.HTTPStatusError) as error:
            await Messages(model.url, tmp_path).work("Hi.")
    assert error.value.response.status_code == 402
    assert error.value.response.json()["error"] == {"type": "billing_error", "message": "Pay first."}


@pytest.mark.parametrize(("kind", "status"), [("key_refused", 401), ("model_unknown", 200), ("context_full", 200)])
async def test_a_question_beside_the_task_meets_only_what_meets_all(kind: Kind, status: int) -> None:
    async with DemoModel(fails(kind)) as model, connected(model.url) as client:
        answer = await client.post("/v1/messages", json={"messages": [], "max_tokens": 1})
    assert answer.status_code == status


async def test_an_error_may_come_in_the_middle_of_the_work(tmp_path: Path) -> None:
    async with DemoModel(then(run("touch here"), fails("model_error"))) as model:
        with pytest.raises(httpx.HTTPStatusError):
            await Messages(model.url, tmp_path).work("Hi.")
    assert (tmp_path / "here").exists()


async def test_an_outage_ends(tmp_path: Path) -> None:
    async with DemoModel(first(2, fails("overloaded"), say("Back."))) as model:
        program = Messages(model.url, tmp_path)
        for _ in range(2):
            with pytest.raises(httpx.HTTPStatusError):
                await program.work("Hi.")
        assert await program.work("Hi.") == "Back."
    assert [asked.status for asked in model.requests] == [529, 529, 200]
