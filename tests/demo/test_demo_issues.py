"""Issues, comments, labels and reactions over the API."""

from __future__ import annotations

from typing import Any

import pytest

from swarmbot.demo.github import DemoGitHub

from .conftest import REPO, Client

COMMENTS = f"{REPO}/issues/1/comments"


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (COMMENTS, {}, "missing required field `body`"),
        (COMMENTS, {"body": 42}, "Expected `str`"),
        (COMMENTS, {"body": None}, "Expected `str`"),
        (COMMENTS, {"body": "  "}, "missing_field"),
        (COMMENTS, {"body": "x" * 65_537}, "maximum is 65536 characters"),
        (f"{REPO}/issues/1/reactions", {"content": "shrug"}, "Invalid enum value"),
        (f"{REPO}/issues/1/reactions", {}, "missing required field `content`"),
        (f"{REPO}/issues/1/labels", {"labels": "agent"}, "Expected `array`"),
        (f"{REPO}/issues/1/labels", {"labels": ["x" * 51]}, "invalid"),
        (f"{REPO}/issues/1/labels", {}, "missing required field `labels`"),
    ],
)
async def test_odd_bodies_are_refused(
    client: Client, github: DemoGitHub, path: str, body: dict[str, Any], words: str
) -> None:
    await github.issue("Crash")
    answer = await client.call("POST", path, body)
    assert answer.status_code == 422, answer.text
    assert words in answer.text
    assert len(github.complaints()) == 1
    assert github.unclaimed() == []


async def test_a_body_of_exactly_the_limit_is_taken(client: Client, github: DemoGitHub) -> None:
    await github.issue("Crash")
    assert (await client.call("POST", COMMENTS, {"body": "é" * 65_536})).status_code == 201


@pytest.mark.parametrize(("content", "words"), [(b"{", "Problems parsing JSON"), (b'"x"', "should be a JSON object")])
async def test_what_is_no_object_is_refused(client: Client, github: DemoGitHub, content: bytes, words: str) -> None:
    await github.issue("Crash")
    answer = await client.call("POST", COMMENTS, content=content)
    assert answer.status_code == 400
    assert words in answer.text


async def test_unknown_fields_queries_and_routes_are_complaints(client: Client, github: DemoGitHub) -> None:
    await github.issue("Crash")
    assert (await client.call("POST", COMMENTS, {"body": "words", "text": "words"})).status_code == 201
    assert (await client.call("GET", f"{COMMENTS}?limit=5")).status_code == 200
    assert (await client.call("GET", f"{REPO}/stargazers")).status_code == 404
    complaints = github.complaints()
    assert len(complaints) == 3
    assert all(
        word in line
        for word, line in zip(("unknown field text", "parameter limit", "unknown route"), complaints, strict=True)
    )


async def test_comments_are_paged(client: Client, github: DemoGitHub) -> None:
    issue = await github.issue("Crash")
    for number in range(5):
        await github.comment(issue, f"comment {number}")
    first = await client.call("GET", f"{COMMENTS}?per_page=2")
    assert [comment["body"] for comment in first.json()] == ["comment 0", "comment 1"]
    assert set(first.links) == {"next", "last"}
    second = await client.call("GET", first.links["next"]["url"])
    assert [comment["body"] for comment in second.json()] == ["comment 2", "comment 3"]
    last = await client.call("GET", first.links["last"]["url"])
    assert [comment["body"] for comment in last.json()] == ["comment 4"]
    assert set(last.links) == {"prev", "first"}


async def test_a_comment_is_read_edited_and_deleted(client: Client, github: DemoGitHub) -> None:
    issue = await github.issue("Crash")
    url = (await client.call("POST", COMMENTS, {"body": "one"})).json()["url"]
    assert (await client.call("PATCH", url, {"body": "two"})).json()["body"] == "two"
    assert (await client.call("GET", url)).json()["body"] == "two"
    assert [comment.body for comment in github.comments(issue)] == ["two"]
    assert (await client.call("DELETE", url)).status_code == 204
    assert (await client.call("GET", url)).status_code == 404
    assert github.comments(issue) == []
    kinds = [call.kind for call in github.calls]
    assert kinds == ["token", "api", "edit", "api", "api", "api"]


