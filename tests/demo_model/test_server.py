"""The demo model over HTTP: what it remembers, whom it refuses, how it hangs and ends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from swarmbot.demo.model import DemoModel, fails, first, hangs, run, say, slow
from swarmbot.demo.model.plays import CLOSING
from tests.demo_model.program import Json, Program, connected
from tests.demo_model.programs import PROGRAMS, WITH_TOOLS, Gemini, Messages

TITLE_SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}
BESIDE: list[tuple[str, Json]] = [
    ("/v1/messages", {"messages": [{"role": "user", "content": "quota"}], "max_tokens": 1}),
    ("/v1/messages", {"messages": [], "output_config": {"format": {"type": "json_schema", "schema": TITLE_SCHEMA}}}),
    ("/v1/responses", {"input": "Name this."}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Sum it up."}]}),
    ("/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Which model?"}]}]}),
]


@pytest_asyncio.fixture
async def model() -> AsyncIterator[DemoModel]:
    async with DemoModel(say("Hello.")) as model:
        yield model


@pytest_asyncio.fixture
async def http(model: DemoModel) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(model.url) as client:
        yield client


async def test_it_remembers_what_was_asked_and_with_which_key(model: DemoModel, tmp_path: Path) -> None:
    await Messages(model.url, tmp_path, key="sk-mine").work("Greet me.")
    (asked,) = model.requests
    assert (asked.method, asked.path, asked.status, asked.wire) == ("POST", "/v1/messages?beta=true", 200, "messages")
    assert asked.key == "sk-mine"
    assert asked.body["messages"][0]["role"] == "user"
    assert asked.conversation is not None
    assert asked.conversation.task == "Greet me."
    assert asked.conversation.folder == str(tmp_path)
    assert "Keep to the task." in asked.text


@pytest.mark.parametrize(
    ("headers", "query"),
    [({"x-api-key": "k"}, ""), ({"authorization": "Bearer k"}, ""), ({"x-goog-api-key": "k"}, ""), ({}, "?key=k")],
)
async def test_the_key_is_found_wherever_a_vendor_takes_it(
    model: DemoModel, http: httpx.AsyncClient, headers: dict[str, str], query: str
) -> None:
    await http.post(f"/v1/responses{query}", json={}, headers=headers)
    assert model.requests[0].key == "k"


@pytest.mark.parametrize(("kind", "status"), [(kind, 400 if kind is Gemini else 401) for kind in WITH_TOOLS])
async def test_an_unknown_key_is_refused(tmp_path: Path, kind: type[Program], status: int) -> None:
    async with DemoModel(say("Hello."), keys={"good"}) as model:
        assert await kind(model.url, tmp_path, key="good").work("Hi.") == "Hello."
        with pytest.raises(httpx.HTTPStatusError) as error:
            await kind(model.url, tmp_path, key="bad").work("Hi.")
    assert error.value.response.status_code == status


@pytest.mark.parametrize(("path", "body"), BESIDE)
async def test_a_question_beside_the_task_is_answered_and_is_no_turn(
    model: DemoModel, http: httpx.AsyncClient, path: str, body: Json
) -> None:
    answer = await http.post(path, json=body)
    assert answer.status_code == 200
    assert "Hello." not in answer.text
    assert model.turns == []


async def test_a_question_beside_the_task_does_not_use_up_an_outage(http: httpx.AsyncClient, model: DemoModel) -> None:
    model.play = first(1, fails("overloaded"), say("Back."))
    path, body = BESIDE[0]
    assert [(await http.post(path, json=body)).status_code for _ in range(3)] == [529, 529, 529]
    tools = [{"name": "Read", "input_schema": {}}]
    assert (await http.post(path, json={"messages": [], "tools": tools})).status_code == 529
    assert (await http.post(path, json=body)).status_code == 200


async def test_tokens_are_counted_as_they_are_charged(model: DemoModel, http: httpx.AsyncClient) -> None:
    messages = {"messages": [{"role": "user", "content": "12345678"}]}
    contents = {"contents": [{"role": "user", "parts": [{"text": "123456789"}]}]}
    assert (await http.post("/v1/messages/count_tokens", json=messages)).json() == {"input_tokens": 2}
    counted = await http.post("/v1beta/models/m:countTokens", json={"generateContentRequest": contents})
    assert counted.json() == {"totalTokens": 3}
    assert (await http.post("/v1/messages", json=messages)).json()["usage"]["input_tokens"] == 2
    assert model.usage.input == 2


async def test_what_programs_look_for_at_their_start_is_there(model: DemoModel, http: httpx.AsyncClient) -> None:
    assert (await http.head("/")).status_code == 200
    assert [entry["id"] for entry in (await http.get("/v1/models")).json()["data"]] == ["demo"]
    assert (await http.get("/nowhere")).status_code == 404
    assert (await http.post("/nowhere", json={})).status_code == 404
    assert (await http.post("/v1/messages", content=b"[]")).status_code == 400
    assert [asked.wire for asked in model.requests] == [None, None, None, None, None]


async def test_gemini_gets_a_list_where_it_wants_no_events(http: httpx.AsyncClient) -> None:
    body = {"contents": [], "tools": [{"functionDeclarations": [{"name": "read_file"}]}]}
    chunks = (await http.post("/v1beta/models/m:streamGenerateContent", json=body)).json()
    assert [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks] == ["Hello."]


@pytest.mark.parametrize("when", ["before", "midway"])
@pytest.mark.parametrize("kind", PROGRAMS, ids=lambda kind: kind.__name__)
async def test_a_model_that_hangs_answers_nobody_and_still_closes(
    tmp_path: Path, kind: type[Program], when: str
) -> None:
    async with DemoModel(hangs("midway" if when == "midway" else "before")) as model:
        asking = asyncio.create_task(kind(model.url, tmp_path).work("Hi."))
        await model.until(lambda it: len(it.turns) == 1)
        assert not asking.done()
    with pytest.raises(httpx.HTTPStatusError if when == "before" else httpx.TransportError):
        await asking
    assert model.requests[0].status == (200 if when == "midway" else 503)


async def test_a_slow_model_says_all_of_it_in_pieces(model: DemoModel, tmp_path: Path) -> None:
    words = "a long answer that comes in several pieces, one after another"
    model.play = slow(0.001, say(words))
    assert await Messages(model.url, tmp_path).work("Hi.") == words


async def test_a_slow_model_stops_when_it_is_closed(tmp_path: Path) -> None:
    async with DemoModel(slow(3600, say("never"))) as model, connected(model.url) as client:
        program = Messages(model.url, tmp_path)
        program.task("Hi.")
        path, body = program.request()
        async with client.stream("POST", path, json=body) as answer:
            assert answer.status_code == 200
            assert model.requests[0].status == 0


async def test_a_long_task_and_a_broken_character_come_through(model: DemoModel, http: httpx.AsyncClient) -> None:
    task = "```python\nprint('ü → 🙂')\n```\n" * 700
    body = {"messages": [{"role": "user", "content": task}], "tools": [{"name": "Read", "input_schema": {}}]}
    assert (await http.post("/v1/messages", json=body)).status_code == 200
    assert [asked.conversation.task for asked in model.turns if asked.conversation] == [task.strip()]
    model.play = say("half a pair: \ud83d")
    assert (await http.post("/v1/messages", json=body)).json()["content"][0]["text"] == "half a pair: ?"


async def test_by_default_it_only_closes(tmp_path: Path) -> None:
    async with DemoModel() as model:
        assert await Messages(model.url, tmp_path).work("FAKE_BASH fix run fails hangs") == CLOSING


async def test_a_step_that_no_tool_can_take_ends_in_words(model: DemoModel, http: httpx.AsyncClient) -> None:
    model.play = run("true")
    body = {"messages": [], "tools": [{"name": "Read", "input_schema": {}}]}
    assert (await http.post("/v1/messages", json=body)).json()["content"] == [{"type": "text", "text": CLOSING}]


async def test_it_can_be_started_by_hand(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    argv = ["-m", "swarmbot.demo.model", "0", "--play", "say", "--words", "By hand.", "--log", str(log)]
    program = await asyncio.create_subprocess_exec(sys.executable, *argv, stdout=asyncio.subprocess.PIPE)
    assert program.stdout is not None
    try:
        url = (await program.stdout.readline()).decode().strip()
        assert await Messages(url, tmp_path).work("Hi.") == "By hand."
        assert b'"task": "Hi."' in await program.stdout.readline()
    finally:
        program.terminate()
        await program.communicate()
