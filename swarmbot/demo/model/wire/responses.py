"""OpenAI Responses: https://platform.openai.com/docs/api-reference/responses and .../responses-streaming."""

from __future__ import annotations

import re

from swarmbot.demo.model.conversation import Conversation, Json, Part, Say, Thread, Tool, Usage, pieces, plain

_DECLARED = re.compile(
    r"declare const tools: \{ (?P<name>\w+)\((?:input: string|args: \{(?P<arguments>.*?)^\})\): Promise", re.S | re.M
)
_ARGUMENT = re.compile(r"^  (\w+)\??:", re.M)


def read(body: Json, _path: str) -> Conversation:
    """Read the body of ``POST /v1/responses``."""
    thread = Thread()
    thread.system(plain(body.get("instructions")))
    items = body.get("input") or []
    for item in [{"type": "message", "role": "user", "content": items}] if isinstance(items, str) else items:
        _take(thread, item)
    offered = [*(body.get("tools") or [])]
    for item in items if isinstance(items, list) else []:
        offered += item.get("tools", []) if item.get("type") == "additional_tools" else []
    choice = body.get("tool_choice")
    form = (body.get("text") or {}).get("format") or {}
    return thread.conversation(
        "responses",
        body.get("model", ""),
        [tool for given in offered for tool in _tools(given)],
        streams=bool(body.get("stream")),
        answer_schema=form.get("schema"),
        forced_tool=choice.get("name") if isinstance(choice, dict) else None,
        longest_answer=body.get("max_output_tokens"),
    )


def _tools(given: Json) -> list[Tool]:
    name, words = given.get("name", ""), given.get("description", "")
    match given.get("type"):
        case "namespace":
            return [tool for inner in given.get("tools", []) for tool in _tools(inner)]
        case "function":
            return [Tool(name, given.get("parameters") or {})]
        case "custom":
            # Codex shows newer models one tool that runs scripts, and declares the others in its description.
            return [Tool(name, {}, free_text=True), *(_declared(found, name) for found in _DECLARED.finditer(words))]
    return []


def _declared(found: re.Match[str], inside: str) -> Tool:
    named = _ARGUMENT.findall(found["arguments"] or "")
    return Tool(found["name"], {"properties": {name: {} for name in named}}, not found["arguments"], inside)


def _take(thread: Thread, item: Json) -> None:
    kind = str(item.get("type", "message"))
    if kind.endswith("_call_output"):
        output = item.get("output")
        failed = isinstance(output, dict) and output.get("success") is False
        thread.tool(plain(output.get("content") if isinstance(output, dict) else output), failed=failed)
    elif kind.endswith("_call"):
        thread.assistant(f"{item.get('name')}{item.get('arguments') or item.get('input') or ''}")
    elif kind == "message":
        content = item.get("content")
        for part in [content] if isinstance(content, str) else content or []:
            match item.get("role"):
                case "user":
                    thread.user(plain(part))
                case "assistant":
                    thread.assistant(plain(part))
                case _:
                    thread.system(plain(part))


def whole(parts: tuple[Part, ...], usage: Usage, model: str, ident: str) -> Json:
    """Return the answer as one JSON document."""
    return _response([_item(part, f"{ident}{n}") for n, part in enumerate(parts)], usage, model, ident)


def _response(items: list[Json], usage: Usage, model: str, ident: str) -> Json:
    return {
        "id": f"resp_{ident}",
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": items,
        "usage": {
            "input_tokens": usage.input,
            "input_tokens_details": {"cached_tokens": usage.cached},
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.input + usage.output,
        },
    }


def _item(part: Part, ident: str) -> Json:
    if isinstance(part, Say):
        content = [{"type": "output_text", "text": part.text, "annotations": []}]
        return {
            "type": "message",
            "id": f"msg_{ident}",
            "role": "assistant",
            "status": "completed",
            "content": content,
        }
    call = {"call_id": f"call_{ident}", "name": part.name, "status": "completed"}
    if isinstance(part.arguments, str):
        return {"type": "custom_tool_call", "id": f"ctc_{ident}", **call, "input": part.arguments}
    return {"type": "function_call", "id": f"fc_{ident}", **call, "arguments": part.written}


def events(parts: tuple[Part, ...], usage: Usage, model: str, ident: str) -> list[Json]:
    """Return the answer as the data of server-sent events, in their order."""
    response = whole(parts, usage, model, ident)
    opened = {**response, "status": "in_progress", "output": [], "usage": None}
    found: list[Json] = [{"type": f"response.{name}", "response": opened} for name in ("created", "in_progress")]
    for index, (part, item) in enumerate(zip(parts, response["output"], strict=True)):
        found += _item_events(part, item, index)
    return numbered([*found, {"type": "response.completed", "response": response}])


def _item_events(part: Part, item: Json, index: int) -> list[Json]:
    where = {"item_id": item["id"], "output_index": index}
    added = {"type": "response.output_item.added", "output_index": index}
    done = {"type": "response.output_item.done", "output_index": index, "item": item}
    if isinstance(part, Say):
        at = {**where, "content_index": 0}
        empty = {"type": "output_text", "text": "", "annotations": []}
        middle = [
            {"type": "response.content_part.added", **at, "part": empty},
            *({"type": "response.output_text.delta", **at, "delta": piece} for piece in pieces(part.text)),
            {"type": "response.output_text.done", **at, "text": part.text},
            {"type": "response.content_part.done", **at, "part": item["content"][0]},
        ]
        return [{**added, "item": {**item, "status": "in_progress", "content": []}}, *middle, done]
    kind, key = ("custom_tool_call_input", "input") if "input" in item else ("function_call_arguments", "arguments")
    middle = [{"type": f"response.{kind}.delta", **where, "delta": piece} for piece in pieces(part.written)]
    middle.append({"type": f"response.{kind}.done", **where, key: part.written})
    return [{**added, "item": {**item, "status": "in_progress", key: ""}}, *middle, done]


def failed(error: Json, model: str, ident: str) -> list[Json]:
    """Return the events of an answer that fails once the stream is open; ``error`` has code and message."""
    response = {**_response([], Usage(), model, ident), "status": "failed", "error": error, "usage": None}
    opened = {**response, "status": "in_progress", "error": None}
    return numbered(
        [{"type": "response.created", "response": opened}, {"type": "response.failed", "response": response}]
    )


def numbered(found: list[Json]) -> list[Json]:
    """Give the events the numbers that this wire format wants."""
    return [{**event, "sequence_number": n} for n, event in enumerate(found)]
