"""Small stand-ins for the programs of real agents: one for each wire format, with the tools that they offer."""

from __future__ import annotations

import json
import re

from tests.demo_model.program import Json, Program, Turn, schema

_BLOCK = re.compile(r"^(\S+)\n```\n<<<<<<< SEARCH\n(.*?)=======\n(.*?)>>>>>>> REPLACE\n```$", re.S | re.M)
_WHOLE = re.compile(r"^(\S+)\n```\n(.*?)```$", re.S | re.M)

EDITS = {"type": "array", "items": schema("oldText", "newText")}
SCRIPTS = """Run JavaScript code.

### `apply_patch`
```ts
declare const tools: { apply_patch(input: string): Promise<unknown>; };
```

### `exec_command`
```ts
declare const tools: { exec_command(args: {
  // Shell command to execute.
  cmd: string;
  // What a person is asked; of use with { and }.
  justification?: string;
}): Promise<{
  output: string;
}>; };
```
"""


class Messages(Program):
    """As Claude Code."""

    def task(self, text: str) -> None:
        self.tools = {
            "Bash": schema("command", "description"),
            "Edit": schema("file_path", "old_string", "new_string"),
            "Read": schema("file_path"),
            "Write": schema("file_path", "content"),
        }
        reminder = {"type": "text", "text": "<system-reminder>\nKeep to the task.\n</system-reminder>"}
        self.entries.append({"role": "user", "content": [reminder, {"type": "text", "text": text}]})

    def request(self) -> tuple[str, Json]:
        tools = [{"name": name, "input_schema": form} for name, form in self.tools.items()]
        system = [{"type": "text", "text": f"Primary working directory: {self.folder}\n"}]
        body = {"model": "m", "system": system, "messages": self.entries, "tools": tools, "max_tokens": 999}
        return "/v1/messages?beta=true", {**body, "stream": self.streams}

    def whole(self, body: Json) -> Turn:
        turn = Turn(usage=self.counted(body["usage"]))
        for block in body["content"]:
            if block["type"] == "text":
                turn.text += block["text"]
            else:
                turn.calls.append((block["id"], block["name"], block["input"]))
        assert body["stop_reason"] == ("tool_use" if turn.calls else "end_turn")
        return turn

    def streamed(self, events: list[Json]) -> Turn:
        message = events[0]["message"]
        written: dict[int, str] = {}
        for event in events:
            match event["type"]:
                case "content_block_start":
                    message["content"].append(event["content_block"])
                    written[event["index"]] = ""
                case "content_block_delta":
                    delta = event["delta"]
                    written[event["index"]] += delta.get("text", "") + delta.get("partial_json", "")
                case "message_delta":
                    message |= {"usage": event["usage"], **event["delta"]}
        for index, block in enumerate(message["content"]):
            said = block["type"] == "text"
            block.update({"text": written[index]} if said else {"input": json.loads(written[index])})
        assert events[-1]["type"] == "message_stop"
        return self.whole(message)

    def counted(self, usage: Json) -> tuple[int, int, int]:
        cached = usage["cache_read_input_tokens"]
        return usage["input_tokens"] + cached, cached, usage["output_tokens"]

    def answered(self, turn: Turn) -> None:
        blocks: list[Json] = [{"type": "text", "text": turn.text}] if turn.text else []
        blocks += [{"type": "tool_use", "id": i, "name": name, "input": given} for i, name, given in turn.calls]
        self.entries.append({"role": "assistant", "content": blocks})

    def result(self, ident: str, name: str, text: str) -> None:
        block = {"type": "tool_result", "tool_use_id": ident, "content": text, "is_error": bool(self.refuses)}
        self.entries.append({"role": "user", "content": [block]})


class Responses(Program):
    """As Codex."""

    scripts = False

    def task(self, text: str) -> None:
        self.tools = self.tools or {"exec_command": schema("cmd")}
        context = f"<environment_context>\n  <cwd>{self.folder}</cwd>\n</environment_context>"
        for words in (context, text):
            content = [{"type": "input_text", "text": words}]
            self.entries.append({"type": "message", "role": "user", "content": content})

    def request(self) -> tuple[str, Json]:
        tools = [
            {"type": "function" if form else "custom", "name": name, "parameters": form}
            for name, form in self.tools.items()
        ]
        body = {"model": "m", "instructions": "Work.", "input": self.entries, "tools": [*tools, {"type": "web_search"}]}
        if self.scripts:
            script = {"type": "custom", "name": "exec", "description": SCRIPTS}
            group = {"type": "namespace", "name": "functions", "tools": [script]}
            first = {"type": "additional_tools", "role": "developer", "tools": [group]}
            body |= {"input": [first, *self.entries], "tools": []}
        return "/v1/responses", {**body, "stream": self.streams}

    def whole(self, body: Json) -> Turn:
        usage = body["usage"]
        cached = usage["input_tokens_details"]["cached_tokens"]
        turn = Turn(usage=(usage["input_tokens"], cached, usage["output_tokens"]))
        for item in body["output"]:
            if item["type"] == "message":
                turn.text += item["content"][0]["text"]
            else:
                given = json.loads(item["arguments"]) if "arguments" in item else item["input"]
                turn.calls.append((item["call_id"], item["name"], given))
        return turn

    def streamed(self, events: list[Json]) -> Turn:
        assert [event["sequence_number"] for event in events] == [*range(len(events))]
        assert events[-1]["type"] == "response.completed"
        turn = self.whole(events[-1]["response"])
        words = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
        assert "".join(words) == turn.text
        return turn

    def answered(self, turn: Turn) -> None:
        for ident, name, given in turn.calls:
            call = {"type": "function_call", "call_id": ident, "name": name, "arguments": json.dumps(given)}
            self.entries.append(call)

    def result(self, ident: str, name: str, text: str) -> None:
        self.entries.append({"type": "function_call_output", "call_id": ident, "output": text})


