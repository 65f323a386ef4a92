"""What a program asked a model, and what the model answers, without the wire format that carries them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal

Json = dict[str, Any]
Wire = Literal["messages", "responses", "chat", "gemini"]
"""Anthropic Messages, OpenAI Responses, OpenAI Chat Completions, Gemini generateContent."""

_TAG = (
    "system-reminder|session_context|environment_context|user_instructions|turn_aborted|skills_instructions"
    "|command-[a-z]+|local-command-[a-z]+"
)
# Programs put their own words into a person's turn. Taken as a task they would start a play from its beginning.
_OWN_WORDS = re.compile(
    rf"<({_TAG})>.*?</\1>|\[Request interrupted by user[^\]]*\]|^# AGENTS\.md instructions.*|^This is the Gemini CLI.*"
    r"|^Warning: apply_patch was requested via.*",
    re.S,
)
_FOLDERS = (
    re.compile(r"[Ww]orking directory: *(/[^\n]*)"),
    re.compile(r"<cwd>\s*(/[^<\n]*?)\s*</cwd>"),
    re.compile(r"Workspace Directories:\**\s*-? *(/[^\n]*)"),
    re.compile(r"working in the (?:following )?director(?:y|ies):\s*-? *(/[^\n]*)"),
)
_TEXT_EDITS: tuple[tuple[str, Literal["blocks", "whole"]], ...] = (
    ("SEARCH/REPLACE block", "blocks"),
    ("*file listing*", "whole"),
)


@dataclass(frozen=True)
class Say:
    """Words of the model."""

    text: str


@dataclass(frozen=True)
class Call:
    """The model calls a tool. ``arguments`` is a string for a tool that takes free text (``apply_patch``)."""

    name: str
    arguments: Json | str

    @property
    def written(self) -> str:
        """The arguments as the model writes them."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


Part = Say | Call


@dataclass(frozen=True)
class Result:
    """What a tool gave back."""

    text: str
    failed: bool = False
    """The program said so beside the text."""


@dataclass(frozen=True)
class Message:
    """One entry of a conversation, as text."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str


@dataclass(frozen=True)
class Tool:
    """A tool that the program offers."""

    name: str
    schema: Json
    free_text: bool = False
    """It takes text and no JSON."""
    inside: str = ""
    """It is called from a script, which the tool of this name runs."""


@dataclass(frozen=True)
class Usage:
    """Tokens: all of the input, those of it that a cache had, the output."""

    input: int = 0
    cached: int = 0
    output: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input + other.input, self.cached + other.cached, self.output + other.output)


@dataclass(frozen=True)
class Conversation:
    """One request for an answer."""

    wire: Wire
    model: str
    messages: tuple[Message, ...]
    tools: Mapping[str, Tool]
    task: str
    """What a person asked last."""
    results: tuple[Result, ...]
    """What the tools gave back since then."""
    streams: bool
    answer_schema: Json | None = None
    """The JSON schema that the answer must have."""
    forced_tool: str | None = None
    longest_answer: int | None = None
    """Tokens."""
    beside: bool = False
    """The program asks this beside the task: a title, a check, a summary."""

    @property
    def text(self) -> str:
        """All that was said, by everybody."""
        return "\n".join(message.text for message in self.messages)

    @property
    def folder(self) -> str | None:
        """The folder that the program works in, where it tells."""
        # The program's own instructions go first: a task may name a folder in the same words.
        ordered = sorted(self.messages, key=lambda message: message.role != "system")
        text = "\n".join(message.text for message in ordered)
        found = next((found for words in _FOLDERS if (found := words.search(text))), None)
        return found[1].strip().rstrip("/.") if found else None

    @property
    def text_edits(self) -> Literal["blocks", "whole"] | None:
        """How the program reads edits out of the model's words: SEARCH/REPLACE blocks or whole files, as Aider does."""
        if self.tools:
            return None
        return next((form for words, form in _TEXT_EDITS if words in self.text), None)

    def usage(self, parts: tuple[Part, ...]) -> Usage:
        """Count tokens, four characters each: all messages; those up to the last answer (cached); ``parts``."""
        known = max((n + 1 for n, message in enumerate(self.messages) if message.role == "assistant"), default=0)
        cached = sum(tokens(message.text) for message in self.messages[:known])
        fresh = sum(tokens(message.text) for message in self.messages[known:])
        return Usage(cached + fresh, cached, sum(tokens(_written(part)) for part in parts))


def tokens(text: str) -> int:
    """Return how many tokens the demo model counts for a text."""
    return ceil(len(text) / 4)


def _written(part: Part) -> str:
    return part.text if isinstance(part, Say) else part.name + part.written


@dataclass
class Thread:
    """Takes the entries of a conversation in their order; finds the task and the results that came after it."""

    messages: list[Message] = field(default_factory=list)
    task: str = ""
    results: list[Result] = field(default_factory=list)

    def system(self, text: str) -> None:
        """Take the program's instructions."""
        if text:
            self.messages.append(Message("system", text))

    def user(self, text: str) -> None:
        """Take one part of a person's turn. A part that holds only the program's own words is no task."""
        self.messages.append(Message("user", text))
        if asked := _OWN_WORDS.sub("", text).strip():
            self.task = asked
            self.results.clear()

    def assistant(self, text: str) -> None:
        """Take what the model had answered; a call of a tool as its name and arguments."""
        if text:
            self.messages.append(Message("assistant", text))

    def tool(self, text: str, *, failed: bool = False) -> None:
        """Take what a tool gave back."""
        self.messages.append(Message("tool", text))
        self.results.append(Result(text, failed))

    def conversation(self, wire: Wire, model: str, tools: list[Tool], *, streams: bool, **more: Any) -> Conversation:
        """Close the list; ``more`` are further fields of ``Conversation``."""
        return Conversation(
            wire=wire,
            model=model,
            messages=tuple(self.messages),
            tools={tool.name: tool for tool in tools},
            task=self.task,
            results=tuple(self.results),
            streams=streams,
            **more,
        )


def plain(content: Any) -> str:
    """Return the text of a content: a string, a list of parts with ``text``, or anything else as JSON."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(plain(part) for part in content)
    if isinstance(content, dict) and isinstance(content.get("text"), str):
        return str(content["text"])
    return json.dumps(content, ensure_ascii=False)


def pieces(text: str, size: int = 24) -> list[str]:
    """Cut a text into the pieces that a model would stream it in; at least one."""
    return [text[n : n + size] for n in range(0, len(text), size)] or [""]
