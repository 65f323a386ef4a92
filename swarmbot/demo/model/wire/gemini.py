"""Gemini ``generateContent``: https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import re

from swarmbot.demo.model.conversation import Conversation, Json, Part, Say, Thread, Tool, Usage, pieces, plain

_MODEL = re.compile(r"/models/([^/:]+):")


def read(body: Json, path: str) -> Conversation:
    """Read the body of ``POST /v1beta/models/MODEL:generateContent``; model and streaming stand in the path."""
    thread = Thread()
    instruction = body.get("systemInstruction") or {}
    thread.system(plain(instruction.get("parts") if isinstance(instruction, dict) else instruction))
    for content in body.get("contents", []):
        for part in content.get("parts", []):
            _take(thread, content.get("role"), part)
    tools = [
        Tool(tool["name"], tool.get("parametersJsonSchema") or tool.get("parameters") or {})
        for group in body.get("tools") or []
        for tool in group.get("functionDeclarations", [])
    ]
    settings = body.get("generationConfig") or {}
    schema = settings.get("responseJsonSchema") or settings.get("responseSchema")
    named = _MODEL.search(path)
    return thread.conversation(
        "gemini",
        named[1] if named else "",
        tools,
        streams=":streamGenerateContent" in path,
        answer_schema=schema or ({} if settings.get("responseMimeType") == "application/json" else None),
        longest_answer=settings.get("maxOutputTokens"),
    )


def _take(thread: Thread, role: object, part: Json) -> None:
    if "functionResponse" in part:
        response = part["functionResponse"].get("response") or {}
        failed = "error" in response
        thread.tool(plain(response.get("error") if failed else response.get("output", response)), failed=failed)
    elif "functionCall" in part:
        call = part["functionCall"]
        thread.assistant(f"{call.get('name')}{plain(call.get('args'))}")
    elif "text" in part:
        thread.assistant(part["text"]) if role == "model" else thread.user(part["text"])


def _usage(usage: Usage) -> Json:
    return {
        "promptTokenCount": usage.input,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": usage.input + usage.output,
    }


def _part(part: Part) -> Json:
    if isinstance(part, Say):
        return {"text": part.text}
    return {"functionCall": {"name": part.name, "args": part.arguments}}


def _document(parts: list[Json], usage: Usage, model: str, ident: str, *, ended: bool) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    if ended:
        candidate["finishReason"] = "STOP"
    return {"candidates": [candidate], "usageMetadata": _usage(usage), "modelVersion": model, "responseId": ident}


def whole(parts: tuple[Part, ...], usage: Usage, model: str, ident: str) -> Json:
    """Return the answer as one JSON document."""
    return _document([_part(part) for part in parts], usage, model, ident, ended=True)


def events(parts: tuple[Part, ...], usage: Usage, model: str, ident: str) -> list[Json]:
    """Return the answer as the data of server-sent events, in their order."""
    cut: list[Json] = []
    for part in parts:
        cut += [{"text": piece} for piece in pieces(part.text)] if isinstance(part, Say) else [_part(part)]
    last = len(cut) - 1
    so_far = Usage(usage.input, usage.cached)
    return [
        _document([piece], usage if n == last else so_far, model, ident, ended=n == last) for n, piece in enumerate(cut)
    ]
