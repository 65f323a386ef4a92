"""Pushes one commit to one branch of the remote, and names the reason when the remote refuses."""

from __future__ import annotations

import re

from swarmbot.workspace.branches import branch_name, check_branch
from swarmbot.workspace.checkout import Checkout
from swarmbot.workspace.errors import GitError, PushRefusal, PushRefused
from swarmbot.workspace.git import git
from swarmbot.workspace.remote import Remote, clean
from swarmbot.workspace.result import Changes, FileChange, Identity, changes, commit

__all__ = [
    "Changes",
    "FileChange",
    "Identity",
    "branch_name",
    "changes",
    "commit",
    "push",
    "remote_head",
]

_PUSH_S = 600.0
_ASK_S = 60.0
_SHA = re.compile(r"[0-9a-f]{40}")

# GitHub's words (GH006 protected branch, GH013 rule set) and git's (send-pack.c, transport.c). The first fit wins.
_REASONS: tuple[tuple[PushRefusal, re.Pattern[str]], ...] = (
    ("workflow", re.compile(r"without [`']?workflows?[`']? permission|create or update workflow")),
    ("protected", re.compile(r"GH006|GH013|protected branch|repository rule violations|Cannot create ref due to")),
    ("rejected", re.compile(r"\((?:non-fast-forward|fetch first|stale info|already exists|needs force)\)")),
    (
        "permission",
        re.compile(r"returned error: 40[13]|Permission to .* denied|Write access to repository not granted"),
    ),
)


async def push(checkout: Checkout, remote: Remote, sha: str, branch: str) -> None:
    """Push commit ``sha`` of the bot's git directory to ``branch``: this one ref, never by force.

    A branch that is there with the same commit already is a success, so a rerun is safe. Raises
    :class:`PushRefused`, :class:`RepositoryUnavailable`, :class:`NetworkFailure`, :class:`InvalidBranch`.
    """
    check_branch(branch)
    if not _SHA.fullmatch(sha):
        raise ValueError(f"{sha!r} is no commit: 40 hexadecimal digits are")
    options = ["--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no"]
    refspec = f"{sha}:refs/heads/{branch}"
    try:
        await git("push", *options, "--", remote.url, refspec, git_dir=checkout.git_dir, remote=remote, seconds=_PUSH_S)
    except GitError as error:
        if refused := _refusal(error):
            raise refused from None
        known = remote.explain(error)
        raise known or error from None


async def remote_head(remote: Remote, branch: str) -> str | None:
    """Return the commit at the head of ``branch`` on the remote, or None where there is no such branch.

    Raises :class:`RepositoryUnavailable`, :class:`NetworkFailure`, :class:`InvalidBranch`.
    """
    ref = f"refs/heads/{check_branch(branch)}"
    try:
        listed = await git("ls-remote", "--", remote.url, ref, remote=remote, seconds=_ASK_S)
    except GitError as error:
        known = remote.explain(error)
        raise known or error from None
    # ls-remote matches the end of names: refs/heads/x is found in refs/heads/refs/heads/x too.
    return next((line.split("\t")[0] for line in listed.splitlines() if line.endswith(f"\t{ref}")), None)


def _refusal(error: GitError) -> PushRefused | None:
    said = clean(error.stdout + "\n" + error.stderr)
    rejected = [line for line in clean(error.stdout).splitlines() if line.startswith("!")]
    for kind, words in _REASONS:
        if words.search(said):
            return PushRefused(kind, _message(said, rejected))
    return PushRefused("other", _message(said, rejected)) if rejected else None


def _message(said: str, rejected: list[str]) -> str:
    """What people get to read: the remote's own lines, then git's reason for the ref."""
    remote = [line.removeprefix("remote:").strip() for line in said.splitlines() if line.startswith("remote:")]
    reasons = [line.split("\t")[-1] for line in rejected]
    return "\n".join(line for line in [*remote, *reasons] if line) or said
