"""Sessions as a library, on real terminals: the demo agent, a shell, and the example of the README."""

from __future__ import annotations

import asyncio
import math
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import groupby
from pathlib import Path

import pytest

from swarmbot.core.session_model import Limits
from swarmbot.sessions import (
    AgentSessions,
    CannotStart,
    HasTask,
    NotAsked,
    SessionEvent,
    SessionOver,
)
from tests.sessions.conftest import (
    BOUND_S,
    DATABASES,
    DEMO,
    FAULTY,
    GUARD,
    QUESTION,
    README,
    TASK,
    Open,
    environment,
    shell,
)


def kinds(events: list[SessionEvent]) -> list[str]:
    return [event.status if event.kind == "status" else event.kind for event in events]


async def test_an_agent_does_its_task_and_is_ready_for_the_next(sessions: AgentSessions, tree: Path) -> None:
    started = await sessions.spawn("demo", tree=tree, task=TASK)
    assert (started.agent, started.tree, started.status) == ("demo", tree, "starting")
    done = await sessions.wait(started.id)
    assert (done.status, done.outcome, done.cause) == ("ready", "", "")
    assert "guard" in done.summary
    assert GUARD in (tree / "stats.py").read_text()
    (tree / "stats.py").write_text(FAULTY)
    await sessions.send(started.id, "Once more, please")
    assert sessions.status(started.id).status == "running"
    assert (await sessions.wait(started.id)).status == "ready"
    assert GUARD in (tree / "stats.py").read_text()
    events = [event async for event in stopped(sessions, started.id)]
    assert [event.rule for event in events if event.kind == "prompt"] == ["trust-folder", "edit-file", "edit-file"]
    # Between prompts it is busy again if that is seen.
    told = [kind for kind, _ in groupby(kind for kind in kinds(events) if kind != "prompt")]
    assert told == ["ready", "running", "busy", "done", "ready", "running", "busy", "done", "ready", "exit", "stopped"]


async def stopped(sessions: AgentSessions, session: str) -> AsyncIterator[SessionEvent]:
    await sessions.stop(session)
    async for event in sessions.events(session):
        yield event


async def test_an_agent_without_a_task_waits_for_one(sessions: AgentSessions, tree: Path) -> None:
    started = await sessions.spawn("demo", tree=tree)
    await sessions.send(started.id, TASK)  # it shows no composer yet
    with pytest.raises(HasTask, match="wait until it is ready"):
        await sessions.send(started.id, "Another")
    assert (await sessions.wait(started.id)).status == "ready"
    assert GUARD in (tree / "stats.py").read_text()


async def test_an_enter_in_an_empty_composer_is_no_task(sessions: AgentSessions, tree: Path) -> None:
    started = await sessions.spawn("demo", tree=tree)
    await sessions.wait(started.id)
    sessions.keys(started.id, ["enter"])
    assert sessions.status(started.id).status == "ready"
    await sessions.send(started.id, TASK)
    assert "guard" in (await sessions.wait(started.id)).summary


async def test_a_task_that_is_typed_key_by_key_is_followed(sessions: AgentSessions, tree: Path) -> None:
    started = await sessions.spawn("demo", tree=tree)
    await sessions.wait(started.id)
    await sessions.send(started.id, "Fix it", enter=False)
    await sessions.shows(started.id, "^❯ Fix it$")
    sessions.keys(started.id, ["enter"])
    assert sessions.status(started.id).status == "running"
    assert "guard" in (await sessions.wait(started.id)).summary


async def test_an_agent_that_is_to_leave_leaves(sessions: AgentSessions, tree: Path) -> None:
    started = await sessions.spawn("demo", tree=tree, task=TASK, leave=True)
    ended = await sessions.wait(started.id, "ended")
    assert (ended.status, ended.outcome) == ("completed", "done")
    assert "guard" in ended.summary
    assert "Goodbye!" in await sessions.output(started.id)
    with pytest.raises(SessionOver, match="has ended; spawn another"):
        await sessions.send(started.id, "More")
    with pytest.raises(SessionOver):
        sessions.keys(started.id, ["enter"])


@pytest.mark.parametrize("task", [None, TASK])
async def test_an_agent_that_is_told_to_leave_has_not_failed(
    sessions: AgentSessions, tree: Path, task: str | None
) -> None:
    started = await sessions.spawn("demo", tree=tree, task=task)
    await sessions.wait(started.id)
    await sessions.send(started.id, "/exit")
    ended = await sessions.wait(started.id, "ended")
    assert (ended.status, "guard" in ended.summary) == ("completed", bool(task))
    assert [event.kind async for event in sessions.events(started.id)].count("done") == bool(task)