class Scripts(Responses):
    """As Codex with the models to which it offers one tool that runs scripts."""

    scripts = True


class Chat(Program):
    """As Pi."""

    def task(self, text: str) -> None:
        self.tools = {
            "read": schema("path"),
            "bash": schema("command"),
            "edit": schema("path", edits=EDITS),
            "write": schema("path", "content"),
        }
        self.entries.append({"role": "user", "content": text})

    def request(self) -> tuple[str, Json]:
        functions = [{"name": name, "parameters": form} for name, form in self.tools.items()]
        body = {"model": "m", "messages": [{"role": "system", "content": "Work."}, *self.entries]}
        tools = [{"type": "function", "function": function} for function in functions]
        return "/v1/chat/completions", {**body, **({"tools": tools} if tools else {}), "stream": self.streams}

    def whole(self, body: Json) -> Turn:
        usage, choice = body["usage"], body["choices"][0]
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        turn = Turn(
            choice["message"]["content"] or "", usage=(usage["prompt_tokens"], cached, usage["completion_tokens"])
        )
        for call in choice["message"].get("tool_calls", []):
            function = call["function"]
            turn.calls.append((call["id"], function["name"], json.loads(function["arguments"])))
        assert choice["finish_reason"] == ("tool_calls" if turn.calls else "stop")
        return turn

    def streamed(self, events: list[Json]) -> Turn:
        message: Json = {"content": "", "tool_calls": []}
        for delta in [event["choices"][0]["delta"] for event in events[:-1]]:
            message["content"] += delta.get("content", "")
            for call in delta.get("tool_calls", []):
                if "id" in call:
                    message["tool_calls"].append(call)
                else:
                    message["tool_calls"][call["index"]]["function"]["arguments"] += call["function"]["arguments"]
        ended = events[-2]["choices"][0]["finish_reason"]
        return self.whole({"choices": [{"message": message, "finish_reason": ended}], "usage": events[-1]["usage"]})

    def answered(self, turn: Turn) -> None:
        calls = [
            {"id": ident, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
            for ident, name, given in turn.calls
        ]
        self.entries.append({"role": "assistant", "content": turn.text or None, "tool_calls": calls})

    def result(self, ident: str, name: str, text: str) -> None:
        self.entries.append({"role": "tool", "tool_call_id": ident, "content": text})


class Text(Chat):
    """As Aider: no tools, edits out of words, and a file is shown once the model asked for it."""

    form = "*SEARCH/REPLACE block*"

    def task(self, text: str) -> None:
        self.entries.append({"role": "user", "content": f"{text}\n\nAnswer with a {self.form}."})

    async def work(self, task: str) -> str:
        said = await super().work(task)
        if wanted := re.search(r"(\S+\.py)\. Please add it", said):
            shown = (self.folder / wanted[1]).read_text()
            self.entries.insert(
                0, {"role": "user", "content": f"I have added these:\n\n{wanted[1]}\n```\n{shown}```\n"}
            )
            said = await super().work(task)
        for name, old, new in _BLOCK.findall(said):
            path = self.folder / name
            before = path.read_text() if old else ""
            path.write_text(before.replace(old, new) if old else new)
        if not _BLOCK.search(said):
            for name, content in _WHOLE.findall(said):
                (self.folder / name).write_text(content)
        return said


class WholeText(Text):
    form = "*file listing*"


class Gemini(Program):
    """As Gemini CLI."""

    def task(self, text: str) -> None:
        self.tools = {
            "read_file": schema("file_path"),
            "replace": schema("file_path", "instruction", "old_string", "new_string"),
            "write_file": schema("file_path", "content"),
            "run_shell_command": schema("command", "description"),
        }
        context = f"<session_context>\n- **Workspace Directories:**\n  - {self.folder}\n</session_context>"
        self.entries.append({"role": "user", "parts": [{"text": context}, {"text": text}]})

    def request(self) -> tuple[str, Json]:
        tools = [{"name": name, "parametersJsonSchema": form} for name, form in self.tools.items()]
        body = {"contents": self.entries, "tools": [{"functionDeclarations": tools}]}
        end = "streamGenerateContent?alt=sse" if self.streams else "generateContent"
        return f"/v1beta/models/m:{end}", body

    def whole(self, body: Json) -> Turn:
        usage = body["usageMetadata"]
        turn = Turn(usage=(usage["promptTokenCount"], usage["cachedContentTokenCount"], usage["candidatesTokenCount"]))
        for part in body["candidates"][0]["content"]["parts"]:
            turn.text += part.get("text", "")
            if called := part.get("functionCall"):
                turn.calls.append(("", called["name"], called["args"]))
        assert body["candidates"][0]["finishReason"] == "STOP"
        return turn

    def streamed(self, events: list[Json]) -> Turn:
        parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
        events[-1]["candidates"][0]["content"]["parts"] = parts
        return self.whole(events[-1])

    def answered(self, turn: Turn) -> None:
        parts = [{"functionCall": {"name": name, "args": given}} for _, name, given in turn.calls]
        self.entries.append({"role": "model", "parts": parts})

    def result(self, ident: str, name: str, text: str) -> None:
        response = {"error" if self.refuses else "output": text}
        self.entries.append({"role": "user", "parts": [{"functionResponse": {"name": name, "response": response}}]})


WITH_TOOLS: tuple[type[Program], ...] = (Messages, Responses, Scripts, Chat, Gemini)
PROGRAMS: tuple[type[Program], ...] = (*WITH_TOOLS, Text, WholeText)
