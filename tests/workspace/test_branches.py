from __future__ import annotations

import subprocess

import pytest

from swarmbot.workspace.branches import branch_name, check_branch
from swarmbot.workspace.errors import InvalidBranch, WorkspaceError

GOOD = ["main", "release/1.2", "feature/Ünïcode", "a-b_c", "dependabot/npm_and_yarn/x-1.0.0", "$(id)", "a;b", "x@y"]
BAD = [
    "", "-x", "--upload-pack=touch x", "/a", "a/", "a//b", "a..b", "../x", ".a", "a/.b", "a.", "a.lock", "a.lock/b",
    "a b", "a\nb", "a\tb", "a\x00b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a@{0}", "@", "@{-1}", "HEAD",
    "refs/heads/main", "a\u3000b", "a\u202eb", "a\u200bb", "a\udcffb", "x" * 201,
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_branch_name_that_git_takes_is_taken(name: str) -> None:
    assert check_branch(name) == name
    subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=True)


@pytest.mark.parametrize("name", BAD)
def test_what_git_refuses_or_people_misread_is_refused(name: str) -> None:
    with pytest.raises(InvalidBranch) as refused:
        check_branch(name)
    assert isinstance(refused.value, WorkspaceError)
    assert len(str(refused.value)) < 200
    assert str(refused.value).isprintable()


def test_the_bots_branch_names_the_issue_the_job_and_the_agent_of_a_swarm() -> None:
    assert branch_name(7, "k3f9") == "swarmbot/7-k3f9"
    assert branch_name(7, "k3f9", "claude") == "swarmbot/7-k3f9-claude"
    with pytest.raises(InvalidBranch):
        branch_name(7, "k3f9", "../../x")