async def test_editing_another_persons_comment_is_a_complaint(client: Client, github: DemoGitHub) -> None:
    comment = await github.comment(await github.issue("Crash"), "mine")
    await client.call("PATCH", f"{REPO}/issues/comments/{comment.id}", {"body": "changed"})
    assert github.complaints() == ["PATCH of a comment by maintainer"]


@pytest.mark.parametrize("kind", ["issue", "comment"])
async def test_a_reaction_is_new_once(client: Client, github: DemoGitHub, kind: str) -> None:
    issue = await github.issue("Crash")
    comment = await github.comment(issue, "words")
    path = f"{REPO}/issues/1/reactions" if kind == "issue" else f"{REPO}/issues/comments/{comment.id}/reactions"
    first = await client.call("POST", path, {"content": "eyes"})
    again = await client.call("POST", path, {"content": "eyes"})
    other = await client.call("POST", path, {"content": "+1"})
    assert [answer.status_code for answer in (first, again, other)] == [201, 200, 201]
    assert first.json()["id"] == again.json()["id"]
    thing = issue if kind == "issue" else comment
    assert [reaction.content for reaction in github.reactions(thing)] == ["eyes", "+1"]
    listed = (await client.call("GET", f"{path}?content=eyes")).json()
    assert [reaction["id"] for reaction in listed] == [first.json()["id"]]
    assert (await client.call("DELETE", f"{path}/{first.json()['id']}")).status_code == 204
    assert (await client.call("DELETE", f"{path}/{first.json()['id']}")).status_code == 404
    assert [reaction.content for reaction in github.reactions(thing)] == ["+1"]


async def test_labels_are_put_on_and_taken_off(client: Client, github: DemoGitHub) -> None:
    issue = await github.issue("Crash", labels=("bug",))
    await client.call("POST", f"{REPO}/issues/1/labels", ["agent", "Bug"])
    assert [label.name for label in issue.labels] == ["bug", "agent"]
    left = await client.call("DELETE", f"{REPO}/issues/1/labels/agent")
    assert [label["name"] for label in left.json()] == ["bug"]
    missing = await client.call("DELETE", f"{REPO}/issues/1/labels/agent")
    assert (missing.status_code, missing.json()["message"]) == (404, "Label does not exist")
    assert github.complaints() == []


async def test_an_issue_is_changed(client: Client, github: DemoGitHub) -> None:
    issue = await github.issue("Crash", labels=("bug",))
    body = {"title": "Crash on empty file", "state": "closed", "state_reason": "not_planned", "labels": ["agent"]}
    answer = (
        await client.call("PATCH", f"{REPO}/issues/1", {**body, "assignees": ["swarmbot[bot]", "maintainer"]})
    ).json()
    assert (answer["state"], answer["state_reason"], answer["title"]) == ("closed", "not_planned", body["title"])
    assert [label.name for label in issue.labels] == ["agent"]
    assert [user["login"] for user in answer["assignees"]] == ["maintainer"]
    assert (await client.call("PATCH", f"{REPO}/issues/1", {"state": "gone"})).status_code == 422
    assert (await client.call("PATCH", f"{REPO}/issues/7", {"state": "open"})).status_code == 404


async def test_failures_are_played(client: Client, github: DemoGitHub) -> None:
    issue = await github.issue("Crash")
    github.fail("POST", "/comments$", status=503, times=2, headers={"Retry-After": "1"})
    answers = [await client.call("POST", COMMENTS, {"body": str(number)}) for number in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 201]
    assert answers[0].headers["retry-after"] == "1"
    github.fail("POST", "/comments$", status=502, carried_out=True)
    assert (await client.call("POST", COMMENTS, {"body": "lost answer"})).status_code == 502
    assert [comment.body for comment in github.comments(issue)] == ["2", "lost answer"]
    assert github.complaints() == []
