"""Reads what an agent left in a tree, with the bot's git directory alone, and makes one commit of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from git import Actor, Commit, Repo, Tree
from git.config import GitConfigParser
from gitdb import LooseObjectDB  # type: ignore[import-untyped]

from swarmbot.workspace.checkout import Checkout
from swarmbot.workspace.errors import GitError, GitTimeout, NoChange, UnsafeChange
from swarmbot.workspace.git import git

_READ_S = 300.0
_GITLINK_MODE = "160000"

# What `git add` says about a path that it cannot take (read-cache.c, object-file.c, dir.c), most telling first.
_UNREADABLE = (
    (re.compile(r"error: '(.*?)/?' does not have a commit checked out"), "it is a repository of its own"),
    (re.compile(r"error: invalid path '(.*)'"), "git allows no such path in a repository"),
    (re.compile(r"error: (.*): can only add regular files, symbolic links or git-directories"), "it is no plain file"),
    (re.compile(r'error: open\("(.*)"\): Permission denied'), "the bot may not read it"),
)

Status = Literal["added", "deleted", "modified", "type"]
_STATUS: dict[str, Status] = {"A": "added", "D": "deleted", "M": "modified", "T": "type"}


class FileChange(msgspec.Struct, frozen=True):
    """How one path differs from the base. A renamed file is one deleted and one added."""

    status: Status
    """``type``: a file became a link or the other way round."""
    path: str
    """From the top of the tree, as git has it; bytes that are no UTF-8 are written ``\\xff``."""
    binary: bool
    added: int
    """Lines; 0 for a binary file."""
    deleted: int
    mode: str
    """The new mode, in octal: 100644, 100755 (executable), 120000 (link), 000000 (gone)."""


class Changes(msgspec.Struct, frozen=True):
    """What the tree is against its base, as it was at one moment: ``tree`` is that moment's content by hash."""

    tree: str
    files: tuple[FileChange, ...]


class Identity(msgspec.Struct, frozen=True):
    """Who a commit is by."""

    name: str
    email: str


async def changes(checkout: Checkout) -> Changes:
    """Read the tree and return how it differs from the base, in git's order of paths.

    New files count unless a ``.gitignore`` of the tree excludes them. The agent's ``.git`` plays no part. Files are
    read once: give what came back to :func:`commit`, and exactly that is committed, whatever the tree became since.

    Raises :class:`UnsafeChange` for a repository inside the tree, a changed submodule, and for what cannot be read.
    """
    await asyncio.to_thread(_check_folders, checkout)
    with _own_index(checkout) as env:
        try:
            await git("add", "--all", git_dir=checkout.git_dir, work_tree=checkout.tree, env=env, seconds=_READ_S)
        except GitTimeout:
            raise
        except GitError as error:
            raise _named(error) from error
        tree = (await git("write-tree", git_dir=checkout.git_dir, env=env, seconds=_READ_S)).strip()
    shape = ["-r", "-z", "--raw", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv"]
    base = f"{checkout.base}^{{tree}}"
    said = await git("diff-tree", *shape, "--abbrev=40", base, tree, git_dir=checkout.git_dir, seconds=_READ_S)
    return Changes(tree, _parse(said))


async def commit(
    checkout: Checkout,
    message: str,
    *,
    author: Identity,
    date: datetime,
    result: Changes | None = None,
) -> str:
    """Make one commit of the tree on top of the base and return its hash; no ref and no index moves.

    ``result`` is what :func:`changes` returned; without it the tree is read now. The same tree, message, author and
    date give the same hash, so a rerun doubles nothing. ``date`` has a time zone. Raises :class:`NoChange` and what
    :func:`changes` raises.
    """
    found = result or await changes(checkout)
    if not found.files:
        raise NoChange
    return await asyncio.to_thread(_write_commit, checkout, found.tree, message, author, date)


class _BotRepository(Repo):
    """The bot's git directory in GitPython, deaf to the configuration of the machine and the user."""

    def config_reader(self, config_level: object = None) -> GitConfigParser:
        return super().config_reader("repository")


def _write_commit(checkout: Checkout, tree: str, message: str, author: Identity, date: datetime) -> str:
    who = Actor(_header(author.name), _header(author.email))
    # Written in this process: GitPython's own object database starts a git with this process's whole environment.
    repo = _BotRepository(checkout.git_dir, odbt=LooseObjectDB, expand_vars=False)
    made = Commit.create_from_tree(
        repo,
        Tree(repo, bytes.fromhex(tree)),
        _text(message),
        parent_commits=[Commit(repo, bytes.fromhex(checkout.base))],
        author=who,
        committer=who,
        author_date=date,
        commit_date=date,
    )
    return made.hexsha


def _header(text: str) -> str:
    """A name or address as a commit's header can hold it: it would end at any of these characters."""
    return " ".join(re.sub(r"[<>\x00-\x1f\x7f]", " ", text).split()) or "unknown"


def _text(message: str) -> str:
    return message.replace("\0", "").encode("utf-8", "replace").decode().strip() + "\n"


def _check_folders(checkout: Checkout) -> None:
    if not stat.S_ISDIR(checkout.tree.lstat().st_mode):
        raise UnsafeChange("tree", "the work tree is no folder any more")
    for path in checkout.submodules:
        folder = checkout.tree / path
        try:
            untouched = stat.S_ISDIR(folder.lstat().st_mode) and next(folder.iterdir(), None) is None
        except OSError:
            untouched = False
        if not untouched:
            raise UnsafeChange(_printable(path), "it is a submodule, and submodules are not changed")


@contextlib.contextmanager
def _own_index(checkout: Checkout) -> Iterator[dict[str, str]]:
    """Read into a copy of the index: a repository found in the tree must not stay in it.

    The next ``git add`` would run git inside that repository, with its configuration.
    """
    with tempfile.TemporaryDirectory(dir=checkout.git_dir, prefix="read-") as folder:
        index = Path(folder) / "index"
        # With its times: git takes files younger than the index for possibly changed since, and reads them again.
        shutil.copy2(checkout.git_dir / "index", index)
        yield {"GIT_INDEX_FILE": str(index)}


def _named(error: GitError) -> Exception:
    for pattern, reason in _UNREADABLE:
        if found := pattern.search(error.stderr):
            return UnsafeChange(_printable(found[1]), reason)
    return error


def _parse(said: str) -> tuple[FileChange, ...]:
    """Read ``git diff-tree --raw --numstat -z``: first all raw records, then all counts, in the same order."""
    fields = said.split("\0")[:-1]
    # A path can look like either kind of record, so the place decides: a raw record begins with a colon, no count does.
    end = next((at for at in range(0, len(fields), 2) if not fields[at].startswith(":")), len(fields))
    found = []
    for head, path, count in zip(fields[:end:2], fields[1:end:2], fields[end:], strict=True):
        old_mode, mode, _, _, status = head[1:].split(" ")
        if _GITLINK_MODE in (old_mode, mode):
            raise UnsafeChange(_printable(path), "it is a repository of its own")
        added, deleted, _ = count.split("\t", 2)
        binary = added == "-"
        lines = (0, 0) if binary else (int(added), int(deleted))
        found.append(FileChange(_STATUS[status], _printable(path), binary, *lines, mode))
    return tuple(found)


def _printable(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
