"""The embedded Redis on real servers: kept data, ends of every kind, one server a folder, where the socket lies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from swarmbot.jobs.embedded_redis import (
    EmbeddedRedis,
    RedisDataTooNew,
    RedisDidNotStart,
    RedisFolderInUse,
    RedisNotFound,
    UnsafeRuntimeFolder,
    find_redis_server,
    socket_path,
)

PARENT = """
import asyncio, sys
from pathlib import Path
from swarmbot.jobs.embedded_redis import EmbeddedRedis
async def main():
    server = EmbeddedRedis(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedRedis]:
    made = EmbeddedRedis(tmp_path / "redis", grace_s=2)
    yield made
    await made.stop()


def start_parent(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a process of its own that runs the Redis of ``folder``; returns it and the server's process id."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE)
    assert parent.stdout
    with parent.stdout:
        return parent, int(parent.stdout.readline())


def kill_9(server: EmbeddedRedis) -> int:
    """Kill the server as the kernel would when memory is short, and return once it is dead."""
    pid = server.pid
    assert pid
    handle = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert ended(handle, 10)
    os.close(handle)
    return pid


def ended(handle: int, seconds: float) -> bool:
    return bool(select.select([handle], [], [], seconds)[0])


async def write(server: EmbeddedRedis, value: str) -> None:
    async with Redis.from_url(server.url) as client:
        await client.set("kept", value)


async def read(server: EmbeddedRedis) -> bytes | None:
    async with Redis.from_url(server.url) as client:
        found: bytes | None = await client.get("kept")
        return found


async def test_writes_survive_kill_9_of_the_server(server: EmbeddedRedis) -> None:
    await server.start()
    await write(server, "before")
    kill_9(server)
    await server.stop()
    await server.start()
    assert await read(server) == b"before"


async def test_it_writes_to_disk_always_and_listens_on_no_port(server: EmbeddedRedis) -> None:
    await server.start()
    async with Redis.from_url(server.url) as client:
        settings = await client.config_get("*")
    expected = {"appendonly": "yes", "appendfsync": "always", "save": "", "port": "0", "maxmemory-policy": "noeviction"}
    assert {name: settings[name] for name in expected} == expected
    assert stat.S_IMODE(socket_path(server.folder).stat().st_mode) == 0o700
    assert stat.S_IMODE((server.folder / "redis.log").stat().st_mode) & 0o077 == 0


async def test_watch_restarts_a_killed_server(server: EmbeddedRedis) -> None:
    await server.start()
    await write(server, "before")
    killed = kill_9(server)
    watching = asyncio.create_task(server.watch())
    found = None
    async with asyncio.timeout(20):
        while found is None:
            await asyncio.wait({watching}, timeout=0.02)
            with contextlib.suppress(RedisConnectionError):
                found = await read(server)
    assert found == b"before"
    assert server.pid not in (None, killed)
    await server.stop()
    await asyncio.wait_for(watching, 10)
    assert server.pid is None


async def test_stop_ends_a_watch_whose_restarts_fail(server: EmbeddedRedis) -> None:
    await server.start()
    for kept in server.folder.glob("appendonly*"):
        shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
    (server.folder / "appendonlydir").touch()
    (server.folder / "appendonly.aof").mkdir()
    kill_9(server)
    watching = asyncio.create_task(server.watch())
    async with asyncio.timeout(20):
        while (server.folder / "redis.log").read_text().count("Redis is starting") < 3:
            await asyncio.wait({watching}, timeout=0.02)
        await server.stop()
        await watching
    assert server.pid is None


async def test_a_second_on_the_same_folder_is_refused_and_harms_nothing(server: EmbeddedRedis) -> None:
    await server.start()
    await write(server, "first")
    with pytest.raises(RedisFolderInUse, match=str(server.folder)):
        await EmbeddedRedis(server.folder).start()
    assert await read(server) == b"first"


async def test_the_server_dies_with_its_parent(tmp_path: Path) -> None:
    parent, pid = start_parent(tmp_path)
    handle = os.pidfd_open(pid)
    parent.kill()
    parent.wait()
    assert ended(handle, 10)
    os.close(handle)


async def test_a_left_over_server_is_ended_and_its_data_kept(server: EmbeddedRedis) -> None:
    parent, pid = start_parent(server.folder)
    await write(server, "by the first")
    handle = os.pidfd_open(pid)
    # Stopped, it cannot obey the signal that its parent's death sends, and so it stays and holds the socket.
    os.kill(pid, signal.SIGSTOP)
    parent.kill()
    parent.wait()
    assert not ended(handle, 0)
    await server.start()
    assert ended(handle, 0)
    os.close(handle)
    assert server.pid != pid
    assert await read(server) == b"by the first"


@pytest.mark.parametrize(("name", "in_folder"), [("redis-server", False), ("something", True)])
async def test_a_foreign_process_with_the_number_of_the_pid_file_is_left_alone(
    server: EmbeddedRedis, tmp_path: Path, name: str, in_folder: bool
) -> None:
    server.folder.mkdir()
    program = tmp_path / name
    shutil.copy(shutil.which("sleep") or "sleep", program)
    foreign = await asyncio.create_subprocess_exec(program, "60", cwd=server.folder if in_folder else tmp_path)
    (server.folder / "redis.pid").write_text(str(foreign.pid))
    await server.start()
    assert foreign.returncode is None
    foreign.kill()
    assert await foreign.wait() == -signal.SIGKILL


@pytest.mark.parametrize("content", ["", "not a number", "-1", "99999999999"])
async def test_a_broken_pid_file_does_not_matter(server: EmbeddedRedis, content: str) -> None:
    server.folder.mkdir()
    (server.folder / "redis.pid").write_text(content)
    await server.start()
    assert server.pid


async def test_a_server_that_cannot_start_says_why_and_frees_the_folder(server: EmbeddedRedis) -> None:
    server.folder.mkdir()
    # Redis 6.2 and 7 keep the append-only file in different places; both are taken by something that is not one.
    (server.folder / "appendonly.aof").mkdir()
    (server.folder / "appendonlydir").touch()
    with pytest.raises(RedisDidNotStart, match=r"redis\.log"):
        await server.start()
    assert server.pid is None
    (server.folder / "appendonly.aof").rmdir()
    (server.folder / "appendonlydir").unlink()
    await server.start()
    assert server.pid


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder as a login session gives it: short, which those of the tests are not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        monkeypatch.setenv("XDG_RUNTIME_DIR", made)
        yield Path(made)


async def test_a_long_folder_gets_a_short_socket_and_others_find_it(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedRedis(tmp_path / ("long" * 30))
    await server.start()
    try:
        path = socket_path(server.folder)
        assert path.is_relative_to(runtime)
        assert len(os.fsencode(path)) <= 107
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        # A process outside the login session, such as a service.
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        assert EmbeddedRedis(server.folder).url == f"unix://{path}"
        await write(server, "found")
    finally:
        await server.stop()


@pytest.mark.parametrize("offered", ["open to others", "far too long"])
def test_an_unfit_runtime_folder_is_not_used(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch, offered: str
) -> None:
    if offered == "open to others":
        runtime.chmod(0o755)
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    path = socket_path(tmp_path / ("long" * 30))
    assert path.parent.parent == Path("/tmp")
    assert len(os.fsencode(path)) <= 107


@pytest.mark.parametrize("trap", ["open to others", "a link"])
async def test_a_runtime_folder_made_by_somebody_else_is_refused(tmp_path: Path, runtime: Path, trap: str) -> None:
    folder = tmp_path / ("long" * 30)
    waiting = socket_path(folder).parent
    assert waiting.parent == runtime
    if trap == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        waiting.symlink_to(tmp_path / "elsewhere")
    else:
        waiting.mkdir()
        waiting.chmod(0o755)
    with pytest.raises(UnsafeRuntimeFolder, match=str(waiting)):
        await EmbeddedRedis(folder).start()


def fake_server(folder: Path, version: str) -> None:
    program = folder / "redis-server"
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0 malloc=libc bits=64'\n")
    program.chmod(0o755)


def test_a_server_too_old_for_the_inbox_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_server(tmp_path, "6.0.16")
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        found = find_redis_server().path
    except RedisNotFound:  # a platform that the wheel with a server is not made for
        found = None
    assert found != tmp_path / "redis-server"


def test_without_a_usable_server_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_server(tmp_path, "6.0.16")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(RedisNotFound, match=r"is 6\.0.*install one.*SWARMBOT_REDIS_URL"):
        find_redis_server()


async def test_data_of_redis_7_are_not_hidden_by_an_older_server(
    server: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_server(tmp_path, "6.2.14")
    monkeypatch.setenv("PATH", str(tmp_path))
    (server.folder / "appendonlydir").mkdir(parents=True)
    with pytest.raises(RedisDataTooNew, match=r"at least 7\.0"):
        await server.start()
