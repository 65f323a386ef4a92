"""Pull requests and check runs over the API, and as a story sees them."""

from __future__ import annotations

from typing import Any

import pytest

from swarmbot.demo.github import DemoGitHub

from .conftest import REPO, Client, Git, branch_without_push

FIX = {"title": "Fix", "head": "fix", "base": "main"}
ANNOTATION = {"path": "a.py", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
BUTTON = {"label": "Retry", "identifier": "retry", "description": "Run it again"}
OUTPUT = {"title": "Done", "summary": "It is done."}


async def test_a_pull_request_from_push_to_new_commit(client: Client, github: DemoGitHub, git: Git) -> None:
    issue = await github.issue("Crash on empty file")
    sha = await git.branch("fix/one", client.token, "wordcount/more.py", "MORE = 1\n")
    body = {"title": "Fix the crash", "head": "acme:fix/one", "base": "main", "body": "Fixes #1.", "draft": True}
    made = await client.call("POST", f"{REPO}/pulls", body)
    assert (made.status_code, made.json()["number"], made.json()["draft"]) == (201, 2, True)
    pull = await github.next_pull()
    assert pull.closes(issue)
    assert (pull.head_sha, pull.author.login) == (sha, "swarmbot[bot]")
    assert "+MORE = 1" in github.diff(pull)
    assert github.file("fix/one", "wordcount/more.py") == "MORE = 1\n"
    tree = git.folder / "tree-fix-one"
    newer = await git.commit(tree, "wordcount/more.py", "MORE = 2\n")
    await git.run("push", "origin", "fix/one", token=client.token, cwd=tree)
    assert (pull.head_sha, pull.commits) == (newer, 2)
    assert (await client.call("GET", f"{REPO}/pulls/2")).json()["head"]["sha"] == newer
    github.assert_nothing_unexpected()


@pytest.mark.parametrize(
    ("body", "words", "closes"),
    [
        ("Closes #1", "", True),
        ("", "fix: #1", True),
        ("resolved acme/wordcount#1", "", True),
        ("Closes #12", "", False),
        ("See #1", "", False),
        ("Closes other/repo#1", "", False),
    ],
)
async def test_what_closes_an_issue(client: Client, github: DemoGitHub, body: str, words: str, closes: bool) -> None:
    issue = await github.issue("Crash")
    branch_without_push(github, "fix")
    await client.call("POST", f"{REPO}/pulls", {**FIX, "title": words or "Fix", "body": body})
    assert github.pull(2).closes(issue) is closes


async def test_pull_requests_are_found_by_head(client: Client, github: DemoGitHub) -> None:
    branch_without_push(github, "fix")
    await client.call("POST", f"{REPO}/pulls", FIX)
    found = (await client.call("GET", f"{REPO}/pulls?head=acme:fix&state=open")).json()
    assert [pull["number"] for pull in found] == [1]
    assert (await client.call("GET", f"{REPO}/pulls?head=acme:other")).json() == []
    assert (await client.call("GET", f"{REPO}/pulls?state=closed")).json() == []
    assert github.complaints() == []
    await client.call("GET", f"{REPO}/pulls?head=fix")
    assert "filters nothing" in github.complaints()[0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**FIX, "head": "nowhere"}, '"field":"head"'),
        ({**FIX, "head": "someone:fix"}, '"field":"head"'),
        ({**FIX, "base": "nowhere"}, '"field":"base"'),
        ({**FIX, "head": "main"}, "No commits between main and main"),
        ({**FIX, "title": ""}, "missing_field"),
        ({"title": "Fix", "base": "main"}, "missing required field `head`"),
        ({**FIX, "draft": "yes"}, "Expected `bool`"),
        ({**FIX, "body": "x" * 65_537}, "maximum is 65536 characters"),
    ],
)
async def test_a_pull_request_that_cannot_be(
    client: Client, github: DemoGitHub, body: dict[str, Any], words: str
) -> None:
    branch_without_push(github, "fix")
    answer = await client.call("POST", f"{REPO}/pulls", body)
    assert answer.status_code == 422, answer.text
    assert words in answer.text


async def test_a_second_pull_request_of_a_branch_is_refused_without_complaint(
    client: Client, github: DemoGitHub
) -> None:
    branch_without_push(github, "fix")
    await client.call("POST", f"{REPO}/pulls", FIX)
    again = await client.call("POST", f"{REPO}/pulls", FIX)
    assert again.status_code == 422
    assert again.json()["errors"][0]["message"] == "A pull request already exists for acme:fix."
    assert github.complaints() == []
    assert len(github.pulls()) == 1


