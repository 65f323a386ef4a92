"""Examines an installation: what is there, what is configured, what is missing, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec
from redis.exceptions import RedisError

from swarmbot import __version__, agents, commands, events, sandbox
from swarmbot.agents import roll
from swarmbot.agents.roll import Entry
from swarmbot.core.agent_spec import AgentSpecError
from swarmbot.jobs.embedded_redis import RedisNotFound, find_redis_server
from swarmbot.settings import Settings, SettingsError

Level = Literal["ok", "warning", "error"]
_SIGNS = {"ok": "✓", "warning": "!", "error": "✗"}
OLDEST_GIT = (2, 31)
"""The first that takes configuration by ``GIT_CONFIG_COUNT`` (git's release notes for 2.31)."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    level: Level
    found: str
    do: str = ""


class Findings(msgspec.Struct, frozen=True):
    """All that was found. ``ok``: the bot could work."""

    version: str
    ok: bool
    findings: tuple[Finding, ...]
    agents: dict[str, str]
    """Each agent and why it cannot work now; empty where it can."""
    programs: tuple[Entry, ...]
    """Each agent's program: release, tested range, key; as ``swarmbot agents`` tells them."""
    rules: dict[str, tuple[str, ...]]
    """Each agent and the names of its answer rules."""
    commands: tuple[str, ...]
    events: tuple[str, ...]


async def examine(settings: Settings, operator: Mapping[str, str]) -> Findings:
    """Look at everything; changes nothing and asks GitHub nothing."""
    found = [_python(), _platform(), await _git(), await _redis(settings), _home(settings)]
    found += [
        _setting("app", settings.private_key, f"App {settings.app_id}, its key can be read"),
        _setting("webhook secret", settings.secrets, "set"),
        _sandbox(settings),
    ]
    entries: tuple[Entry, ...] = ()
    rules: dict[str, tuple[str, ...]] = {}
    try:
        specs = agents.load(*([settings.agents_dir] if settings.agents_dir else []))
    except AgentSpecError as error:
        found.append(Finding("agents", "error", str(error), "mend the file, or take it out of SWARMBOT_AGENTS_DIR"))
    else:
        entries = await roll.call(specs.values(), operator, settings.programs_folder)
        rules = {name: tuple(rule.name for rule in spec.rule) for name, spec in specs.items()}
        found.append(_default_agent(settings.default_agent, entries))
    return Findings(
        version=__version__,
        ok=not any(finding.level == "error" for finding in found),
        findings=tuple(found),
        agents={entry.name: entry.problem for entry in entries},
        programs=entries,
        rules=rules,
        commands=tuple(command.usage for command in commands.ALL),
        events=tuple(events.ALL),
    )


def show(findings: Findings) -> None:
    """Print the findings for people."""
    from rich.console import Console  # noqa: PLC0415 - only where something is drawn
    from rich.table import Table  # noqa: PLC0415

    console = Console(highlight=False)
    colours = {"ok": "green", "warning": "yellow", "error": "red"}
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings.findings:
        sign = f"[{colours[finding.level]}]{_SIGNS[finding.level]}[/]"
        table.add_row(sign, finding.name, _plain(finding.found + (f"\n→ {finding.do}" if finding.do else "")))
    for entry in findings.programs:
        sign = "[yellow]![/]" if entry.problem or entry.word else "[green]✓[/]"
        table.add_row(sign, f"agent {entry.name}", _plain(_agent_text(entry, findings.rules[entry.name])))
    console.print(f"swarmbot {findings.version}\n")
    console.print(table)
    console.print(f"\nCommands: {', '.join(findings.commands)}", markup=False)
    console.print(f"Events:   {', '.join(findings.events)}", markup=False)
    console.print("\nReady to work." if findings.ok else "\nNot ready: mend what is marked ✗.", markup=False)


def _agent_text(entry: Entry, rules: tuple[str, ...]) -> str:
    lines = [entry.problem or "ready"]
    if entry.version:
        lines.append(f"{entry.version} ({entry.path})")
    if entry.tested:
        lines.append(f"tested: {' to '.join(entry.tested)}")
    if entry.credential:
        lines.append(f"key: {', '.join(entry.credential)}")
    if entry.installed and entry.word:
        lines.append(entry.word)
    return "\n".join([*lines, f"answer rules: {', '.join(rules) or 'none'}"])


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} ({sys.executable})")


def _platform() -> Finding:
    if sys.platform != "linux":
        return Finding("platform", "error", sys.platform, "run swarmbot on Linux: it watches programs by pidfd")
    return Finding("platform", "ok", f"{platform.system()} {platform.machine()}")


async def _git() -> Finding:
    program = shutil.which("git")
    if program is None:
        return Finding("git", "error", "not found", "install git")
    process = await asyncio.create_subprocess_exec(program, "--version", stdout=asyncio.subprocess.PIPE)
    said = (await process.communicate())[0].decode().strip()
    numbers = tuple(int(part) for part in said.split()[2].split(".")[:2] if part.isdigit())
    if numbers < OLDEST_GIT:
        return Finding("git", "error", said, "install git 2.31 or newer")
    return Finding("git", "ok", f"{said} ({program})")


async def _redis(settings: Settings) -> Finding:
    if settings.redis_url:
        from swarmbot.jobs.connection import connect  # noqa: PLC0415 - only where it is asked

        try:
            async with asyncio.timeout(3), connect(settings.redis_url) as redis:
                version = (await redis.info("server"))["redis_version"]
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            return Finding("redis", "error", f"no answer: {type(error).__name__}", "look at SWARMBOT_REDIS_URL")
        return Finding("redis", "ok", f"{version} at SWARMBOT_REDIS_URL")
    try:
        program = await asyncio.to_thread(find_redis_server)
    except RedisNotFound as error:
        return Finding("redis", "error", "no redis-server found", str(error))
    return Finding("redis", "ok", f"`up` starts its own ({program.path})")


def _home(settings: Settings) -> Finding:
    folder = settings.folder
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding("data", "error", f"{folder} cannot be written", "set SWARMBOT_HOME to a folder of your own")
    free = shutil.disk_usage(there).free / 1e9
    level: Level = "ok" if free > 2 else "warning"
    return Finding("data", level, f"{folder} ({free:.0f} GB free)", "" if level == "ok" else "mirrors need room")


def _setting(name: str, read: Callable[[], object], found: str) -> Finding:
    try:
        read()
    except SettingsError as error:
        return Finding(name, "error", "missing", str(error))
    return Finding(name, "ok", found)


def _sandbox(settings: Settings) -> Finding:
    try:
        sandbox.require(settings.sandbox)
    except sandbox.SandboxMissing as error:
        return Finding("sandbox", "error", "there is none yet", str(error))
    return Finding("sandbox", "warning", "off: agents run with all rights of this user")


def _default_agent(name: str, entries: Iterable[Entry]) -> Finding:
    known = {entry.name: entry for entry in entries}
    entry = known.get(name)
    if entry is None:
        names = ", ".join(known)
        return Finding("default agent", "error", f"no agent {name!r}", f"set SWARMBOT_DEFAULT_AGENT to one of: {names}")
    if entry.problem:
        return Finding("default agent", "error", f"{name} cannot work", entry.problem)
    if entry.word:
        return Finding("default agent", "warning", f"{name} {entry.version}".rstrip(), entry.word)
    return Finding("default agent", "ok", f"{name} {entry.version}".rstrip())
