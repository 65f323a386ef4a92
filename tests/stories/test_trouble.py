"""What goes wrong: each ends once, with a comment that says what to do, and the next job runs."""

from __future__ import annotations

import pytest

from swarmbot.core.model import Ending
from swarmbot.demo.github import DemoGitHub, Issue
from tests.stories.conftest import Bot


@pytest.fixture
async def issue(github: DemoGitHub) -> Issue:
    return await github.issue("Crash on empty file")


async def the_next_job_runs(bot: Bot, github: DemoGitHub) -> bool:
    issue = await github.issue("Another one")
    job = await bot.does(issue, "/agent fix")
    pull = await bot.opened_pull_request()
    return job.ending is Ending.DONE and pull.closes(issue)


async def test_an_agent_that_changes_nothing_is_no_success(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    job = await bot.does(issue, "/agent fix with nothing")

    assert job.ending is Ending.NO_CHANGE
    assert "changed no file" in bot.last_reply
    assert "/agent fix" in bot.last_reply
    assert github.pulls() == []
    assert await the_next_job_runs(bot, github)


async def test_an_agent_that_hangs_is_ended(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    job = await bot.does(issue, "/agent fix with hang")

    assert job.ending is Ending.TIMED_OUT
    assert "printed nothing for 5 s" in bot.last_reply
    assert "What to do:" in bot.last_reply
    assert await the_next_job_runs(bot, github)


async def test_an_agent_that_crashes_shows_its_last_lines(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    job = await bot.does(issue, "/agent fix with crash")

    assert job.failure is not None
    assert (job.ending, job.failure.kind) == (Ending.FAILED, "agent_exit_code")
    assert "exit code 3" in bot.last_reply
    assert "Traceback" in bot.last_reply
    assert await the_next_job_runs(bot, github)


async def test_a_question_that_no_rule_answers_is_shown(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    job = await bot.does(issue, "/agent fix with question")

    assert job.failure is not None
    assert job.failure.kind == "agent_asked"
    assert "Which database should the new table go to?" in bot.last_reply


async def test_a_model_that_fails_leaves_no_change(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    job = await bot.does(issue, "/agent fix with error")

    assert job.ending is not Ending.DONE
    assert github.pulls() == []


async def test_an_agent_that_is_not_installed_is_named_with_the_cure(
    bot: Bot, github: DemoGitHub, issue: Issue
) -> None:
    await github.comment(issue, "/agent fix with missing")

    reply = await github.next_comment(issue)
    assert "a-program-that-is-not-there" in reply.body
    assert "npm install -g missing" in reply.body


async def test_no_permission_to_push(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    github.refuse_pushes()

    job = await bot.does(issue, "/agent fix")

    assert job.failure is not None
    assert job.failure.kind == "push_refused"
    assert "Give the App write permission for contents" in bot.last_reply
    github.refuse_pushes(refuse=False)
    assert await the_next_job_runs(bot, github)


async def test_a_push_that_a_rule_of_the_repository_refuses(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    github.reject_refs("protected branch hook declined")

    job = await bot.does(issue, "/agent fix")

    assert job.failure is not None
    assert job.failure.kind == "push_refused"
    assert "protected branch" in bot.last_reply
    github.reject_refs(None)
    assert await the_next_job_runs(bot, github)


async def test_a_pull_request_whose_answer_is_lost_is_found_and_not_opened_twice(
    bot: Bot, github: DemoGitHub, issue: Issue
) -> None:
    github.fail("POST", "/pulls$", status=502, carried_out=True)

    job = await bot.does(issue, "/agent fix")

    assert job.ending is Ending.DONE
    await bot.opened_pull_request()
    assert len(github.pulls()) == 1


async def test_a_final_reply_whose_answer_is_lost_is_not_said_twice(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    github.fail("POST", "/check-runs$", status=502, carried_out=True)

    job = await bot.does(issue, "/agent fix")

    await bot.opened_pull_request()
    assert job.ending is Ending.DONE
    assert len(github.check_runs()) == 1


@pytest.mark.parametrize("max_sessions", [1])
async def test_permission_taken_away_while_the_job_waited(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    before = await github.issue("Takes the only place")
    await github.next_reaction(await github.comment(before, "/agent fix with hang"))
    github.user("leaver", permission="write")
    await github.next_reaction(await github.comment(issue, "/agent fix", by="leaver"))

    github.user("leaver", permission="read")

    assert (await bot.end_of_job(before)).ending is Ending.TIMED_OUT
    job = await bot.end_of_job(issue)
    assert job.failure is not None
    assert job.failure.kind == "not_permitted"
    assert "may not write" in bot.last_reply


async def test_the_agents_environment_holds_nothing_of_the_worker(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    job = await bot.does(issue, "/agent fix with environment")

    recording = (bot.folder / "recordings" / job.recording).read_text()
    assert "SWARMBOT_TASK_FILE=" in recording
    for secret in ("a value that no agent may see", "ghs_", "PRIVATE KEY", "SWARMBOT_WEBHOOK_SECRET"):
        assert secret not in recording
