"""A comment or a label becomes a pull request."""

from __future__ import annotations

from swarmbot.core.model import Ending
from swarmbot.demo.github import DemoGitHub, git_objects
from tests.stories.conftest import Bot


async def test_fix_opens_a_pull_request(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file")

    job = await bot.does(issue, "/agent fix")

    pull = await bot.opened_pull_request()
    assert job.ending is Ending.DONE
    assert pull.closes(issue)
    assert pull.check("swarmbot") == "success"
    assert pull.head_ref == f"swarmbot/{issue.number}-{job.spec.id}"


async def test_the_change_makes_the_failing_test_pass(bot: Bot, github: DemoGitHub) -> None:
    assert not github.run_tests("main")[0]
    issue = await github.issue("Crash on empty file")

    await bot.does(issue, "/agent fix")

    pull = await bot.opened_pull_request()
    assert github.run_tests(pull.head_ref)[0]


async def test_the_prompts_of_the_agent_are_answered_by_rule(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file")

    job = await bot.does(issue, "/agent fix")

    pull = await bot.opened_pull_request()
    assert [answer.rule for answer in job.answered] == ["trust-folder", "edit-file"]
    assert "trust-folder (enter), edit-file (enter)" in (pull.body or "")


async def test_the_requester_is_co_author_and_is_told_by_mention(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file")

    await bot.does(issue, "/agent fix")

    pull = await bot.opened_pull_request()
    assert bot.last_reply.startswith("@maintainer ")
    assert f"#{pull.number}" in bot.last_reply
    message = git_objects.git("-C", str(github.repository.git), "log", "-1", "--format=%B", pull.head_sha)
    assert "Co-authored-by: maintainer <" in message
    assert message.startswith("fix: Crash on empty file\n")


async def test_the_status_comment_tells_the_end(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file")

    job = await bot.does(issue, "/agent fix")

    pull = await bot.opened_pull_request()
    status = next(comment for comment in github.comments(issue) if comment.id == job.said["status"].id)
    assert f"Pull request #{pull.number} is open" in status.body
    assert "- [ ]" not in status.body
    assert "@" not in status.body


async def test_a_label_does_the_same(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file")

    await github.label(issue, "agent")

    await github.next_reaction(issue)
    job = await bot.end_of_job(issue)
    assert (await bot.opened_pull_request()).closes(issue)
    assert job.spec.agent == "demo"


async def test_a_label_can_name_the_agent(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file")

    await github.label(issue, "agent:shell")

    await github.next_reaction(issue)
    job = await bot.end_of_job(issue)
    assert (await bot.opened_pull_request()).closes(issue)
    assert [answer.rule for answer in job.answered] == ["default-yes", "default-yes"]


async def test_the_words_behind_the_command_reach_the_agent(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file", "It ends with a traceback.")

    job = await bot.does(issue, "/agent fix with shell keep the rounding")

    await bot.opened_pull_request()
    assert job.spec.words == "keep the rounding"
    recording = (bot.folder / "recordings" / job.recording).read_text()
    assert "Task: Fix the issue acme/wordcount#1" in recording


async def test_every_fixed_call_to_github_is_counted(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file")

    await bot.does(issue, "/agent fix")

    await bot.opened_pull_request()
    await github.wait_for(lambda: [call.kind for call in github.calls].count("token") == 3)
    kinds = [call.kind for call in github.calls]
    assert kinds.count("api") + min(1, kinds.count("edit")) <= 10


async def test_the_jobs_token_is_revoked_at_its_end(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file")

    await bot.does(issue, "/agent fix")

    await bot.opened_pull_request()
    await github.wait_for(lambda: any(call.path == "/installation/token" for call in github.calls))
    assert len(github.access.living_tokens()) == 1  # the installation's own, which dispatch keeps


async def test_two_issues_at_once_get_one_pull_request_each(bot: Bot, github: DemoGitHub) -> None:
    issues = [await github.issue(f"Crash {number}") for number in (1, 2)]
    comments = [await github.comment(issue, "/agent fix") for issue in issues]

    for issue, comment in zip(issues, comments, strict=True):
        await github.next_reaction(comment)
        await bot.end_of_job(issue)
    pulls = [await bot.opened_pull_request() for _ in issues]

    assert sorted(issue.number for issue in issues for pull in pulls if pull.closes(issue)) == [1, 2]
