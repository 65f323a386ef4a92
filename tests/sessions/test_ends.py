"""How sessions end and what is refused: limits, errors, cancellation; and that nothing is left behind."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from swarmbot.sessions import (
    AgentSessions,
    AgentUnknown,
    CannotStart,
    CredentialMissing,
    NameTaken,
    NoSuchSession,
    NothingToResume,
    ProgramMissing,
    SessionOver,
    SettingMissing,
    TooManySessions,
)
from tests.sessions.conftest import (
    BOUND_S,
    GUARD,
    TASK,
    Open,
    gone,
    project,
    shell,
)


async def test_a_text_that_is_never_shown_is_waited_for_until_the_end(sessions: AgentSessions, tree: Path) -> None:
    started = await shell(sessions, tree, "echo one")
    with pytest.raises(SessionOver, match="never showed 'two'"):
        await sessions.shows(started.id, "two")


async def test_stopping_ends_everything_that_it_started(sessions: AgentSessions, tree: Path) -> None:
    script = "trap '' HUP TERM; setsid sh -c 'echo far $$; exec sleep 300' & echo near $$; wait; wait"
    started = await shell(sessions, tree, script)
    screen = await sessions.shows(started.id, r"(?s)(?=.*far \d)(?=.*near \d)")
    pids = [int(found) for found in re.findall(r"(?:far|near) (\d+)", screen)]
    async with asyncio.timeout(5):
        after = await sessions.stop(started.id, grace=0.5)
    assert (after.status, after.cause) == ("stopped", "It was stopped.")
    assert len(pids) == 2
    assert all(map(gone, pids))
    assert (await sessions.stop(started.id)).status == "stopped"


async def test_two_at_once_do_not_mix(sessions: AgentSessions, tmp_path: Path) -> None:
    trees = [project(tmp_path / name) for name in ("one", "two")]
    both = [await sessions.spawn("demo", tree=tree, task=TASK, name=tree.name) for tree in trees]
    assert [(info.id, info.tree) for info in sessions.list()] == [("one", trees[0]), ("two", trees[1])]
    done = await asyncio.gather(*(sessions.wait(info.id) for info in both))
    assert [info.status for info in done] == ["ready", "ready"]
    assert all(GUARD in (tree / "stats.py").read_text() for tree in trees)
    assert len({info.folder for info in done}) == 2


async def test_no_more_than_are_allowed(opened: Open, tree: Path) -> None:
    async with asyncio.timeout(BOUND_S), opened(max_sessions=1) as sessions:
        first = await shell(sessions, tree, "read a", name="first")
        with pytest.raises(TooManySessions, match=r"1 sessions are alive \(first\).*Stop one, or raise max_sessions"):
            await shell(sessions, tree, "read a")
        await sessions.stop(first.id)
        assert (await shell(sessions, tree, "read a")).status == "running"
        assert [info.status for info in sessions.list()] == ["stopped", "running"]


async def test_an_idle_session_is_stopped(opened: Open, tree: Path) -> None:
    async with asyncio.timeout(BOUND_S), opened(idle_s=0.4) as sessions:
        started = await shell(sessions, tree, "echo up; read a; echo $a; read b")
        await sessions.send(started.id, "on")
        ended = await sessions.wait(started.id)
        assert (ended.status, ended.cause) == ("stopped", "There was no output and no input for 0.4 s.")
        assert ended.idle_s >= 0.4
        assert "on" in sessions.screen(started.id)


async def test_a_session_with_output_is_not_idle(opened: Open, tree: Path) -> None:
    async with asyncio.timeout(BOUND_S), opened(idle_s=0.6) as sessions:
        script = "import time\nfor n in range(12): print(n, flush=True); time.sleep(0.1)"
        started = await sessions.spawn_command([sys.executable, "-c", script], tree=tree)
        assert (await sessions.wait(started.id)).status == "completed"


async def test_a_stranger_is_unknown(sessions: AgentSessions, tree: Path) -> None:
    await shell(sessions, tree, "read a", name="known")
    calls: list[Callable[[], object]] = [
        lambda: sessions.status("x"), lambda: sessions.screen("x"), lambda: sessions.answer("x", 0),
        lambda: sessions.keys("x", "y"), lambda: sessions.resize("x", 80, 24),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(NoSuchSession, match="no session 'x'; there are: known"):
            call()
    awaited: list[Callable[[], Awaitable[object]]] = [
        lambda: sessions.send("x", "y"), lambda: sessions.stop("x"), lambda: sessions.wait("x"),
        lambda: sessions.output("x"), lambda: sessions.used("x"), lambda: sessions.forget("x"),
        lambda: sessions.shows("x", "y"), lambda: anext(sessions.events("x")),
    ]  # fmt: skip
    for later in awaited:
        with pytest.raises(NoSuchSession):
            await later()


async def test_what_is_no_key_name_or_wish_is_refused(sessions: AgentSessions, tree: Path) -> None:
    started = await shell(sessions, tree, "read a", name="known")
    with pytest.raises(ValueError, match="'entr' is no key; there are enter, up"):
        sessions.keys(started.id, ["entr"])
    with pytest.raises(ValueError, match="later: wait for one of done, blocked"):
        await sessions.wait(started.id, "later")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no name of a session"):
        await shell(sessions, tree, "read a", name="../up")
    with pytest.raises(NameTaken, match="known is alive"):
        await shell(sessions, tree, "read a", name="known")


async def test_what_cannot_be_started_says_why(sessions: AgentSessions, tree: Path) -> None:
    with pytest.raises(AgentUnknown, match=r"no agent 'nobody'; there are .*demo"):
        await sessions.spawn("nobody", tree=tree)
    with pytest.raises(CredentialMissing, match=r"Keyed agent: .*KEYED_API_KEY"):
        await sessions.spawn("keyed", tree=tree, task="true")
    with pytest.raises(SettingMissing, match="SWARMBOT_SHELL_COMMAND"):
        await sessions.spawn("shell", tree=tree, task="true")
    with pytest.raises(CannotStart, match="no folder"):
        await sessions.spawn("demo", tree=tree / "gone")
    with pytest.raises(NothingToResume, match="no earlier session called 'gone'"):
        await sessions.spawn("demo", tree=tree, name="gone", resume=True)
    with pytest.raises(ProgramMissing, match="no-such-program is not installed"):
        await sessions.spawn_command(["no-such-program"], tree=tree)
    with pytest.raises(ValueError, match="autonomy one of"):
        await sessions.spawn("demo", tree=tree, autonomy="all")  # type: ignore[arg-type]
    assert sessions.list() == ()


async def test_a_program_that_is_not_installed_is_named_with_its_command(opened: Open, tree: Path) -> None:
    operator = {"PATH": "/nowhere", "KEYED_API_KEY": "key-of-the-keyed-model"}
    async with opened(environment=operator) as sessions:
        with pytest.raises(ProgramMissing, match=r"`sh` is not installed. Install it with `pip install keyed`"):
            await sessions.spawn("keyed", tree=tree, task="true")


async def test_what_is_forgotten_is_gone(sessions: AgentSessions, tree: Path) -> None:
    started = await shell(sessions, tree, "read a")
    await sessions.forget(started.id)
    assert sessions.list() == ()
    assert not started.folder.exists()


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of sockets, of this test alone; its path is short, as those of sockets have to be."""
    with tempfile.TemporaryDirectory(prefix="sb-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def busy_session(sessions: AgentSessions, tree: Path) -> int:
    started = await shell(sessions, tree, "trap '' HUP TERM; echo up $$; sleep 300; sleep 300")
    screen = await sessions.shows(started.id, r"^up \d+$")
    return int(screen.split()[-1])


async def test_nothing_is_left_after_an_error(opened: Open, tree: Path, runtime: Path, cache: Path) -> None:
    sessions, pids = opened(), []

    async def body() -> None:
        async with asyncio.timeout(BOUND_S), sessions:
            pids.append(await busy_session(sessions, tree))
            assert len(inside(runtime)) == len(inside(cache)) == 1
            raise LookupError("the body")

    with pytest.raises(LookupError, match="the body"):
        await body()
    assert gone(pids[0])
    assert inside(runtime) == inside(cache) == []
    assert sessions.list()[0].cause == "The sessions were closed."
    with pytest.raises(CannotStart, match="not open"):
        await shell(sessions, tree, "true")


async def test_nothing_is_left_after_a_cancellation_in_the_body_and_another_at_the_end(
    opened: Open, tree: Path, runtime: Path, cache: Path
) -> None:
    pids: asyncio.Queue[int] = asyncio.Queue()

    async def body() -> None:
        async with opened() as sessions:
            pids.put_nowait(await busy_session(sessions, tree))
            try:
                await sessions.wait(sessions.list()[0].id)
            finally:
                asyncio.get_running_loop().call_later(0.05, task.cancel)

    task = asyncio.create_task(body())
    async with asyncio.timeout(BOUND_S):
        pid = await pids.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert gone(pid)
    assert inside(runtime) == inside(cache) == []


async def test_a_spawn_that_is_cancelled_leaves_nothing(opened: Open, tree: Path, runtime: Path) -> None:
    async with asyncio.timeout(BOUND_S), opened(max_sessions=1) as sessions:
        kept = inside(runtime)
        for turns in range(8):
            spawning = asyncio.create_task(sessions.spawn("demo", tree=tree, task=TASK, name=f"n{turns}"))
            for _ in range(turns):
                await asyncio.sleep(0)
            spawning.cancel()
            with pytest.raises(asyncio.CancelledError):
                await spawning
        assert all(info.status == "stopped" for info in sessions.list())
        assert inside(runtime) == kept
        assert (await shell(sessions, tree, "true")).agent == "command"
