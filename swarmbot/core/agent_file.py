"""Reads an agent file and says what is wrong with it: the file, the key and what is allowed. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath

import msgspec

from swarmbot.core.agent_launch import unknown_placeholders
from swarmbot.core.agent_spec import AgentSpec, AgentSpecError, HomeFile, Rule, Start, strings
from swarmbot.core.screen import KEYS


def parse(text: str, *, source: str) -> AgentSpec:
    """Read one agent file. ``source`` is the name used in errors. Raises :class:`AgentSpecError`."""
    try:
        spec = msgspec.convert(tomllib.loads(text), AgentSpec)
    except tomllib.TOMLDecodeError as error:
        raise AgentSpecError(f"{source}: not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise AgentSpecError(f"{source}: {error}") from error
    for key, complaint in _complaints(spec):
        raise AgentSpecError(f"{source}: {key}: {complaint}")
    return spec


def _complaints(spec: AgentSpec) -> Iterator[tuple[str, str]]:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", spec.name):
        yield "name", "lower case letters, digits and single dashes only"
    if not spec.modes:
        yield "interactive", "a file needs the table [interactive] or [headless]"
    for mode, start in (("interactive", spec.interactive), ("headless", spec.headless)):
        if start:
            yield from ((f"{mode}.{key}", complaint) for key, complaint in _start_complaints(spec, start, mode))
    for home_file in spec.file:
        yield from ((f"file {home_file.path}", complaint) for complaint in _file_complaints(home_file))
    for pattern in spec.litter:
        if "/" in pattern or not pattern.strip(".*?"):
            yield "litter", f"{pattern!r}: the name of one file or folder in the top folder"
    for word in unknown_placeholders(strings(spec.environment)):
        yield "environment", f"unknown placeholder {{{word}}}"
    for rule in spec.rule:
        yield from ((f"rule {rule.name}", complaint) for complaint in _rule_complaints(rule))
    yield from ((key, problem) for key, pattern in _patterns(spec) if (problem := _pattern_problem(pattern)))
    if spec.program and len(spec.program.tested) not in (0, 2):
        yield "program.tested", "takes two versions: the oldest and the newest"
    if spec.program and _pattern_problem(spec.program.version) == "" and not re.compile(spec.program.version).groups:
        yield "program.version", "needs a group around the version"


def _start_complaints(spec: AgentSpec, start: Start, mode: str) -> Iterator[tuple[str, str]]:
    if not start.argv:
        yield "argv", "must name a program"
    for key in ("argv", "model", "resume", "endpoint", "memory", "environment"):
        for word in unknown_placeholders(strings(getattr(start, key)), spliced=key == "argv"):
            yield key, f"unknown placeholder {{{word}}}"
    if start.task == "paste" and (spec.screen is None or spec.leave is None):
        yield "task", '"paste" needs the tables [screen] and [leave]'
    if start.task == "paste" and mode == "headless":
        yield "task", 'a program that shows no composer takes its task as "argument" or "file"'
    if any("{program}" in part for part in start.argv) and spec.program is None:
        yield "argv", "{program} needs the table [program]"


def _file_complaints(home_file: HomeFile) -> Iterator[str]:
    for path in map(PurePosixPath, (home_file.path, *home_file.also)):
        if path.is_absolute() or ".." in path.parts or not path.parts:
            yield "paths must be relative ones below the home"
    if sum(form is not None for form in (home_file.as_json, home_file.as_toml, home_file.text)) != 1:
        yield "needs one of json, toml and text"
    for word in unknown_placeholders(strings([home_file.as_json, home_file.as_toml, home_file.text])):
        yield f"unknown placeholder {{{word}}}"


def _patterns(spec: AgentSpec) -> Iterator[tuple[str, str]]:
    yield from (("refuse", pattern) for pattern in spec.refuse)
    yield from (
        (f"rule {r.name}", pattern)
        for r in spec.rule
        for pattern in (*r.when, *r.unless, r.at_cursor, r.choose, r.under, r.subject)
    )
    yield from ((f"failure {failure.kind}", failure.when) for failure in spec.failure)
    if spec.screen:
        for pattern in (
            spec.screen.ready,
            spec.screen.busy,
            spec.screen.done,
            spec.screen.says,
            spec.screen.starting,
            spec.screen.composer,
        ):
            yield "screen", pattern
    if spec.program:
        yield "program.version", spec.program.version


def _rule_complaints(rule: Rule) -> Iterator[str]:
    if bool(rule.choose) == bool(rule.keys):
        yield "needs either choose or keys"
    if not rule.when and not rule.at_cursor:
        yield "needs when or at_cursor"
    if rule.keys and not rule.at_cursor:
        yield "keys need at_cursor, so that prose which quotes the prompt is never answered"
    if not 1 <= rule.times <= 200:
        yield "times must be from 1 to 200"
    for key in rule.keys:
        if key not in KEYS and len(key) != 1:
            yield f"unknown key {key!r}; named keys are {', '.join(KEYS)}, or one character"


def _pattern_problem(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"not a pattern: {pattern!r}: {error}"
    return ""