async def test_a_question_waits_for_its_answer(opened: Open, tree: Path) -> None:
    async with asyncio.timeout(BOUND_S), opened(mode="question") as sessions:
        started = await sessions.spawn("demo", tree=tree, task=TASK)
        asked = await sessions.wait(started.id)
        assert (asked.status, asked.options) == ("blocked", DATABASES)
        assert asked.question.endswith(QUESTION)
        with pytest.raises(NotAsked, match="0: The main database, 1: The reporting"):
            sessions.answer(started.id, 3)
        sessions.answer(started.id, 1)
        assert sessions.status(started.id).status == "running"
        with pytest.raises(NotAsked, match="asks nothing"):
            sessions.answer(started.id, 1)
        done = await sessions.wait(started.id)
        assert (done.status, done.question) == ("ready", "")
        assert done.summary == "The new table goes to: The reporting database"
        events = [event async for event in stopped(sessions, started.id)]
        assert [event.options for event in events if event.kind == "question"] == [DATABASES]
        assert kinds(events).count("blocked") == 1


async def test_a_question_is_answered_by_keys_or_by_what_is_typed(opened: Open, tree: Path) -> None:
    async with asyncio.timeout(BOUND_S), opened(mode="question") as sessions:
        started = await sessions.spawn("demo", tree=tree, task=TASK)
        await sessions.wait(started.id, "blocked")
        sessions.keys(started.id, ["down"])
        await sessions.shows(started.id, "^❯ 2[.] The reporting")
        assert sessions.status(started.id).status == "blocked"
        sessions.keys(started.id, ["down", "enter"])
        assert (await sessions.wait(started.id)).summary == "The new table goes to: A new database"
        await sessions.send(started.id, "And again")
        await sessions.wait(started.id, "blocked")
        await sessions.send(started.id, "2", enter=False)
        assert (await sessions.wait(started.id)).summary == "The new table goes to: The reporting database"


async def test_a_question_that_its_answer_did_not_settle_blocks_again(opened: Open, tree: Path) -> None:
    limits = Limits(math.inf, math.inf, math.inf, answer_holds_s=0.3)
    async with asyncio.timeout(BOUND_S), opened(mode="question", limits=limits) as sessions:
        started = await sessions.spawn("demo", tree=tree, task=TASK)
        await sessions.wait(started.id, "blocked")
        await sessions.send(started.id, "x", enter=False)
        assert sessions.status(started.id).status == "running"
        assert (await sessions.wait(started.id, "blocked")).question.endswith(QUESTION)


async def test_an_agent_that_fails_says_how(opened: Open, tree: Path) -> None:
    async with asyncio.timeout(BOUND_S), opened(mode="crash") as sessions:
        started = await sessions.spawn("demo", tree=tree, task=TASK)
        failed = await sessions.wait(started.id)
        assert (failed.status, failed.outcome) == ("failed", "exit_code")
        assert failed.cause == "The agent's program ended with exit code 3."
        assert "ToldToCrash" in sessions.screen(started.id)


async def test_a_command_is_typed_to_and_read(sessions: AgentSessions, tree: Path) -> None:
    started = await sessions.spawn_command(["sh"], tree=tree, environment={"PS1": "$ ", "GREETING": "{hello}"})
    assert (started.agent, started.status) == ("command", "running")
    await sessions.shows(started.id, r"^\$ $|^\$$")
    await sessions.send(started.id, "echo $GREETING; echo enter")
    await sessions.shows(started.id, r"^\{hello\}\nenter$")
    await sessions.send(started.id, "exi", enter=False)
    sessions.keys(started.id, ["t", "enter"])
    assert (await sessions.wait(started.id)).status == "completed"
    assert "{hello}\r\n" in await sessions.output(started.id) or "{hello}\n" in await sessions.output(started.id)


async def test_a_command_that_asks_is_blocked(sessions: AgentSessions, tree: Path) -> None:
    started = await shell(sessions, tree, "printf 'Go on? [y/N] '; read a; echo got $a; exit 4")
    asked = await sessions.wait(started.id)
    assert (asked.status, asked.question, asked.options) == ("blocked", "Go on? [y/N]", ())
    with pytest.raises(NotAsked, match="type the answer"):
        sessions.answer(started.id, 0)
    await sessions.send(started.id, "y")
    failed = await sessions.wait(started.id)
    assert (failed.status, failed.outcome) == ("failed", "exit_code")
    assert "got y" in sessions.screen(started.id)


