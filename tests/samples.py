"""One of each noun, for tests that need one; what matters is changed with ``msgspec.structs.replace``."""

from __future__ import annotations

from swarmbot.core.model import JobSpec, Repository, Request, Thread, User, job_id
from swarmbot.core.policy import AgentFact, Facts

MAINTAINER = User(41, "maintainer")
REPOSITORY = Repository(7, "acme/wordcount", "main", installation_id=99)
ISSUE = Thread(3, "Crash on empty file", "It fails.\n\nSee the log.", is_pull=False, url="https://example.org/3")
REQUEST = Request("comment:7:501:ab", "d-1", REPOSITORY, ISSUE, MAINTAINER, "/agent fix", comment_id=501)
FACTS = Facts(
    permission="write",
    agents=(AgentFact("claude", "Claude Code"), AgentFact("shell", "Shell"), AgentFact("pi", "Pi", "it is away.")),
    default_agent="shell",
    app_slug="swarmbot",
    now=1_000.0,
)
SPEC = JobSpec(
    id=job_id(REQUEST.key),
    repository=REPOSITORY,
    thread=ISSUE,
    requester=MAINTAINER,
    agent="shell",
    words="",
    request_key=REQUEST.key,
    delivery="d-1",
    created_at=1_000.0,
    comment_id=501,
)
