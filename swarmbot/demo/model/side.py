"""Answers to what programs ask beside the task: titles, topics, routing, checks of a command, summaries."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from swarmbot.demo.model.conversation import Call, Conversation, Json, Part, Say, Tool

TITLE = "Demo task"

_SUMMARY = "The task was worked on as the conversation above shows. Nothing else is left to do."
_WORDS: tuple[tuple[str, str], ...] = (
    # Claude Code asks which prefix of a command could be allowed for good, and which files its output shows.
    ("<policy_spec>", "none"),
    ("file paths that", "<is_displaying_contents>\nfalse\n</is_displaying_contents>\n\n<filepaths>\n</filepaths>"),
    # In its auto mode it asks whether a call has to be blocked.
    ("<block>", "<block>no</block>"),
    ("indicates a new conversation topic", json.dumps({"isNewTopic": False, "title": None})),
)
_SUMMARIES = (
    "Your task is to create a detailed summary of the conversation",
    "CONTEXT CHECKPOINT COMPACTION",
)
"""Requests for a summary that offer all tools, as if they were part of the task."""


def answer(talk: Conversation) -> tuple[Part, ...] | None:
    """Answer a request that is none of the task's; None for one that is."""
    if talk.forced_tool is not None:
        schema = talk.tools.get(talk.forced_tool, Tool(talk.forced_tool, {})).schema
        return (Call(talk.forced_tool, _object(schema)),)
    if talk.answer_schema is not None:
        return (Say(json.dumps(sample(talk.answer_schema) or {})),)
    if any(words in talk.task for words in _SUMMARIES):
        return (Say(_SUMMARY),)
    if talk.longest_answer == 1:
        return (Say("ok"),)
    if talk.tools or talk.text_edits:
        return None
    return (Say(next((words for asked, words in _WORDS if asked in talk.text), TITLE)),)


def sample(schema: Json) -> Any:
    """Make the plainest value that a JSON schema allows; a choice is made for the first."""
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return sample(schema[key][0])
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    values: dict[str, Callable[[], Any]] = {
        "object": lambda: _object(schema),
        "array": lambda: [sample(schema.get("items", {}))] * schema.get("minItems", 0),
        "integer": lambda: schema.get("minimum", 0),
        "number": lambda: schema.get("minimum", 0),
        "boolean": lambda: False,
        "string": lambda: TITLE,
    }
    plainest = values.get(str(kind[0] if isinstance(kind, list) and kind else kind).lower())
    return plainest() if plainest else schema.get("const")


def _object(schema: Json) -> Json:
    return {name: sample(value) for name, value in schema.get("properties", {}).items()}
