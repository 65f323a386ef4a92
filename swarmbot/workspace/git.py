"""Calls git as the bot: with a configuration and an environment of its own, a time limit, and no trace of a token.

git is called directly wherever a mirror or a tree that an agent touched is involved. GitPython hands the whole
environment of the process to git and cannot end git's children; it makes the commit objects (``result.py``), where
no program is started at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path

from swarmbot.workspace.errors import GitError, GitTimeout
from swarmbot.workspace.remote import Remote

_SETTINGS = {
    # Nothing that a repository, a user or the machine configured may start a program.
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "core.sshCommand": "false",
    "core.pager": "cat",
    "core.editor": "false",
    "credential.helper": "",
    "protocol.ext.allow": "never",
    "protocol.file.allow": "never",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    # What git sees of a tree is what is in it, byte by byte, whatever the machine's defaults are.
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.untrackedCache": "false",
    "core.autocrlf": "false",
    "core.fileMode": "true",
    "core.symlinks": "true",
    "core.ignoreCase": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.quotePath": "false",
    "core.logAllRefUpdates": "false",
    "sparse.expectFilesOutsideOfPatterns": "true",
    # A redirect would carry the token to another address than the one it was given for.
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "500",
    "http.lowSpeedTime": "60",
    "transfer.credentialsInUrl": "die",
    "advice.addEmbeddedRepo": "false",
}

_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_ALLOW_PROTOCOL": "http:https",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_CEILING_DIRECTORIES": "/",
}

_PASSED_ON = ("TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")
_PROXIES = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")

_GRACE_S = 2.0
"""How long git may take to remove its lock files and half packs after it was told to end, seconds."""


def environment(remote: Remote | None = None) -> dict[str, str]:
    """Return the whole environment of a git command; only a command that talks to ``remote`` gets its token."""
    # A relative entry would be looked up in the current folder.
    path = ":".join(entry for entry in os.environ.get("PATH", os.defpath).split(":") if entry.startswith("/"))
    passed = _PASSED_ON + (_PROXIES if remote else ())
    found = {name: os.environ[name] for name in passed if name in os.environ}
    return found | {"PATH": path} | _ENVIRONMENT | (remote.environment() if remote else {})


async def git(
    *args: str,
    git_dir: Path | None = None,
    work_tree: Path | None = None,
    cwd: Path = Path("/"),
    env: Mapping[str, str] | None = None,
    remote: Remote | None = None,
    seconds: float = 60.0,
    stdin: str = "",
    keep_open: Sequence[int] = (),
) -> str:
    """Run ``git args`` and return its standard output.

    Bytes that are no UTF-8 come back as surrogates (as :func:`os.fsdecode` does), in ``stdin`` too. ``env`` is added
    to :func:`environment`. ``keep_open`` are descriptors that git and its children inherit. On cancellation and after
    ``seconds`` the whole process group ends before this returns.

    Raises :class:`GitError` when git ends with another code than 0, :class:`GitTimeout` after ``seconds``.
    """
    argv = ["git", *(item for pair in _SETTINGS.items() for item in ("-c", "=".join(pair)))]
    argv += [f"--git-dir={git_dir}"] if git_dir else []
    argv += [f"--work-tree={work_tree}"] if work_tree else []
    starting = asyncio.ensure_future(
        _start([*argv, *args], stdin, cwd=cwd, env=environment(remote) | dict(env or {}), pass_fds=tuple(keep_open))
    )
    talk = asyncio.ensure_future(_talk(starting))
    hide = remote.hide if remote else str
    try:
        async with asyncio.timeout(seconds):
            process, out, err = await asyncio.shield(talk)
    except (TimeoutError, asyncio.CancelledError) as stopped:
        said = await asyncio.shield(asyncio.ensure_future(_end(starting, talk)))
        if isinstance(stopped, TimeoutError):
            text = f"not finished after {seconds:g} s. {hide(os.fsdecode(said))}"
            raise GitTimeout(args[0], -signal.SIGTERM, text) from None
        raise
    if process.returncode:
        raise GitError(args[0], process.returncode, hide(os.fsdecode(err)), hide(os.fsdecode(out)))
    return os.fsdecode(out)


async def _start(argv: list[str], stdin: str, *, cwd: Path, env: dict[str, str], pass_fds: tuple[int, ...]) -> Process:
    # A file and no pipe: a git that ends without reading breaks a pipe, which each event loop reports differently.
    with tempfile.TemporaryFile() as source:
        source.write(os.fsencode(stdin))
        source.seek(0)
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=source if stdin else DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=cwd,
            env=env,
            start_new_session=True,
            pass_fds=pass_fds,
        )


async def _talk(starting: asyncio.Future[Process]) -> tuple[Process, bytes, bytes]:
    process = await starting
    return process, *await process.communicate()


async def _end(starting: asyncio.Future[Process], talk: asyncio.Future[tuple[Process, bytes, bytes]]) -> bytes:
    """End the process group and return what it still said. Its pipes close only when its last member is gone.

    A start that is under way is waited for: cancelled in the middle, it would end git but not git's children.
    """
    process = await starting
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        done, _ = await asyncio.wait([talk], timeout=_GRACE_S)
        if done:
            return talk.result()[2]
    talk.cancel()
    return b""
