"""The agents' programs on this machine: where they are, which release, what is missing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

from swarmbot.core.agent_spec import AgentSpec

VERSION_S = 20.0
"""How long a program may take to say its version; the slowest takes 4 s on a busy machine."""


def search_path(operator: Mapping[str, str], programs: Path | None) -> str:
    """Return the PATH of agents: the folder of ``make agents``, then the operator's own."""
    own = operator.get("PATH", os.defpath)
    return f"{programs}{os.pathsep}{own}" if programs else own


def name(spec: AgentSpec) -> str:
    """Return the name of the agent's program, or the placeholder that stands for it."""
    return spec.program.command if spec.program else spec.start("interactive").argv[0]


def find(spec: AgentSpec, operator: Mapping[str, str], programs: Path | None) -> str | None:
    """Return the path of the agent's program, with no link resolved; None where it is not installed."""
    command = name(spec)
    if command.startswith("{"):
        return command  # made of a placeholder: whether it is there is seen when it is filled in
    return shutil.which(command, path=search_path(operator, programs))


def problem(spec: AgentSpec, operator: Mapping[str, str], programs: Path | None) -> str:
    """Return why the agent cannot work and what to do about it; empty where it can."""
    for setting in spec.operator_settings:
        if not operator.get(setting):
            return f"the setting `{setting}` of the server is empty."
    if find(spec, operator, programs) is None:
        install = f" Install it with `{spec.program.install}`." if spec.program and spec.program.install else ""
        return f"`{name(spec)}` is not installed.{install}"
    if spec.credential and not credentials(spec, operator):
        names = [f"`{variable}`" for variable in spec.credential.any_of]
        wanted = " or ".join(names) if len(names) < 3 else f"one of {', '.join(names)}"
        return f"the server has no key for its model: the operator has to set {wanted}."
    return ""


def credentials(spec: AgentSpec, operator: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the operator's variables that hold a key for the agent."""
    wanted = spec.credential.any_of if spec.credential else ()
    return tuple(variable for variable in wanted if operator.get(variable))


class Versions:
    """Asks programs for their versions, each once until it is installed anew."""

    def __init__(self, operator: Mapping[str, str], programs: Path | None) -> None:
        self._operator, self._programs = operator, programs
        self._known: dict[tuple[str, int], str] = {}

    async def of(self, spec: AgentSpec) -> str:
        """Return the version of an agent's program; empty where it is not there or does not say."""
        path = find(spec, self._operator, self._programs)
        if spec.program is None or path is None:
            return ""
        try:
            key = path, os.stat(path).st_mtime_ns  # noqa: PTH116 - one call that does not wait
        except OSError:
            return ""
        if key not in self._known:
            said = await _ask((path, *spec.program.version_args), search_path(self._operator, self._programs))
            found = re.search(spec.program.version, said)
            if found is None:
                return ""  # the machine may have been too busy: it is asked again
            self._known[key] = found.group(1)
        return self._known[key]


async def _ask(argv: tuple[str, ...], path: str) -> str:
    with tempfile.TemporaryDirectory(prefix="swarmbot-", ignore_cleanup_errors=True) as home:
        environment = {"PATH": path, "HOME": home, "LANG": "C.UTF-8"}
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, env=environment, cwd=home, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError:
            return ""
        try:
            return (await asyncio.wait_for(process.communicate(), VERSION_S))[0].decode(errors="replace")
        except TimeoutError:
            return ""
        finally:
            # A launcher's child holds the pipe open, so the whole session goes.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def doubt(spec: AgentSpec, version: str) -> str:
    """Return what to say about a release that was not tried: how it is outside, and what installs one that was."""
    if spec.program is None or not spec.program.tested:
        return ""
    oldest, newest = spec.program.tested
    install = f" Install one that was: {spec.program.install}" if spec.program.install else ""
    if not version:
        return f"its version could not be read; {oldest} to {newest} were tested.{install}"
    if _numbers(version) < _numbers(oldest):
        return f"{version} is older than {oldest}, the oldest that was tested.{install}"
    if _numbers(version) > _numbers(newest):
        return f"{version} is newer than {newest}, the newest that was tested; its screens may have changed.{install}"
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
