"""The four wire formats. Each reads a body into a ``Conversation`` and writes an answer, at once or in events."""

from __future__ import annotations

from types import ModuleType

from swarmbot.demo.model.conversation import Wire
from swarmbot.demo.model.wire import chat, gemini, messages, responses

FORMATS: dict[Wire, ModuleType] = {"messages": messages, "responses": responses, "chat": chat, "gemini": gemini}


def of_path(path: str) -> Wire | None:
    """Tell the wire format of a path that is asked for an answer."""
    if path.endswith("/messages"):
        return "messages"
    if path.endswith("/responses"):
        return "responses"
    if path.endswith("/chat/completions"):
        return "chat"
    return "gemini" if path.endswith((":generateContent", ":streamGenerateContent")) else None
