"""OpenAI Chat Completions: https://platform.openai.com/docs/api-reference/chat and .../chat-streaming."""

from __future__ import annotations

from swarmbot.demo.model.conversation import Call, Conversation, Json, Part, Say, Thread, Tool, Usage, pieces, plain


def read(body: Json, _path: str) -> Conversation:
    """Read the body of ``POST /v1/chat/completions``."""
    thread = Thread()
    for message in body.get("messages", []):
        _take(thread, message)
    functions = [tool["function"] for tool in body.get("tools") or [] if tool.get("type") == "function"]
    choice = body.get("tool_choice")
    form = body.get("response_format") or {}
    return thread.conversation(
        "chat",
        body.get("model", ""),
        [Tool(function.get("name", ""), function.get("parameters") or {}) for function in functions],
        streams=bool(body.get("stream")),
        answer_schema=(form.get("json_schema") or {}).get("schema"),
        forced_tool=(choice.get("function") or {}).get("name") if isinstance(choice, dict) else None,
        longest_answer=body.get("max_completion_tokens") or body.get("max_tokens"),
    )


def _take(thread: Thread, message: Json) -> None:
    content = message.get("content")
    match message.get("role"):
        case "user":
            for part in [content] if isinstance(content, str) else content or []:
                thread.user(plain(part))
        case "assistant":
            thread.assistant(plain(content))
            for call in message.get("tool_calls") or []:
                function = call.get("function", {})
                thread.assistant(f"{function.get('name')}{function.get('arguments')}")
        case "tool":
            thread.tool(plain(content))
        case _:
            thread.system(plain(content))


def _usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _call(call: Call, index: int, ident: str) -> Json:
    function = {"name": call.name, "arguments": call.written}
    return {"index": index, "id": f"call_{ident}{index}", "type": "function", "function": function}


def _ended(parts: tuple[Part, ...]) -> str:
    return "tool_calls" if any(isinstance(part, Call) for part in parts) else "stop"


def whole(parts: tuple[Part, ...], usage: Usage, model: str, ident: str) -> Json:
    """Return the answer as one JSON document."""
    words = "".join(part.text for part in parts if isinstance(part, Say))
    calls = [_call(part, n, ident) for n, part in enumerate(p for p in parts if isinstance(p, Call))]
    message: Json = {"role": "assistant", "content": words or None, "refusal": None}
    if calls:
        message["tool_calls"] = [{k: v for k, v in call.items() if k != "index"} for call in calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _ended(parts)}
    head = {"id": f"chatcmpl-{ident}", "object": "chat.completion", "created": 0, "model": model}
    return {**head, "choices": [choice], "usage": _usage(usage)}


def events(parts: tuple[Part, ...], usage: Usage, model: str, ident: str) -> list[Json]:
    """Return the answer as the data of server-sent events, the closing ``[DONE]`` left out."""
    head = {"id": f"chatcmpl-{ident}", "object": "chat.completion.chunk", "created": 0, "model": model}

    def chunk(delta: Json, ended: str | None = None) -> Json:
        return {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": ended}]}

    found = [chunk({"role": "assistant", "content": ""})]
    index = 0
    for part in parts:
        if isinstance(part, Say):
            found += [chunk({"content": piece}) for piece in pieces(part.text)]
            continue
        call = _call(part, index, ident)
        call["function"]["arguments"] = ""
        found.append(chunk({"tool_calls": [call]}))
        for piece in pieces(part.written):
            found.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))
        index += 1
    # Sent whether or not stream_options asks for it: every client here reads it, and none minds.
    return [*found, chunk({}, _ended(parts)), {**head, "choices": [], "usage": _usage(usage)}]
