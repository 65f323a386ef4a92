"""Reads a bare repository with git's plumbing: what a ref is, what lies between two commits, a file at a commit.

git sees no configuration but the repository's own, so that an answer never depends on who runs the demo. All
functions block for the few milliseconds that git takes.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec

SECONDS = 30.0
"""The longest that one git command may take."""


class GitError(Exception):
    """A git command failed; the message is what it wrote to its error output."""


class Changes(msgspec.Struct, frozen=True):
    """What a pull request's head has that its base has not."""

    commits: int = 0
    additions: int = 0
    deletions: int = 0
    files: int = 0


def environment() -> dict[str, str]:
    """Return the environment of every git of the demo: an allow-list, with nobody's own configuration."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }


def git(*args: str, stdin: bytes | None = None, cwd: Path | None = None) -> str:
    """Run git and return its output. Raises ``GitError`` when it fails or takes longer than ``SECONDS``."""
    try:
        # An inherited standard input would let a command that reads one wait for a person.
        done = subprocess.run(
            ["git", *args],
            input=stdin or b"",
            cwd=cwd,
            env=environment(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise GitError(f"git {args[0]} took longer than {SECONDS:.0f} s") from late
    if done.returncode:
        raise GitError(done.stderr.decode(errors="replace").strip() or f"git {args} ended {done.returncode}")
    return done.stdout.decode(errors="replace")


def commit_of(bare: Path, name: str) -> str | None:
    """Return the commit that a branch, tag or (possibly short) sha names, or ``None``."""
    try:
        asked = f"{name}^{{commit}}"
        return git("-C", str(bare), "rev-parse", "--verify", "--quiet", "--end-of-options", asked).strip()
    except GitError:
        return None


def branch_head(bare: Path, branch: str) -> str | None:
    """Return the commit at the tip of a branch, or ``None`` when there is no such branch."""
    return commit_of(bare, f"refs/heads/{branch}")


def branch_heads(bare: Path) -> dict[str, str]:
    """Return every branch with the commit at its tip."""
    listed = git("-C", str(bare), "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads")
    pairs = (line.split(" ", 1) for line in listed.splitlines())
    return {name.removeprefix("refs/heads/"): sha for sha, name in pairs}


def changes(bare: Path, base: str, head: str) -> Changes:
    """Count commits, lines and files between the merge base of two commits and ``head``."""
    commits = git("-C", str(bare), "rev-list", "--count", f"{base}..{head}")
    numbers = git("-C", str(bare), "diff", "--numstat", f"{base}...{head}").splitlines()
    rows = [line.split("\t", 2) for line in numbers]
    added = sum(int(row[0]) for row in rows if row[0].isdigit())
    removed = sum(int(row[1]) for row in rows if row[1].isdigit())
    return Changes(commits=int(commits), additions=added, deletions=removed, files=len(rows))


def diff(bare: Path, base: str, head: str) -> str:
    """Return the unified diff from the merge base of two commits to ``head``, as a pull request shows it."""
    return git("-C", str(bare), "diff", "--no-color", "--no-ext-diff", f"{base}...{head}")


def file_at(bare: Path, ref: str, path: str) -> str:
    """Return a file's text at a ref. Raises ``GitError`` when the ref or the file does not exist."""
    return git("-C", str(bare), "cat-file", "blob", f"{ref}:{path}")


def commit_facts(bare: Path, sha: str) -> dict[str, str]:
    """Return author, e-mail, date, message, tree and parents of a commit."""
    fields = ("author", "email", "date", "committer", "tree", "parents", "message")
    shown = git("-C", str(bare), "show", "-s", "--format=%an%x00%ae%x00%aI%x00%cn%x00%T%x00%P%x00%B", sha)
    return dict(zip(fields, shown.split("\x00"), strict=True))
