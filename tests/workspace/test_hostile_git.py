"""What an agent can do to its own ``.git``, and that none of it reaches the bot's commit or runs as the bot."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from swarmbot.workspace.branches import branch_name
from swarmbot.workspace.git import git
from swarmbot.workspace.publish import push, remote_head
from swarmbot.workspace.remote import Remote
from swarmbot.workspace.result import changes, commit

from .conftest import BOT, NOON, MakeCheckout
from .git_server import GitServer, plain_git

Plant = Callable[[Path, Path], None]

HOOKS = ("pre-commit", "post-commit", "post-index-change", "pre-push", "reference-transaction", "post-checkout")


def _hooks(tree: Path, canary: Path) -> None:
    folder = tree / ".git/hooks"
    folder.mkdir()
    for name in HOOKS:
        (folder / name).write_text(f"#!/bin/sh\ntouch '{canary}'\n")
        (folder / name).chmod(0o755)


def _hooks_path(tree: Path, canary: Path) -> None:
    _hooks(tree, canary)
    (tree / ".git/hooks").rename(tree / ".git/other")
    plain_git("config", "core.hooksPath", ".git/other", cwd=tree)


def _fsmonitor(tree: Path, canary: Path) -> None:
    plain_git("config", "core.fsmonitor", f"touch '{canary}'; false", cwd=tree)


def _clean_filter(tree: Path, canary: Path) -> None:
    plain_git("config", "filter.evil.clean", f"touch '{canary}'; cat", cwd=tree)
    plain_git("config", "filter.evil.required", "true", cwd=tree)
    (tree / ".git/info/attributes").write_text("* filter=evil\n")


def _diff_driver(tree: Path, canary: Path) -> None:
    plain_git("config", "diff.external", f"touch '{canary}'; true", cwd=tree)
    plain_git("config", "diff.evil.textconv", f"touch '{canary}'; cat", cwd=tree)
    (tree / ".git/info/attributes").write_text("* diff=evil\n")


def _included(tree: Path, canary: Path) -> None:
    (tree / ".git/more").write_text(f"[core]\n\tfsmonitor = touch '{canary}' #\n")
    plain_git("config", "include.path", "more", cwd=tree)


def _other_remote(tree: Path, canary: Path) -> None:
    plain_git("config", "core.sshCommand", f"touch '{canary}'", cwd=tree)
    plain_git("config", "credential.helper", f"!touch '{canary}'", cwd=tree)
    plain_git("config", "url.ssh://evil@127.0.0.1:9/.insteadOf", "http://127.0.0.1", cwd=tree)
    plain_git("config", "url.ssh://evil@127.0.0.1:9/.pushInsteadOf", "http://127.0.0.1", cwd=tree)
    plain_git("remote", "add", "origin", "ext::sh -c touch", cwd=tree)


def _other_work_tree(tree: Path, canary: Path) -> None:
    plain_git("config", "core.worktree", "/etc", cwd=tree)


def _other_objects(tree: Path, canary: Path) -> None:
    (tree / ".git/objects/info/alternates").write_text("/nonexistent\n")


def _moved_head(tree: Path, canary: Path) -> None:
    plain_git("add", "-A", cwd=tree)
    plain_git("-c", "user.name=Linus", "commit", "-qm", "forged", cwd=tree)
    plain_git("tag", "-am", "t", "v9", cwd=tree)
    plain_git("checkout", "-q", "--orphan", "elsewhere", cwd=tree)


def _replaced(tree: Path, canary: Path) -> None:
    base = plain_git("rev-parse", "HEAD", cwd=tree)
    empty = plain_git("mktree", cwd=tree, stdin="")
    other = plain_git("commit-tree", "-m", "other", empty, cwd=tree)
    plain_git("replace", base, other, cwd=tree)
    (tree / ".git/info/grafts").write_text(f"{base} {other}\n")


def _hidden_from_status(tree: Path, canary: Path) -> None:
    plain_git("update-index", "--assume-unchanged", "src/add.py", cwd=tree)
    plain_git("update-index", "--skip-worktree", "src/run.sh", cwd=tree)
    (tree / ".git/info/exclude").write_text("*\n")


def _broken_index(tree: Path, canary: Path) -> None:
    (tree / ".git/index").write_bytes(b"DIRC")
    (tree / ".git/index.lock").write_bytes(b"")


def _removed(tree: Path, canary: Path) -> None:
    shutil.rmtree(tree / ".git")


def _elsewhere(tree: Path, canary: Path) -> Path:
    place = tree.parent / "elsewhere"
    shutil.move(tree / ".git", place)
    shutil.rmtree(place / "objects")
    (place / "objects").mkdir()
    (place / "config").write_text(f"[core]\n\tbare = false\n\tfsmonitor = touch '{canary}' #\n")
    return place


def _a_file(tree: Path, canary: Path) -> None:
    (tree / ".git").write_text(f"gitdir: {_elsewhere(tree, canary)}\n")


def _a_link(tree: Path, canary: Path) -> None:
    (tree / ".git").symlink_to(_elsewhere(tree, canary))


RUNS_FOR_A_CARELESS_BOT: list[Plant] = [
    _hooks, _hooks_path, _fsmonitor, _clean_filter, _diff_driver, _included, _a_file, _a_link,
]  # fmt: skip
CHANGES_WHAT_A_CARELESS_BOT_SEES: list[Plant] = [
    _other_remote, _other_work_tree, _other_objects, _moved_head, _replaced, _hidden_from_status, _broken_index,
    _removed,
]  # fmt: skip


@pytest.mark.parametrize("plant", RUNS_FOR_A_CARELESS_BOT + CHANGES_WHAT_A_CARELESS_BOT_SEES)
async def test_the_agents_git_has_no_say(
    make_checkout: MakeCheckout, remote: Remote, server: GitServer, tmp_path: Path, plant: Plant
) -> None:
    checkout = await make_checkout()
    canary = tmp_path / "canary"
    (checkout.tree / "src/add.py").write_text("fixed\n")
    (checkout.tree / "new.py").write_text("new\n")
    plant(checkout.tree, canary)
    canary.unlink(missing_ok=True)

    result = await changes(checkout)
    sha = await commit(checkout, "Fix", author=BOT, date=NOON, result=result)
    await push(checkout, remote, sha, branch_name(7, "job"))

    assert not canary.exists()
    assert [(file.status, file.path) for file in result.files] == [("added", "new.py"), ("modified", "src/add.py")]
    assert await remote_head(remote, "swarmbot/7-job") == sha
    served = server.folder / "demo.git"
    assert plain_git("log", "-1", "--format=%an %P", sha, cwd=served) == f"{BOT.name} {checkout.base}"
    refs = plain_git("for-each-ref", "--format=%(refname)", cwd=served).split()
    assert refs == ["refs/heads/main", "refs/heads/swarmbot/7-job"]
    if plant in RUNS_FOR_A_CARELESS_BOT:
        careless(checkout.tree)
        assert canary.exists(), "the plant works: a bot that used the agent's git would have run it"


def careless(tree: Path) -> None:
    """What the bot must not do: git in the tree, with the agent's configuration; whether it succeeds is no matter."""
    command = "git add -A; git diff HEAD; git -c user.name=a -c user.email=a@b commit -qm x"
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "GIT_PAGER": "cat"}
    subprocess.run(["sh", "-c", command], cwd=tree, env=environment, capture_output=True, check=False, timeout=60)


