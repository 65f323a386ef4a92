"""The lane of an installation, and the writer: everything that is said is redacted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from swarmbot.demo.github import DemoGitHub
from swarmbot.demo.github.git_objects import git
from swarmbot.github.client import Invalid, NotThere
from swarmbot.github.writer import Lane, Lanes, Priority, Writer
from tests.github.conftest import SECRET


class Work:
    """Writes that note when they run, and a gate that holds the first one up."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.first_runs = asyncio.Event()

    def of(self, name: str, error: Exception | None = None) -> Callable[[], Awaitable[str]]:
        async def write() -> str:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.first_runs.set()
            await self.gate.wait()
            self.done.append(name)
            self.at_once -= 1
            if error:
                raise error
            return name

        return write


async def test_the_important_goes_first_and_one_at_a_time() -> None:
    lane, work = Lane(), Work()
    waiting = [asyncio.create_task(lane.submit(Priority.EDIT, work.of("first")))]
    await work.first_runs.wait()
    for priority in (Priority.EDIT, Priority.REPLY, Priority.REACTION, Priority.PULL):
        waiting.append(asyncio.create_task(lane.submit(priority, work.of(priority.name))))
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(*waiting) == ["first", "EDIT", "REPLY", "REACTION", "PULL"]
    assert work.done == ["first", "REACTION", "PULL", "REPLY", "EDIT"]
    assert work.most_at_once == 1


async def test_equals_go_in_the_order_in_which_they_came() -> None:
    lane, work = Lane(), Work()
    work.gate.set()
    names = ["a", "b", "c", "d"]
    await asyncio.gather(*(lane.submit(Priority.REPLY, work.of(name)) for name in names))
    assert work.done == names


async def test_an_error_goes_to_whom_it_belongs_and_stops_nobody_else() -> None:
    lane, work = Lane(), Work()
    work.gate.set()
    bad, good = await asyncio.gather(
        lane.submit(Priority.REACTION, work.of("bad", NotThere(404, "gone"))),
        lane.submit(Priority.EDIT, work.of("good")),
        return_exceptions=True,
    )
    assert isinstance(bad, NotThere)
    assert good == "good"


async def test_who_stops_waiting_is_passed_over_and_the_others_go_on() -> None:
    lane, work = Lane(), Work()
    first = asyncio.create_task(lane.submit(Priority.REPLY, work.of("first")))
    await work.first_runs.wait()
    gone = asyncio.create_task(lane.submit(Priority.REPLY, work.of("gone")))
    last = asyncio.create_task(lane.submit(Priority.REPLY, work.of("last")))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    work.gate.set()
    await asyncio.gather(first, last)
    assert work.done == ["first", "last"]


async def test_a_write_under_way_is_finished_though_nobody_waits_any_more() -> None:
    lane, work = Lane(), Work()
    first = asyncio.create_task(lane.submit(Priority.REPLY, work.of("first")))
    await work.first_runs.wait()
    first.cancel()
    work.gate.set()
    assert await lane.submit(Priority.REPLY, work.of("next")) == "next"
    assert work.done == ["first", "next"]


async def test_a_lane_that_was_idle_works_again() -> None:
    lane, work = Lane(), Work()
    work.gate.set()
    for name in "ab":
        assert await lane.submit(Priority.EDIT, work.of(name)) == name


async def test_after_a_burst_of_five_they_come_at_githubs_pace() -> None:
    lane, work = Lane(), Work()
    work.gate.set()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for name in "abcde":
        await lane.submit(Priority.EDIT, work.of(name))
    assert loop.time() - begun < 0.9
    await lane.submit(Priority.EDIT, work.of("f"))
    assert loop.time() - begun > 0.9


def test_each_installation_has_a_lane_of_its_own() -> None:
    lanes = Lanes()
    assert lanes.of(1) is lanes.of(1)
    assert lanes.of(1) is not lanes.of(2)


async def test_every_text_is_redacted(writer: Writer, github: DemoGitHub) -> None:
    issue = await github.issue("One")
    bare = github.repository.git
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    sha = git("-C", str(bare), *who, "commit-tree", "main^{tree}", "-p", "main", "-m", "x").strip()
    git("-C", str(bare), "update-ref", "refs/heads/work", sha)
    told = f"It is {SECRET}!"

    written = await writer.comment(issue.number, told)
    comment = github.comments(issue)[0]
    assert comment.body == "It is [redacted]!"
    await writer.edit_comment(written.id, lambda: f"now {told}")
    assert comment.body == "now It is [redacted]!"
    opened = await writer.open_pull(title=told, body=told, head="work", base="main")
    pull = github.pull(opened.number)
    assert (pull.title, pull.body, opened.head.sha) == ("It is [redacted]!", "It is [redacted]!", sha)
    await writer.complete_check(sha=sha, conclusion="neutral", title=told, summary=told)
    [check] = github.check_runs(sha)
    assert (check.title, check.summary, check.conclusion) == ("It is [redacted]!", "It is [redacted]!", "neutral")
    assert github.complaints() == []


async def test_an_edit_says_what_is_true_when_its_turn_comes(writer: Writer, github: DemoGitHub) -> None:
    issue = await github.issue("One")
    written = await writer.comment(issue.number, "old")
    text = "early"
    edit = asyncio.create_task(writer.edit_comment(written.id, lambda: text))
    text = "late"
    await edit
    assert github.comments(issue)[0].body == "late"


async def test_reactions_on_a_comment_and_on_an_issue(writer: Writer, github: DemoGitHub) -> None:
    issue = await github.issue("One")
    comment = await github.comment(issue, "/agent fix")
    await writer.react(issue.number, comment.id, "eyes")
    await writer.react(issue.number, None, "confused")
    await writer.react(issue.number, None, "confused")
    assert [reaction.content for reaction in github.reactions(comment)] == ["eyes"]
    assert [reaction.content for reaction in github.reactions(issue)] == ["confused"]


async def test_what_is_refused_is_raised_by_its_name(writer: Writer) -> None:
    with pytest.raises(NotThere):
        await writer.comment(4711, "to nobody")
    with pytest.raises(Invalid):
        await writer.open_pull(title="T", body="B", head="no-such-branch", base="main")
