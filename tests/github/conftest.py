"""The demo GitHub, the App signed in to it, and a writer for its one repository."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from swarmbot.core.model import Repository
from swarmbot.core.redact import redactor
from swarmbot.demo.github import DemoGitHub
from swarmbot.github.app import GitHubApp
from swarmbot.github.client import Client
from swarmbot.github.writer import Lane, Writer

SECRET = "a value that nobody may see"


@pytest.fixture
async def app(github: DemoGitHub) -> AsyncIterator[GitHubApp]:
    async with GitHubApp(github.app_id, github.private_key, github.api_url) as signed_in:
        yield signed_in


@pytest.fixture
async def client(app: GitHubApp, github: DemoGitHub) -> Client:
    return await app.installation(github.installation_id)


@pytest.fixture
def repository(github: DemoGitHub) -> Repository:
    there = github.repository
    return Repository(there.id, there.full_name, there.default_branch, github.installation_id)


@pytest.fixture
def writer(client: Client, repository: Repository) -> Writer:
    return Writer(client, repository, Lane(), redactor([SECRET]))
