from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from swarmbot.workspace.checkout import check_out
from swarmbot.workspace.errors import (
    EmptyRepository,
    InvalidBranch,
    MirrorBusy,
    NetworkFailure,
    RepositoryUnavailable,
    UnknownBranch,
)
from swarmbot.workspace.git import git
from swarmbot.workspace.lock import locked
from swarmbot.workspace.mirror import Mirror
from swarmbot.workspace.remote import Remote

from .git_server import GitServer, plain_git

FETCH = """
import asyncio, sys
from pathlib import Path
from swarmbot.workspace.mirror import Mirror
from swarmbot.workspace.remote import Remote
asyncio.run(Mirror(Path(sys.argv[1]), Remote(sys.argv[2], sys.stdin.read())).fetch())
"""


def start_fetch(mirror: Mirror, server: GitServer) -> subprocess.Popen[str]:
    """Fetch in another process, as another worker would."""
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, str(mirror.folder), mirror.remote.url],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write(server.token)
    process.stdin.close()
    process.stdin = None
    return process


def gits_at(folder: Path) -> list[int]:
    """The processes that name ``folder`` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in line and line.startswith(b"git"):
                found.append(int(entry.name))
    return found


async def test_a_fetch_brings_new_moved_and_deleted_branches(mirror: Mirror, server: GitServer) -> None:
    await mirror.fetch()
    first = await mirror.resolve("main")
    side = server.commit("demo", {"x": "1"}, branch="feature/a")
    moved = server.commit("demo", {"y": "2"})
    await mirror.fetch()
    assert await mirror.resolve("feature/a") == side
    assert await mirror.resolve("main") == moved != first
    plain_git("update-ref", "-d", "refs/heads/feature/a", cwd=server.folder / "demo.git")
    server.commit("demo", {"z": "3"}, branch="feature")
    await mirror.fetch()
    assert await mirror.resolve("feature")
    with pytest.raises(UnknownBranch):
        await mirror.resolve("feature/a")
    assert await git("cat-file", "-t", side, git_dir=mirror.folder) == "commit\n", "objects are never pruned"


async def test_one_fetch_makes_one_connection(mirror: Mirror, server: GitServer) -> None:
    await mirror.fetch()
    server.commit("demo", {"y": "2"})
    server.requests.clear()
    await mirror.fetch()
    assert sum("info/refs" in line for line in server.requests) == 1


async def test_an_unknown_branch_is_answered_with_close_names(mirror: Mirror, server: GitServer) -> None:
    server.commit("demo", {"x": "1"}, branch="release/1.2")
    await mirror.fetch()
    with pytest.raises(UnknownBranch) as unknown:
        await mirror.resolve("relase/1.2")
    assert unknown.value.close == ("release/1.2",)
    assert "release/1.2" in unknown.value.do
    with pytest.raises(InvalidBranch):
        await mirror.resolve("--all")


async def test_an_empty_repository_is_named(mirror: Mirror, server: GitServer) -> None:
    server.repository("empty")
    empty = Mirror(mirror.folder.with_name("empty.git"), Remote(server.url("empty"), server.token))
    await empty.fetch()
    with pytest.raises(EmptyRepository):
        await empty.resolve("main")
    head = server.commit("empty", {"a": "1"})
    await empty.fetch()
    assert await empty.resolve("main") == head


async def test_a_repository_that_does_not_open_is_named_and_leaves_nothing(mirror: Mirror, server: GitServer) -> None:
    for remote in (Remote(server.url("gone"), server.token), Remote(server.url("demo"), "wrong")):
        closed = Mirror(mirror.folder.with_name("closed.git"), remote)
        with pytest.raises(RepositoryUnavailable) as unavailable:
            await closed.fetch()
        assert remote.url in str(unavailable.value)
        assert not closed.folder.exists()


@pytest.mark.parametrize(
    ("status", "error"), [(403, RepositoryUnavailable), (301, RepositoryUnavailable), (503, NetworkFailure)]
)
async def test_the_remotes_answer_decides_the_errors_name(
    mirror: Mirror, server: GitServer, status: int, error: type[Exception]
) -> None:
    await mirror.fetch()
    known = await mirror.resolve("main")
    server.fail["upload-pack"] = (status, "http://127.0.0.1:9/elsewhere" if status == 301 else "sorry")
    with pytest.raises(error):
        await mirror.fetch()
    assert await mirror.resolve("main") == known, "a working mirror is not thrown away"


async def test_nobody_answering_is_a_network_failure(tmp_path: Path) -> None:
    with pytest.raises(NetworkFailure):
        await Mirror(tmp_path / "m.git", Remote("http://127.0.0.1:9/demo.git", "a-token")).fetch()


async def test_a_remote_that_stops_answering_ends_the_fetch(mirror: Mirror, server: GitServer) -> None:
    server.held = threading.Event()
    impatient = Mirror(mirror.folder, mirror.remote, fetch_s=0.5)
    with pytest.raises(NetworkFailure):
        await impatient.fetch()
    assert gits_at(mirror.folder.parent) == []
    server.held.set()
    server.held = None
    await mirror.fetch()


async def test_a_cancelled_fetch_leaves_no_git_and_no_lock(mirror: Mirror, server: GitServer) -> None:
    server.held = threading.Event()
    task = asyncio.create_task(mirror.fetch())
    await asyncio.to_thread(server.arrived.wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gits_at(mirror.folder.parent) == []
    server.held.set()
    server.held = None
    await mirror.fetch()


async def test_a_lock_that_is_held_is_waited_for_only_so_long(mirror: Mirror) -> None:
    waiting = Mirror(mirror.folder, mirror.remote, lock_s=0.1)
    async with locked(mirror.folder.with_name("demo.git.lock"), seconds=1):
        with pytest.raises(MirrorBusy):
            await waiting.fetch()
    await waiting.fetch()


async def test_two_processes_and_many_tasks_fetch_at_once(mirror: Mirror, server: GitServer) -> None:
    processes = [start_fetch(mirror, server) for _ in range(2)]
    await asyncio.gather(*(mirror.fetch() for _ in range(4)))
    for process in processes:
        _, said = await asyncio.to_thread(process.communicate, timeout=30)
        assert process.returncode == 0, said
    assert await mirror.resolve("main")


@pytest.mark.parametrize("first", [True, False], ids=["first fetch", "later fetch"])
async def test_kill_9_in_mid_fetch_harms_no_later_fetch(mirror: Mirror, server: GitServer, *, first: bool) -> None:
    if not first:
        await mirror.fetch()
    head = server.commit("demo", {"big.txt": "x\n" * 1000})
    server.held = threading.Event()
    process = start_fetch(mirror, server)
    assert await asyncio.to_thread(server.arrived.wait, 20)
    gits = gits_at(mirror.folder.parent)
    assert gits, "git runs"
    process.kill()
    await asyncio.to_thread(process.communicate)
    lock = mirror.folder.with_name("demo.git.lock")
    with pytest.raises(MirrorBusy):
        async with locked(lock, seconds=0):
            pass
    for pid in gits:
        os.kill(pid, signal.SIGKILL)
    held, server.held = server.held, None
    held.set()
    if not first:
        (mirror.folder / "refs/heads/main.lock").write_text("")
        (mirror.folder / "packed-refs.lock").write_text("")
        (mirror.folder / "objects/pack/tmp_pack_x").write_text("half")
        (mirror.folder / "mark").touch()
    await mirror.fetch()
    assert await mirror.resolve("main") == head
    assert not mirror.folder.with_name("demo.git.new").exists()
    assert not list(mirror.folder.glob("objects/pack/tmp_*"))
    assert (mirror.folder / "mark").exists() != first, "a later fetch goes on with the mirror that is there"


def _break_ref(mirror: Path) -> None:
    (mirror / "packed-refs").unlink(missing_ok=True)
    (mirror / "refs/heads/main").parent.mkdir(parents=True, exist_ok=True)
    (mirror / "refs/heads/main").write_text("f" * 40 + "\n")


def _break_objects(mirror: Path) -> None:
    for path in [path for path in (mirror / "objects").rglob("*") if path.is_file()]:
        path.chmod(0o600)
        path.write_bytes(b"")


def _break_head(mirror: Path) -> None:
    (mirror / "HEAD").write_text("")


@pytest.mark.parametrize("damage", [_break_ref, _break_objects, _break_head])
async def test_a_broken_mirror_is_made_anew(mirror: Mirror, server: GitServer, tmp_path: Path, damage: object) -> None:
    await mirror.fetch()
    head = server.commit("demo", {"new": "1"})
    assert callable(damage)
    damage(mirror.folder)
    await mirror.fetch()
    assert await mirror.resolve("main") == head
    checkout = await check_out(mirror, head, tmp_path / "job", branch="x")
    assert (checkout.tree / "new").read_text() == "1"
    assert sorted(path.name for path in mirror.folder.parent.iterdir()) == ["demo.git", "demo.git.lock"]
