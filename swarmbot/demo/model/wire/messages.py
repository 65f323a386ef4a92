"""Anthropic Messages: https://platform.claude.com/docs/en/api/messages and .../build-with-claude/streaming."""

from __future__ import annotations

from typing import Any

from swarmbot.demo.model.conversation import Call, Conversation, Json, Part, Say, Thread, Tool, Usage, pieces, plain


def read(body: Json, _path: str) -> Conversation:
    """Read the body of ``POST /v1/messages``."""
    thread = Thread()
    thread.system(plain(body.get("system")))
    for message in body.get("messages", []):
        content = message.get("content")
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
            _take(thread, message.get("role"), part)
    tools = [Tool(tool.get("name", ""), tool.get("input_schema", {})) for tool in body.get("tools") or []]
    choice = body.get("tool_choice") or {}
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return thread.conversation(
        "messages",
        body.get("model", ""),
        tools,
        streams=bool(body.get("stream")),
        answer_schema=form.get("schema"),
        forced_tool=choice.get("name") if choice.get("type") == "tool" else None,
        longest_answer=body.get("max_tokens"),
    )


def _take(thread: Thread, role: Any, part: Json) -> None:
    match part.get("type"):
        case "tool_result":
            thread.tool(plain(part.get("content")), failed=bool(part.get("is_error")))
        case "tool_use":
            thread.assistant(f"{part.get('name')}{plain(part.get('input'))}")
        case "text" if role == "user":
            thread.user(part.get("text", ""))
        case "text" if role == "system":
            thread.system(part.get("text", ""))
        case "text":
            thread.assistant(part.get("text", ""))


def whole(parts: tuple[Part, ...], usage: Usage, model: str, ident: str) -> Json:
    """Return the answer as one JSON document."""
    blocks = [_block(part, f"{ident}{n}") for n, part in enumerate(parts)]
    stop = "tool_use" if any(isinstance(part, Call) for part in parts) else "end_turn"
    return {
        "id": f"msg_{ident}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage.input - usage.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached,
            "output_tokens": usage.output,
        },
    }


def _block(part: Part, ident: str) -> Json:
    if isinstance(part, Say):
        return {"type": "text", "text": part.text}
    return {"type": "tool_use", "id": f"toolu_{ident}", "name": part.name, "input": part.arguments}


def events(parts: tuple[Part, ...], usage: Usage, model: str, ident: str) -> list[Json]:
    """Return the answer as the data of server-sent events, in their order."""
    message = whole(parts, usage, model, ident)
    opened = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    found: list[Json] = [{"type": "message_start", "message": opened}, {"type": "ping"}]
    for index, (part, block) in enumerate(zip(parts, message["content"], strict=True)):
        if isinstance(part, Say):
            empty = {**block, "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces(part.text)]
        else:
            empty = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces(part.written))]
        found.append({"type": "content_block_start", "index": index, "content_block": empty})
        found += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        found.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    return [*found, {"type": "message_delta", "delta": ended, "usage": message["usage"]}, {"type": "message_stop"}]
