"""Who may do what: JWTs, installation tokens, permissions and repositories."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from swarmbot.demo.github import DemoGitHub, make_private_key
from swarmbot.demo.github.access import TOKEN_SHAPE

from .conftest import REPO, Client, http_client

NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "status", "words"),
    [
        ({}, 200, "swarmbot"),
        ({"iss": None}, 401, "Missing 'iss'"),
        ({"iat": None}, 401, "Missing 'iat'"),
        ({"exp": None}, 401, "Missing 'exp'"),
        ({"exp": NOW - 10}, 401, "must be a numeric value in the future"),
        ({"exp": NOW + 3600}, 401, "too far in the future"),
        ({"iat": NOW + 3600}, 401, "'Issued at'"),
        ({"iat": NOW - 3600}, 401, "too far in the future"),
        ({"iss": "999"}, 404, "Integration not found"),
    ],
)
async def test_a_jwt_is_checked(client: Client, claims: dict[str, Any], status: int, words: str) -> None:
    answer = await client.call("GET", "/app", token=client.jwt(**claims))
    assert answer.status_code == status
    assert words in answer.text


async def test_a_jwt_of_another_key_is_refused(client: Client, github: DemoGitHub) -> None:
    github.private_key = make_private_key()
    answer = await client.call("GET", "/app", token=client.jwt())
    assert answer.status_code == 401
    assert answer.json()["documentation_url"].startswith("https://docs.github.com")


async def test_a_token_has_the_long_form_and_an_hour(client: Client, github: DemoGitHub) -> None:
    path = f"/app/installations/{github.installation_id}/access_tokens"
    answer = (await client.call("POST", path, {"permissions": {"issues": "read"}}, token=client.jwt())).json()
    assert TOKEN_SHAPE.fullmatch(answer["token"])
    assert answer["token"].startswith(f"ghs_{github.app_id}_")
    assert 450 <= len(answer["token"]) <= 600
    assert answer["permissions"] == {"metadata": "read", "issues": "read"}
    ahead = datetime.fromisoformat(answer["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < ahead <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"repositories": ["elsewhere"]}, "at least one repository"),
        ({"repository_ids": [1]}, "at least one repository"),
        ({"permissions": {"workflows": "write"}}, "permissions requested are not granted"),
        ({"permissions": {"metadata": "write"}}, "permissions requested are not granted"),
        ({"repositories": "wordcount"}, "Expected `array`"),
    ],
)
async def test_a_token_cannot_be_more_than_the_installation(client: Client, body: dict[str, Any], words: str) -> None:
    path = f"/app/installations/{client.github.installation_id}/access_tokens"
    answer = await client.call("POST", path, body, token=client.jwt())
    assert answer.status_code == 422
    assert words in answer.text


async def test_the_wrong_kind_of_token_is_refused_and_complained_about(client: Client, github: DemoGitHub) -> None:
    assert (await client.call("GET", "/app")).status_code == 401
    assert (await client.call("GET", REPO, token=client.jwt())).status_code == 401
    assert (await client.call("GET", REPO, token="")).status_code == 401
    assert (await client.call("GET", REPO, token="ghs_made_up")).status_code == 401
    assert len(github.complaints()) == 4
    assert "with a JWT instead of an installation token" in github.complaints()[1]


async def test_a_revoked_token_opens_nothing(client: Client, github: DemoGitHub) -> None:
    assert (await client.call("DELETE", "/installation/token")).status_code == 204
    answer = await client.call("GET", REPO)
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
    assert "after its token was revoked" in github.complaints()[0]
    assert github.access.living_tokens() == []
    assert [call.kind for call in github.calls] == ["token", "token", "api"]


async def test_a_token_ends_after_its_hour(tmp_path: Path, private_key: str) -> None:
    moment = datetime.now(UTC)
    async with (
        DemoGitHub(tmp_path, private_key_pem=private_key, clock=lambda: moment) as github,
        http_client() as http,
    ):
        client = Client(github, http)
        client.token = await client.mint()
        moment += timedelta(minutes=59)
        assert (await client.call("GET", REPO)).status_code == 200
        moment += timedelta(minutes=2)
        assert (await client.call("GET", REPO)).status_code == 401
        assert "after its token had expired" in github.complaints()[0]


@pytest.mark.parametrize(
    ("permissions", "method", "path"),
    [
        ({"issues": "read"}, "POST", f"{REPO}/issues/1/comments"),
        ({"pull_requests": "write"}, "POST", f"{REPO}/issues/1/comments"),
        ({"issues": "write"}, "POST", f"{REPO}/pulls"),
        ({"issues": "write"}, "POST", f"{REPO}/check-runs"),
        ({"issues": "write"}, "GET", f"{REPO}/branches/main"),
        ({"issues": "write"}, "GET", f"{REPO}/git/ref/heads/main"),
    ],
)
async def test_permissions_are_held_to(
    client: Client, github: DemoGitHub, permissions: dict[str, str], method: str, path: str
) -> None:
    await github.issue("Crash")
    narrow = await client.mint(permissions=permissions)
    answer = await client.call(method, path, {"body": "words"} if method == "POST" else None, token=narrow)
    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")


async def test_a_token_for_one_repository_does_not_open_another(client: Client, github: DemoGitHub) -> None:
    other = github.add_repository("acme/other")
    token = await client.mint(repositories=["wordcount"])
    assert (await client.call("GET", REPO, token=token)).status_code == 200
    assert (await client.call("GET", "/repos/acme/other", token=token)).status_code == 403
    assert (await client.call("GET", "/repos/acme/unknown", token=token)).status_code == 404
    by_id = await client.mint(repository_ids=[other.id])
    listed = (await client.call("GET", "/installation/repositories", token=by_id)).json()
    assert [repository["name"] for repository in listed["repositories"]] == ["other"]


@pytest.mark.parametrize(
    ("role", "permission"),
    [
        ("none", "none"),
        ("read", "read"),
        ("triage", "read"),
        ("write", "write"),
        ("maintain", "write"),
        ("admin", "admin"),
    ],
)
async def test_the_permission_of_a_user(client: Client, github: DemoGitHub, role: str, permission: str) -> None:
    github.user("Somebody", role)
    answer = (await client.call("GET", f"{REPO}/collaborators/somebody/permission")).json()
    assert (answer["permission"], answer["role_name"], answer["user"]["login"]) == (permission, role, "Somebody")


async def test_an_unknown_user_is_404_and_nobodys_fault(client: Client, github: DemoGitHub) -> None:
    assert (await client.call("GET", f"{REPO}/collaborators/ghost/permission")).status_code == 404
    assert github.complaints() == []


async def test_a_call_without_a_user_agent_is_refused(client: Client) -> None:
    del client.http.headers["User-Agent"]
    assert (await client.call("GET", REPO)).status_code == 403