async def test_a_filter_named_in_the_tree_does_not_run(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    checkout = await make_checkout()
    canary = tmp_path / "canary"
    plain_git("config", "filter.evil.clean", f"touch '{canary}'; cat", cwd=checkout.tree)
    (checkout.tree / ".gitattributes").write_text("* filter=evil\n")
    assert [file.path for file in (await changes(checkout)).files] == [".gitattributes"]
    assert not canary.exists()


async def test_the_bots_git_takes_nothing_from_the_environment(
    make_checkout: MakeCheckout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = await make_checkout()
    canary = tmp_path / "canary"
    (tmp_path / ".gitconfig").write_text(
        f"[core]\n\tfsmonitor = touch '{canary}' #\n[i18n]\n\tcommitEncoding = latin1\n"
    )
    for name, value in {
        "HOME": str(tmp_path),
        "GIT_DIR": "/nonexistent",
        "GIT_INDEX_FILE": "/nonexistent",
        "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": f"touch '{canary}'",
        "GIT_AUTHOR_NAME": "forged",
        "SWARMBOT_WEBHOOK_SECRET": "s3cret",
    }.items():
        monkeypatch.setenv(name, value)
    (checkout.tree / "new.py").write_text("new\n")
    sha = await commit(checkout, "Neu: 日本", author=BOT, date=NOON)
    assert not canary.exists()
    assert not (tmp_path / "trace").exists()
    assert "日本" in await git("show", "-s", sha, git_dir=checkout.git_dir)
