"""Turns what the model wants to do into a call of an offered tool, or into words that the program reads edits from.

Tools are told by name and filled in by the names of their properties, since both differ between programs and versions.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from swarmbot.demo.model.conversation import Call, Conversation, Json, Part, Say, Tool

_READ = ("Read", "read_file", "read")
_EDIT = ("Edit", "replace", "edit")
_WRITE = ("Write", "write_file", "write")
_SHELL = ("Bash", "run_shell_command", "bash", "exec_command", "shell_command", "shell")
_PATCHING_SHELL = ("exec_command", "shell_command", "shell")
"""Codex's: it takes ``apply_patch`` out of their command and treats it as an edit."""

_PROPERTIES = {
    "path": ("file_path", "absolute_path", "path"),
    "old": ("old_string", "oldText"),
    "new": ("new_string", "newText"),
    "content": ("content",),
    "why": ("description", "instruction"),
}


def read(talk: Conversation, path: str) -> Part | None:
    """Read a file of the working folder; None where no tool is for that."""
    tool = _offered(talk, _READ)
    return _call(talk, tool, path=path) if tool else None


def edit(talk: Conversation, path: str, old: str, new: str, before: str | None) -> Part | None:
    """Replace ``old``, which stands once in the file; ``before`` is the file's whole text, where it is known."""
    if tool := _offered(talk, _EDIT):
        return _edit_call(talk, tool, path, old, new)
    if patch := _patch(talk, f"*** Update File: {path}\n@@\n{_hunk(old, new)}"):
        return patch
    if tool := _offered(talk, _WRITE):
        return _call(talk, tool, path=path, content=before.replace(old, new)) if before is not None else None
    if talk.text_edits == "whole" and before is not None:
        return _whole_file(path, before.replace(old, new))
    return _block(path, old, new) if talk.text_edits else None


def write(talk: Conversation, path: str, content: str) -> Part | None:
    """Write a file that is not there yet."""
    if tool := _offered(talk, _WRITE):
        return _call(talk, tool, path=path, content=content)
    added = "".join(f"+{line}\n" for line in content.splitlines())
    if patch := _patch(talk, f"*** Add File: {path}\n{added}"):
        return patch
    if tool := _offered(talk, _SHELL):
        return _shell_call(talk, tool, f"printf %s {shlex.quote(content)} > {shlex.quote(path)}", None)
    if talk.text_edits == "whole":
        return _whole_file(path, content)
    return _block(path, "", content) if talk.text_edits else None


def run(talk: Conversation, command: str, why: str | None = None, **more: Any) -> Part | None:
    """Run a shell command in the working folder; ``more`` are further arguments of the tool."""
    if tool := _offered(talk, _SHELL):
        return _shell_call(talk, tool, command, why, **more)
    return Say(f"\n```bash\n{command}\n```\n") if talk.text_edits else None


def call(talk: Conversation, name: str, arguments: Json) -> Part | None:
    """Call the tool of that name; None where it is not offered."""
    tool = talk.tools.get(name)
    return _through(tool, arguments) if tool else None


def has_file(talk: Conversation, path: str) -> bool:
    """Tell whether a program that reads edits from words has shown the whole file."""
    shown = (f"{path}\n```", f"{path}\n<", f"{path}\n~~~")
    return any(words in message.text for message in talk.messages if message.role == "user" for words in shown)


def _offered(talk: Conversation, names: Iterable[str]) -> Tool | None:
    return next((talk.tools[name] for name in names if name in talk.tools), None)


def _properties(schema: Mapping[str, Any]) -> Json:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _filled(schema: Mapping[str, Any], values: Mapping[str, str]) -> Json:
    properties = _properties(schema)
    named = {role: next((name for name in _PROPERTIES[role] if name in properties), None) for role in values}
    return {name: values[role] for role, name in named.items() if name is not None}


def _call(talk: Conversation, tool: Tool, path: str, **values: str) -> Call:
    arguments = _filled(tool.schema, {"path": path, **values})
    # Claude Code refuses relative paths; programs whose property is just "path" show it as it comes.
    for name in ("file_path", "absolute_path"):
        if name in arguments and talk.folder is not None:
            arguments[name] = f"{talk.folder}/{path}"
    return Call(tool.name, arguments)


def _through(tool: Tool, arguments: Json | str) -> Call:
    if not tool.inside:
        return Call(tool.name, arguments)
    script = f"const found = await tools.{tool.name}({json.dumps(arguments)});\ntext(found.output ?? found);\n"
    return Call(tool.inside, script)


def _edit_call(talk: Conversation, tool: Tool, path: str, old: str, new: str) -> Call:
    values = {"old": old, "new": new, "why": "Guard against empty input"}
    call = _call(talk, tool, path=path, **values)
    edits = _properties(tool.schema).get("edits")
    if edits is not None and isinstance(call.arguments, dict):
        call.arguments["edits"] = [_filled(edits.get("items", {}), values)]
    return call


def _shell_call(talk: Conversation, tool: Tool, command: str, why: str | None, **more: Any) -> Call:
    properties = _properties(tool.schema)
    name = "cmd" if "cmd" in properties else "command"
    listed = properties.get(name, {}).get("type") == "array"
    arguments = {name: ["bash", "-lc", command] if listed else command}
    if "description" in properties:
        arguments["description"] = why or "Run a command"
    return _through(tool, {**arguments, **more})


def _patch(talk: Conversation, change: str) -> Call | None:
    text = f"*** Begin Patch\n{change}*** End Patch\n"
    if tool := talk.tools.get("apply_patch"):
        return _through(tool, text if tool.free_text else {"input": text})
    if tool := _offered(talk, _PATCHING_SHELL):
        return _shell_call(talk, tool, f"apply_patch <<'PATCH'\n{text}PATCH\n", "Change a file")
    return None


def _hunk(old: str, new: str) -> str:
    before, after = old.splitlines(), new.splitlines()
    rows: list[str] = []
    for kind, start, end, new_start, new_end in SequenceMatcher(None, before, after).get_opcodes():
        if kind == "equal":
            rows += [f" {line}" for line in before[start:end]]
        else:
            rows += [f"-{line}" for line in before[start:end]] + [f"+{line}" for line in after[new_start:new_end]]
    return "".join(f"{row}\n" for row in rows)


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _block(path: str, old: str, new: str) -> Say:
    return Say(f"\n{path}\n```\n<<<<<<< SEARCH\n{_ended(old)}=======\n{_ended(new)}>>>>>>> REPLACE\n```\n")


def _whole_file(path: str, content: str) -> Say:
    return Say(f"\n{path}\n```\n{_ended(content)}```\n")