async def test_a_command_has_a_home_of_its_own_and_no_secret(opened: Open, tree: Path) -> None:
    operator = environment(SECRET_TOKEN="s3cret")
    async with asyncio.timeout(BOUND_S), opened(environment=operator) as sessions:
        started = await shell(sessions, tree, "pwd; echo $HOME; echo $TMPDIR; env | grep -c SECRET")
        ended = await sessions.wait(started.id)
        rows = sessions.screen(started.id).replace("\n", " ").split()
        assert rows == [str(tree), str(ended.folder / "home"), str(ended.folder / "tmp"), "0"]


async def test_a_terminal_has_the_size_that_it_is_given(sessions: AgentSessions, tree: Path) -> None:
    started = await shell(sessions, tree, "stty size; read a; stty size; read a", cols=91, rows=17)
    await sessions.shows(started.id, "^17 91$")
    sessions.resize(started.id, 60, 20)
    sessions.keys(started.id, ["enter"])
    await sessions.shows(started.id, "^20 60$")


KEYED_TASK = """mkdir -p ~/usage; echo '{"in": 7, "out": 2}' >> ~/usage/1.jsonl; echo $KEYED_API_KEY"""


async def test_tokens_are_counted_and_a_follow_up_counts_its_own(opened: Open, tree: Path, tmp_path: Path) -> None:
    operator = environment(KEYED_API_KEY="key-of-the-keyed-model")
    async with asyncio.timeout(BOUND_S), opened(environment=operator, folder=tmp_path / "kept") as sessions:
        with pytest.raises(CannotStart, match="takes its task at its start"):
            await sessions.spawn("keyed", tree=tree)
        for resume in (False, True, False):
            started = await sessions.spawn("keyed", tree=tree, task=KEYED_TASK, name="one", resume=resume)
            ended = await sessions.wait(started.id)
            assert (ended.status, ended.used.input, ended.used.output) == ("completed", 7, 2)
            assert await sessions.used(started.id) == ended.used
            written = (ended.folder / "home/usage/1.jsonl").read_text().splitlines()
            assert len(written) == (2 if resume else 1)
        assert "key-of" in sessions.screen("one")
        assert "key-of" not in ended.recording.read_text()
    recordings = sorted(path.name for path in (tmp_path / "kept/one").glob("*.cast"))
    assert recordings == ["terminal-1.cast", "terminal-2.cast", "terminal-3.cast"]


async def test_the_example_of_the_readme_runs(tree: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    (example,) = (block for block in blocks if "swarmbot.sessions" in block)
    agents = tmp_path / "agents"
    agents.mkdir()
    demo = (DEMO / "demo.toml").read_text()
    (agents / "claude.toml").write_text(demo.replace('name = "demo"', 'name = "claude"'))
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", example], cwd=tree.parent, input="1\n", capture_output=True, text=True,
        env=environment(SWARMBOT_AGENTS_DIR=str(agents), SWARMBOT_DEMO_MODE="question", HOME=str(tmp_path)),
        timeout=BOUND_S,
    )  # fmt: skip
    assert done.stderr == ""
    assert f"{QUESTION} {DATABASES}" in done.stdout
    assert "\nThe new table goes to: The main database\n" in done.stdout
    assert GUARD in (tree / "stats.py").read_text()


@pytest.mark.parametrize("variable", ["SWARMBOT_PROGRAMS", "SWARMBOT_AGENTS_CACHE"])
async def test_programs_are_found_where_they_are_installed(
    opened: Open, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    folder = tmp_path / "installed" / "bin"
    folder.mkdir(parents=True)
    (folder / "keyed-program").symlink_to("/bin/sh")
    agent = tmp_path / "agents" / "keyed.toml"
    agent.write_text(agent.read_text().replace('command = "sh"', 'command = "keyed-program"'))
    operator = environment(KEYED_API_KEY="key-of-the-keyed-model")
    if variable == "SWARMBOT_PROGRAMS":
        operator[variable] = str(folder)
    else:
        monkeypatch.setenv(variable, str(folder.parent))
    async with asyncio.timeout(BOUND_S), opened(environment=operator) as sessions:
        started = await sessions.spawn("keyed", tree=tree, task="echo here")
        assert (await sessions.wait(started.id)).status == "completed"
