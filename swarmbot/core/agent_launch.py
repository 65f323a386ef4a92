"""Turns an agent's file and a job into what is started: argv, environment, files of the home. Pure.

Placeholders, in every string of ``argv``, ``environment`` and the files (keys too): ``{program}`` ``{python}``
``{home}`` ``{tree}`` ``{tmp}`` ``{task}`` ``{task_file}`` ``{model_name}`` ``{memory_file}``; ``{env:NAME}`` is the
operator's variable, ``{last20:NAME}`` its last 20 characters, ``{operator:SWARMBOT_..._COMMAND}`` one that must be set;
``{signal:NAME}`` a command that tells the bot of a moment: quoted for a shell inside a string, spliced as arguments
where it is a whole element of a list. ``{{`` and ``}}`` are the braces themselves.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

import msgspec
import tomli_w

from swarmbot.core.agent_spec import AgentSpec, AgentSpecError, Autonomy, HomeFile, Mode, Start
from swarmbot.core.signal import SignalName

TASK_FILE = "SWARMBOT_TASK_FILE"
SPLICED = ("autonomy", "model", "resume", "endpoint", "memory")

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([a-z_0-9]+(?::\w+)?)\}")
_PLAIN = ("program", "python", "home", "tree", "tmp", "task", "task_file", "model_name", "memory_file")
_KEYED = re.compile(r"(?:env|last20):[A-Z_][A-Z0-9_]*|operator:SWARMBOT_[A-Z0-9_]*COMMAND")
_SIGNALS = tuple(f"signal:{name}" for name in get_args(SignalName))


class Place(msgspec.Struct, frozen=True):
    """Where and with what a job's agent is started. All paths are real ones: agents' trust files hold those."""

    program: str
    python: str
    home: str
    tree: str
    tmp: str
    task_file: str
    operator: Mapping[str, str]
    """The operator's environment."""
    path: str
    """The PATH of the agent."""
    signal: tuple[str, ...] = ()
    """The command that tells the bot of a moment; the moment's name is added."""
    memory_files: tuple[str, ...] = ()
    """The files with instructions for agents that the repository has."""


class Wish(msgspec.Struct, frozen=True):
    """What a job wants of its agent."""

    task: str
    mode: Mode = "interactive"
    autonomy: Autonomy = "edits"
    model: str = ""
    resume: bool = False
    """The home holds an earlier session of this thread, which is to go on."""


class Launch(msgspec.Struct, frozen=True):
    """A program that is ready to be started."""

    argv: tuple[str, ...]
    environment: dict[str, str]
    """The whole environment: nothing else is inherited."""
    files: tuple[tuple[str, str], ...]
    """Relative path in the home, and content."""
    start: Start


def launch(spec: AgentSpec, wish: Wish, place: Place) -> Launch:
    """Return what to start. Raises :class:`AgentSpecError` when a variable that the file needs is not set."""
    start = spec.start(wish.mode)
    filler = _Filler(spec, wish, place)
    argv = tuple(_argv(start, filler))
    return Launch(argv, _environment(spec, start, filler), tuple(_files(spec, filler)), start)


def unknown_placeholders(texts: Iterable[str], *, spliced: bool = False) -> list[str]:
    """Return the placeholders in ``texts`` that mean nothing; ``spliced``: the names of lists are allowed."""
    known = (*_PLAIN, *_SIGNALS, *(SPLICED if spliced else ()))
    words = (word for text in texts for word in _PLACEHOLDER.findall(text) if word)
    return [word for word in words if word not in known and not _KEYED.fullmatch(word)]


class _Filler:
    """Puts values in the place of placeholders."""

    def __init__(self, spec: AgentSpec, wish: Wish, place: Place) -> None:
        self.spec, self.wish, self.place = spec, wish, place
        self._values = {name: str(getattr(place, name)) for name in _PLAIN if hasattr(place, name)}
        self._values |= {"task": wish.task, "model_name": wish.model, "memory_file": ""}

    def text(self, text: str, **more: str) -> str:
        def value(found: re.Match[str]) -> str:
            word = found.group(1)
            if word is None:
                return found.group()[0]
            return more[word] if word in more else self._value(word)

        return _PLACEHOLDER.sub(value, text)

    def list(self, parts: Iterable[str], **more: str) -> Iterator[str]:
        for part in parts:
            if part.startswith("{signal:") and part[1:-1] in _SIGNALS:
                yield from (*self.place.signal, part[len("{signal:") : -1])
            else:
                yield self.text(part, **more)

    def tree(self, value: object) -> Any:
        """Fill the strings of nested tables and lists."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.tree(inner) for key, inner in value.items()}
        if isinstance(value, list):
            if all(isinstance(inner, str) for inner in value):
                return list(self.list(value))
            return [self.tree(inner) for inner in value]
        return value

    def _value(self, word: str) -> str:
        kind, _, name = word.partition(":")
        if kind == "signal":
            return shlex.join((*self.place.signal, name))
        if kind == "operator" and not self.place.operator.get(name):
            wanted = f"The agent {self.spec.name} needs the setting {name}; set it and restart the worker."
            raise AgentSpecError(wanted)
        if kind in ("operator", "env"):
            return self.place.operator.get(name, "")
        if kind == "last20":
            return self.place.operator.get(name, "")[-20:]
        return self._values[word]


def _argv(start: Start, filler: _Filler) -> Iterator[str]:
    spliced = _spliced(start, filler)
    for part in start.argv:
        if part.startswith("{") and part[1:-1] in SPLICED:
            yield from spliced[part[1:-1]]
        else:
            yield from filler.list([part])


def _spliced(start: Start, filler: _Filler) -> dict[str, list[str]]:
    wish, place, spec = filler.wish, filler.place, filler.spec
    redirected = bool(spec.endpoint_variable and place.operator.get(spec.endpoint_variable))
    return {
        "autonomy": list(filler.list(start.autonomy.of(wish.autonomy))),
        "model": list(filler.list(start.model)) if wish.model else [],
        "resume": list(filler.list(start.resume)) if wish.resume else [],
        "endpoint": list(filler.list(start.endpoint)) if redirected else [],
        "memory": [part for name in place.memory_files for part in filler.list(start.memory, memory_file=name)],
    }


def _environment(spec: AgentSpec, start: Start, filler: _Filler) -> dict[str, str]:
    place = filler.place
    keys = spec.credential.any_of if spec.credential else ()
    wanted = (*_PASSED_ON, *keys, *spec.pass_environment, *filter(None, [spec.endpoint_variable]))
    passed = {name: place.operator[name] for name in wanted if place.operator.get(name)}
    given = {name: filler.text(value) for name, value in (spec.environment | start.environment).items()}
    own = {"HOME": place.home, "TMPDIR": place.tmp, "PATH": place.path, TASK_FILE: place.task_file}
    return {"LANG": "C.UTF-8", **passed, **given, **own}


def _files(spec: AgentSpec, filler: _Filler) -> Iterator[tuple[str, str]]:
    operator = filler.place.operator
    for home_file in spec.file:
        if home_file.if_set and not operator.get(home_file.if_set):
            continue
        if home_file.unless_set and operator.get(home_file.unless_set):
            continue
        content = _content(home_file, filler)
        yield from ((path, content) for path in (home_file.path, *home_file.also))


def _content(home_file: HomeFile, filler: _Filler) -> str:
    if home_file.as_json is not None:
        return json.dumps(filler.tree(home_file.as_json), ensure_ascii=False, indent=2) + "\n"
    if home_file.as_toml is not None:
        return tomli_w.dumps(filler.tree(home_file.as_toml))
    return filler.text(home_file.text or "")
