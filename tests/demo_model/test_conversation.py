"""What is taken for the task, and what is not, in bodies as the programs send them."""

from __future__ import annotations

import pytest

from swarmbot.demo.model import side
from swarmbot.demo.model.conversation import Conversation, Json, Say, Usage, pieces, tokens
from swarmbot.demo.model.plays import refused, say, then, write_file
from swarmbot.demo.model.wire import FORMATS, of_path
from tests.demo_model.program import schema

TOOL = {"name": "Write", "input_schema": schema("file_path", "content")}


def claude(*messages: Json, **more: object) -> Conversation:
    talk = FORMATS["messages"].read({"messages": [*messages], "tools": [TOOL], **more}, "/v1/messages")
    assert isinstance(talk, Conversation)
    return talk


def text(words: str, role: str = "user") -> Json:
    return {"role": role, "content": [{"type": "text", "text": words}]}


def result(words: str, **more: object) -> Json:
    return {"type": "tool_result", "tool_use_id": "t", "content": words, **more}


@pytest.mark.parametrize(
    "own",
    [
        "<system-reminder>\nMind the time.\n</system-reminder>",
        "<local-command-stdout>Bye</local-command-stdout>\n<command-name>/exit</command-name>",
        "[Request interrupted by user for tool use]",
        "# AGENTS.md instructions for /tree\n\nBe brief.",
        "Warning: apply_patch was requested via exec_command. Use the apply_patch tool instead of exec_command.",
    ],
)
def test_the_words_of_a_program_are_no_task(own: str) -> None:
    talk = claude(text("Do it."), {"role": "user", "content": [result("read")]}, text(own))
    assert talk.task == "Do it."
    assert [found.text for found in talk.results] == ["read"]


def test_a_task_after_an_interruption_stands_in_the_same_turn() -> None:
    words = [{"type": "text", "text": "[Request interrupted by user]"}, {"type": "text", "text": "Do that."}]
    talk = claude(text("Do it."), {"role": "user", "content": [result("refused", is_error=True), *words]})
    assert (talk.task, talk.results) == ("Do that.", ())


def test_a_task_may_quote_a_tag() -> None:
    assert claude(text("Why is <system-reminder>x</system-reminder> there?")).task == "Why is  there?"


def test_the_folder_is_the_programs_word_and_not_the_tasks() -> None:
    talk = claude(text("The working directory: /wrong"), text("Primary working directory: /tree\nMore.", "system"))
    assert talk.folder == "/tree"
    assert claude(text("Hi.")).folder is None


def test_tokens_before_the_last_answer_come_from_a_cache() -> None:
    talk = claude(text("12345678"), text("1234", "assistant"), text("123"), system="1234")
    assert talk.usage((Say("12345"),)) == Usage(input=1 + 2 + 1 + 1, cached=1 + 2 + 1, output=2)
    assert [tokens(words) for words in ("", "1", "1234", "12345")] == [0, 1, 1, 2]


def test_pieces_make_the_text_again() -> None:
    assert pieces("") == [""]
    assert pieces("abcde", 2) == ["ab", "cd", "e"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("The user doesn't want to proceed with this tool use. The tool use was rejected.", True),
        ("Claude requested permissions to write to /a, but you haven't granted it yet.", True),
        ("patch rejected: writing outside of the project; rejected by user approval settings", True),
        ("Permission for this action has been denied. Reason: it was flagged.", True),
        ("[Operation Cancelled] Reason: User denied execution.", True),
        ("Permission for this action was denied by the Claude Code auto mode classifier.", True),
        ("Ran 6 tests in 0.004s\n\nFAILED (errors=1)", False),
        ("Error: File has not been read yet.", False),
    ],
)
def test_a_refusal_is_told_from_a_failure(words: str, expected: bool) -> None:
    assert refused(claude(text("Do it."), {"role": "user", "content": [result(words, is_error=True)]})) is expected


def test_words_go_with_the_call_that_follows_them() -> None:
    reply = then(say("I write."), write_file("a", "b"), say("Written."))(claude(text("Do it.")))
    assert reply is not None
    assert [type(part).__name__ for part in getattr(reply, "parts", ())] == ["Say", "Call"]


@pytest.mark.parametrize(
    ("path", "wire"),
    [
        ("/v1/messages", "messages"),
        ("/v1/messages/count_tokens", None),
        ("/v1/responses", "responses"),
        ("/v1/chat/completions", "chat"),
        ("/v1beta/models/gemini-3:streamGenerateContent", "gemini"),
        ("/v1beta/models/gemini-3:countTokens", None),
    ],
)
def test_the_path_tells_the_wire_format(path: str, wire: str | None) -> None:
    assert of_path(path) == wire


def test_an_answer_in_a_schema_is_the_plainest_that_fits() -> None:
    form = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "choice": {"type": "string", "enum": ["flash", "pro"]},
            "score": {"type": "INTEGER", "minimum": 1},
            "sure": {"type": ["boolean", "null"]},
            "kind": {"const": "x"},
            "either": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "names": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        },
    }
    assert side.sample(form) == {
        "title": "Demo task",
        "choice": "flash",
        "score": 1,
        "sure": False,
        "kind": "x",
        "either": None,
        "names": ["Demo task"] * 2,
    }


def test_a_tool_that_must_be_called_is_called() -> None:
    talk = claude(text("Is this safe?"), tool_choice={"type": "tool", "name": "Write"})
    assert side.answer(talk) is not None
    assert [getattr(part, "name", None) for part in side.answer(talk) or ()] == ["Write"]


def test_the_check_of_a_command_lets_it_pass() -> None:
    words = "Say whether this has to be blocked. Respond with <block> immediately."
    talk = FORMATS["messages"].read({"messages": [text(words)]}, "/v1/messages")
    assert side.answer(talk) == (Say("<block>no</block>"),)


def test_a_summary_is_given_although_all_tools_are_offered() -> None:
    words = "Your task is to create a detailed summary of the conversation so far."
    assert side.answer(claude(text(words))) is not None
    assert side.answer(claude(text("Make a summary."))) is None
