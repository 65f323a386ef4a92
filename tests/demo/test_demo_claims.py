"""What a story did not expect makes it fail, with all that was said in the message."""

from __future__ import annotations

import asyncio

import pytest

from swarmbot.demo.github import DemoGitHub, UnexpectedWords

from .conftest import REPO, Client

COMMENTS = f"{REPO}/issues/1/comments"


async def test_what_people_say_needs_no_claim(github: DemoGitHub) -> None:
    issue = await github.issue("Crash")
    await github.comment(issue, "words")
    await github.label(issue, "agent")
    github.assert_nothing_unexpected()


async def test_what_the_app_says_has_to_be_claimed(client: Client, github: DemoGitHub) -> None:
    issue = await github.issue("Crash")
    await client.call("POST", COMMENTS, {"body": "first words"})
    await client.call("POST", COMMENTS, {"body": "second words"})
    await client.call("POST", f"{REPO}/issues/1/reactions", {"content": "eyes"})
    await client.call("POST", f"{REPO}/check-runs", {"name": "c", "head_sha": github.branches()["main"]})
    await client.call("POST", f"{REPO}/issues/1/labels", {"labels": ["busy"]})
    assert len(github.unclaimed()) == 5
    with pytest.raises(UnexpectedWords) as caught:
        github.assert_nothing_unexpected()
    for words in ("first words", "second words", "eyes", "check run on", "the label busy"):
        assert words in str(caught.value)
    assert (await github.next_comment(issue)).body == "first words"
    assert (await github.next_comment(issue, containing="second")).body == "second words"
    await github.next_reaction(issue)
    assert (await github.next_check(completed=False)).status == "queued"
    for change in github.changes(issue):
        github.claim(change)
    github.assert_nothing_unexpected()


async def test_a_claimed_comment_that_changes_is_claimed_again(client: Client, github: DemoGitHub) -> None:
    issue = await github.issue("Crash")
    url = (await client.call("POST", COMMENTS, {"body": "working"})).json()["url"]
    status = await github.next_comment(issue)
    for text in ("still working", "done"):
        await client.call("PATCH", url, {"body": text})
    assert github.unclaimed() == ["changed since it was claimed: comment on #1: done"]
    assert (await github.next_edit(status, containing="done")).body == "done"
    github.assert_nothing_unexpected()


async def test_words_that_were_deleted_were_said_all_the_same(client: Client, github: DemoGitHub) -> None:
    await github.issue("Crash")
    url = (await client.call("POST", COMMENTS, {"body": "oops"})).json()["url"]
    await client.call("DELETE", url)
    assert github.unclaimed() == ["comment on #1 (deleted): oops"]


async def test_complaints_fail_a_story_too(client: Client, github: DemoGitHub) -> None:
    await client.call("GET", "/teapot")
    with pytest.raises(UnexpectedWords, match="unknown route: GET /teapot"):
        github.assert_nothing_unexpected()


async def test_waiting_is_woken_by_a_change(client: Client, github: DemoGitHub) -> None:
    issue = await github.issue("Crash")
    waiting = asyncio.create_task(github.next_comment(issue))
    await client.call("POST", COMMENTS, {"body": "at last"})
    assert (await waiting).body == "at last"


async def test_waiting_in_vain_tells_what_was_said(client: Client, github: DemoGitHub) -> None:
    issue = await github.issue("Crash")
    await client.call("POST", COMMENTS, {"body": "something else"})
    with pytest.raises(AssertionError) as caught:
        await github.next_comment(issue, containing="never", timeout=0.05)
    assert "swarmbot[bot] commented on #1: something else" in str(caught.value)


async def test_people_are_held_to_what_github_lets_them(github: DemoGitHub) -> None:
    github.user("outsider", "read")
    issue = await github.issue("Crash")
    with pytest.raises(PermissionError):
        await github.label(issue, "agent", by="outsider")
    with pytest.raises(ValueError, match="there is no user ghost"):
        await github.comment(issue, "boo", by="ghost")
    with pytest.raises(ValueError, match="roles are none, read"):
        github.user("other", "owner")
