"""What the stand-ins share: they ask the model over HTTP, carry out its calls, and end when it only talks."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

Json = dict[str, Any]

_PATCH = re.compile(r"^apply_patch <<'PATCH'\n(.*)PATCH\n$", re.S)
_SCRIPT = re.compile(r"^const found = await tools\.(\w+)\((.*)\);\ntext\(found\.output \?\? found\);\n$", re.S)


def schema(*names: str, **more: Any) -> Json:
    return {"type": "object", "properties": {**{name: {"type": "string"} for name in names}, **more}}


@dataclass
class Turn:
    text: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    """Id, name, arguments."""
    usage: tuple[int, int, int] = (0, 0, 0)
    """Input, cached, output."""


@dataclass
class Program(ABC):
    url: str
    folder: Path
    streams: bool = True
    key: str = "sk-program"
    refuses: str = ""
    """The result of every call, in place of carrying it out."""
    tools: dict[str, Json] = field(default_factory=dict)
    entries: list[Json] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    usage: tuple[int, int, int] = (0, 0, 0)

    async def work(self, task: str) -> str:
        """Do a task; return the last words of the model."""
        self.task(task)
        for _ in range(9):
            turn = await self.ask()
            self.said.append(turn.text)
            a, b, c = (x + y for x, y in zip(self.usage, turn.usage, strict=True))
            self.usage = (a, b, c)
            if not turn.calls:
                return turn.text
            self.answered(turn)
            for ident, name, arguments in turn.calls:
                self.called.append(name)
                self.result(ident, name, self.refuses or self.carry_out(name, arguments))
        raise AssertionError("the model does not come to an end")

    async def ask(self) -> Turn:
        path, body = self.request()
        headers = {"authorization": f"Bearer {self.key}"}
        async with connected(self.url, headers=headers) as client:
            response = await client.post(path, json=body)
        response.raise_for_status()
        return self.streamed(events(response)) if self.streams else self.whole(response.json())

    def carry_out(self, name: str, arguments: Any) -> str:
        if name == "exec":
            script = _SCRIPT.fullmatch(arguments)
            assert script is not None
            return self.carry_out(script[1], json.loads(script[2]))
        if name == "apply_patch":
            return self.patch(arguments if isinstance(arguments, str) else arguments["input"])
        command = arguments.get("cmd") or arguments.get("command")
        if command is not None:
            return self.shell(str(command if isinstance(command, str) else command[-1]))
        path = self.folder / str(arguments.get("file_path") or arguments.get("path"))
        for edit in arguments.get("edits") or [arguments]:
            old, new = edit.get("old_string") or edit.get("oldText"), edit.get("new_string") or edit.get("newText")
            if old is not None:
                assert path.read_text().count(old) == 1
                path.write_text(path.read_text().replace(old, new))
                return "edited"
        if "content" in arguments:
            path.write_text(arguments["content"])
            return "written"
        return path.read_text()

    def shell(self, command: str) -> str:
        if found := _PATCH.match(command):
            return self.patch(found[1])
        command = command.replace("python3", sys.executable)
        done = subprocess.run(["sh", "-c", command], cwd=self.folder, capture_output=True, text=True, check=False)
        return f"exit code {done.returncode}\n{done.stdout}{done.stderr}"

    def patch(self, text: str) -> str:
        first, kind, *rows, last = text.splitlines()
        assert (first, last) == ("*** Begin Patch", "*** End Patch")
        what, _, name = kind.partition(": ")
        path = self.folder / name
        rows = [row for row in rows if row != "@@"]
        old = "".join(f"{row[1:]}\n" for row in rows if row[0] in " -")
        new = "".join(f"{row[1:]}\n" for row in rows if row[0] in " +")
        before = path.read_text() if what == "*** Update File" else ""
        assert before.count(old) == 1 or not before
        path.write_text(before.replace(old, new) if before else new)
        return "Success"

    @abstractmethod
    def task(self, text: str) -> None: ...

    @abstractmethod
    def request(self) -> tuple[str, Json]: ...

    @abstractmethod
    def whole(self, body: Json) -> Turn: ...

    @abstractmethod
    def streamed(self, events: list[Json]) -> Turn: ...

    @abstractmethod
    def answered(self, turn: Turn) -> None: ...

    @abstractmethod
    def result(self, ident: str, name: str, text: str) -> None: ...


def connected(url: str, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    # A context without the list of authorities: reading it takes longer than most tests.
    return httpx.AsyncClient(base_url=url, headers=headers, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def events(response: httpx.Response) -> list[Json]:
    assert response.headers["content-type"] == "text/event-stream"
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]
