"""A tree to work in, made from a mirror: a small repository for the agent, and a git directory of the bot's beside it.

    folder/tree        the work tree; the agent gets this and nothing else
    folder/tree/.git   the agent's repository: one branch, no remote, objects borrowed from the mirror
    folder/bot.git     the bot's: what it commits and pushes with; nothing in the agent's ``.git`` is ever read

Files stand in the tree byte by byte as they are committed. Line endings, filters (LFS with them) and encodings of
``.gitattributes`` are applied in neither direction: what was checked is what is pushed, and no repository's file
decides what that is.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import msgspec

from swarmbot.workspace.branches import check_branch
from swarmbot.workspace.disk import remove_folder
from swarmbot.workspace.errors import GitError, UnsafeTree
from swarmbot.workspace.git import git
from swarmbot.workspace.mirror import Mirror

_WORKERS = 2
"""Processes that write files. More gain little: the file system is what is waited for."""
_CHECKOUT_S = 600.0

_AS_IT_IS = "* -text !eol -crlf -ident -filter !working-tree-encoding !diff !whitespace\n"
"""For ``info/attributes``, which stands above every ``.gitattributes`` (gitattributes(5))."""

_SHA = re.compile(r"[0-9a-f]{40}")
_GITLINK = "160000 "
_INVALID_PATH = re.compile(r"invalid path '(.*)'")

_AGENT_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
[gc]
\tauto = 0
[maintenance]
\tauto = false
[user]
\tname = agent
\temail = agent@localhost
"""
# An agent that commits needs some identity; its commits never leave the tree.

_BOT_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"


class Checkout(msgspec.Struct, frozen=True):
    """One attempt's tree. ``folder`` holds all of it and is what :func:`remove` removes."""

    folder: Path
    tree: Path
    git_dir: Path
    """The bot's git directory over ``tree``."""
    base: str
    """The commit that was checked out: 40 hexadecimal digits."""
    objects: Path
    """The mirror's objects, which both repositories borrow: a sandbox shows this folder to the agent, read only."""
    submodules: tuple[str, ...] = ()
    """Paths of the commit's submodules: not fetched, empty folders in the tree."""


async def check_out(mirror: Mirror, sha: str, folder: Path, *, branch: str) -> Checkout:
    """Put commit ``sha`` of ``mirror`` into ``folder/tree``, the agent's repository on a new local ``branch`` there.

    What stands in ``folder`` already (left by a crash) is removed. Nothing of the repository runs: no hook, no filter,
    no submodule, no LFS; links stay links. Nothing in ``folder`` names the remote. Raises :class:`InvalidBranch`,
    :class:`UnsafeTree` for paths that git refuses to write, :class:`GitError` for anything else.
    """
    check_branch(branch)
    if not _SHA.fullmatch(sha):
        raise ValueError(f"{sha!r} is no commit: 40 hexadecimal digits are")
    if not folder.is_absolute():
        raise ValueError(f"{folder} is no absolute path")
    tree, bot, agent = folder / "tree", folder / "bot.git", folder / "tree" / ".git"
    await remove_folder(folder)
    await asyncio.to_thread(_make_bot_folder, bot, mirror.objects)
    await _write_files(bot, tree, sha)
    submodules = await _submodules(bot)
    # Both see the same files, so the agent's status is as fast as the bot's.
    await asyncio.to_thread(_make_agent_folder, agent, mirror.objects, bot / "index", sha, branch)
    await _look_past(bot, tree, submodules)
    return Checkout(folder, tree, bot, sha, mirror.objects, submodules)


async def remove(checkout: Checkout) -> None:
    """Remove a checkout, whatever the agent did to the permissions in it. Raises :class:`OSError` if that fails."""
    await remove_folder(checkout.folder)


async def _write_files(bot: Path, tree: Path, sha: str) -> None:
    workers = ["-c", f"checkout.workers={_WORKERS}"]
    try:
        await git(*workers, "read-tree", "--reset", "-u", sha, git_dir=bot, work_tree=tree, seconds=_CHECKOUT_S)
    except GitError as error:
        if found := _INVALID_PATH.search(error.stderr):
            raise UnsafeTree(f"The repository holds {found[1]!r}, which git refuses to write.") from None
        raise


async def _submodules(bot: Path) -> tuple[str, ...]:
    listed = await git("ls-files", "--stage", "-z", git_dir=bot)
    return tuple(line.partition("\t")[2] for line in listed.split("\0") if line.startswith(_GITLINK))


async def _look_past(bot: Path, tree: Path, submodules: tuple[str, ...]) -> None:
    """Mark submodules so that git never looks into their folders.

    To see whether a submodule changed, ``git add`` runs ``git status`` inside it, with the configuration of whatever
    repository an agent put there: a filter driver of its own would run as the bot.
    """
    if submodules:
        paths = "".join(f"{path}\0" for path in submodules)
        await git("update-index", "--skip-worktree", "-z", "--stdin", git_dir=bot, work_tree=tree, stdin=paths)


def _make_git_dir(git_dir: Path, objects: Path, config: str, branch: str) -> None:
    for name in ("objects/info", "refs/heads", "info"):
        (git_dir / name).mkdir(parents=True)
    (git_dir / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    (git_dir / "config").write_text(config)
    (git_dir / "info" / "attributes").write_text(_AS_IT_IS)
    (git_dir / "objects" / "info" / "alternates").write_text(f"{objects}\n")


def _make_bot_folder(bot: Path, objects: Path) -> None:
    _make_git_dir(bot, objects, _BOT_CONFIG, "none")
    (bot.parent / "tree").mkdir()


def _make_agent_folder(agent: Path, objects: Path, index: Path, sha: str, branch: str) -> None:
    _make_git_dir(agent, objects, _AGENT_CONFIG, branch)
    ref = agent / "refs" / "heads" / branch
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(f"{sha}\n")
    shutil.copyfile(index, agent / "index")


async def reopen(mirror: Mirror, sha: str, folder: Path) -> Checkout | None:
    """Return the checkout that an earlier attempt left in ``folder``, as it left it; None where there is none whole."""
    tree, bot = folder / "tree", folder / "bot.git"
    if not await asyncio.to_thread(lambda: tree.is_dir() and (bot / "index").is_file()):
        return None
    return Checkout(folder, tree, bot, sha, mirror.objects, await _submodules(bot))