async def test_a_pull_request_is_edited_and_reviewers_are_asked(client: Client, github: DemoGitHub) -> None:
    github.user("outsider", "none")
    branch_without_push(github, "fix")
    await client.call("POST", f"{REPO}/pulls", FIX)
    edited = (await client.call("PATCH", f"{REPO}/pulls/1", {"title": "Better", "state": "closed"})).json()
    assert (edited["title"], edited["state"]) == ("Better", "closed")
    path = f"{REPO}/pulls/1/requested_reviewers"
    asked = await client.call("POST", path, {"reviewers": ["maintainer"]})
    assert (asked.status_code, asked.json()["requested_reviewers"][0]["login"]) == (201, "maintainer")
    assert (await client.call("POST", path, {"reviewers": ["outsider"]})).status_code == 422
    comment = await client.call("POST", f"{REPO}/issues/1/comments", {"body": "words"})
    assert "/pull/1#issuecomment-" in comment.json()["html_url"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"head_sha": None}, "Expected `str`"),
        ({"head_sha": "0" * 40}, "No commit found for SHA"),
        ({"head_sha": "main"}, "No commit found for SHA"),
        ({"name": " "}, "properties/name"),
        ({"status": "done"}, "Invalid enum value"),
        ({"status": "completed"}, '\\"conclusion\\" wasn\'t supplied'),
        ({"conclusion": "great"}, "Invalid enum value"),
        ({"details_url": "ftp://x"}, "http or https"),
        ({"started_at": "yesterday"}, "not a date-time"),
        ({"output": {"summary": "s"}}, '\\"title\\" wasn\'t supplied'),
        ({"output": {"title": "t"}}, "missing required field `summary`"),
        ({"output": {**OUTPUT, "summary": "é" * 32_768}}, "65535 bytes"),
        ({"output": {**OUTPUT, "text": "x" * 65_536}}, "65535 bytes"),
        ({"output": {**OUTPUT, "annotations": [ANNOTATION] * 51}}, "No more than 50"),
        ({"output": {**OUTPUT, "annotations": [{**ANNOTATION, "title": "x" * 256}]}}, "255 characters"),
        ({"output": {**OUTPUT, "annotations": [{**ANNOTATION, "message": "x" * 65_537}]}}, "64 KB"),
        ({"output": {**OUTPUT, "annotations": [{**ANNOTATION, "annotation_level": "bad"}]}}, "Invalid enum"),
        ({"actions": [BUTTON] * 4}, "No more than 3"),
        ({"actions": [{**BUTTON, "label": "x" * 21}]}, "limited to 20"),
        ({"actions": [{**BUTTON, "identifier": "x" * 21}]}, "limited to 20"),
        ({"actions": [{**BUTTON, "description": "x" * 41}]}, "limited to 40"),
    ],
)
async def test_a_check_run_that_cannot_be(
    client: Client, github: DemoGitHub, change: dict[str, Any], words: str
) -> None:
    body = {"name": "swarmbot", "head_sha": github.branches()["main"], **change}
    answer = await client.call("POST", f"{REPO}/check-runs", body)
    assert answer.status_code == 422, answer.text
    assert words in answer.text
    assert github.check_runs() == []
    assert len(github.complaints()) == 1


async def test_a_check_run_without_a_commit_is_refused(client: Client) -> None:
    answer = await client.call("POST", f"{REPO}/check-runs", {"name": "swarmbot"})
    assert answer.status_code == 422
    assert "missing required field `head_sha`" in answer.text


async def test_a_check_run_at_its_limits_is_taken(client: Client, github: DemoGitHub) -> None:
    sha = github.branches()["main"]
    output = {**OUTPUT, "summary": "x" * 65_535, "annotations": [{**ANNOTATION, "title": "x" * 255}] * 50}
    body = {"name": "swarmbot", "head_sha": sha, "conclusion": "success", "output": output, "actions": [BUTTON] * 3}
    answer = await client.call("POST", f"{REPO}/check-runs", body)
    assert (answer.status_code, answer.json()["status"]) == (201, "completed")
    assert answer.json()["completed_at"] is not None
    assert answer.json()["output"]["annotations_count"] == 50


async def test_a_check_run_from_start_to_end(client: Client, github: DemoGitHub) -> None:
    sha = branch_without_push(github, "fix")
    await client.call("POST", f"{REPO}/pulls", FIX)
    pull = await github.next_pull()
    body = {"name": "swarmbot", "head_sha": sha, "status": "in_progress"}
    url = (await client.call("POST", f"{REPO}/check-runs", body)).json()["url"]
    assert pull.check("swarmbot") is None
    done = {"status": "completed", "conclusion": "success", "output": OUTPUT, "actions": [BUTTON]}
    await client.call("PATCH", url, done)
    run = await github.next_check()
    assert (run.title, run.conclusion, run.actions) == ("Done", "success", [BUTTON])
    assert pull.check("swarmbot") == "success"
    assert (await client.call("GET", url)).json()["output"]["summary"] == "It is done."
    moved = await client.call("PATCH", url, {"head_sha": github.branches()["main"]})
    assert (moved.status_code, moved.json()["head_sha"]) == (200, sha)
    assert "unknown field head_sha" in github.complaints()[0]


async def test_the_check_runs_of_a_commit(client: Client, github: DemoGitHub) -> None:
    sha = github.branches()["main"]
    for name in ("lint", "swarmbot", "swarmbot"):
        await client.call("POST", f"{REPO}/check-runs", {"name": name, "head_sha": sha})
    runs = github.check_runs(sha)
    latest = (await client.call("GET", f"{REPO}/commits/main/check-runs")).json()
    assert [run["id"] for run in latest["check_runs"]] == [runs[2].id, runs[0].id]
    every = (await client.call("GET", f"{REPO}/commits/{sha}/check-runs?filter=all&check_name=swarmbot")).json()
    assert [run["id"] for run in every["check_runs"]] == [runs[2].id, runs[1].id]
    assert (await client.call("GET", f"{REPO}/commits/nowhere/check-runs")).status_code == 422
