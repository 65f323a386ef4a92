from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from swarmbot.workspace.checkout import Checkout
from swarmbot.workspace.errors import NoChange, UnsafeChange
from swarmbot.workspace.git import git
from swarmbot.workspace.result import FileChange, Identity, changes, commit

from .conftest import BOT, NOON, MakeCheckout
from .git_server import GitServer, plain_git


async def show(checkout: Checkout, sha: str, *how: str) -> str:
    return await git("show", "--no-color", *how, sha, git_dir=checkout.git_dir)


async def listing(checkout: Checkout, sha: str) -> dict[str, str]:
    """Each path of a commit with its mode."""
    said = await git("ls-tree", "-r", "-z", sha, git_dir=checkout.git_dir)
    return {line.partition("\t")[2]: line.split()[0] for line in said.split("\0") if line}


async def test_every_kind_of_change_is_seen_and_committed(make_checkout: MakeCheckout) -> None:
    checkout = await make_checkout()
    tree = checkout.tree
    (tree / "src/add.py").write_text("def add(a, b):\n    return a + b\n")
    (tree / "src/run.sh").chmod(0o755)
    (tree / "README.md").rename(tree / "LIESMICH.md")
    (tree / "docs/guide.txt").unlink()
    (tree / "docs/guide.txt").symlink_to("../LIESMICH.md")
    (tree / "logo.png").write_bytes(b"\x89PNG\0\1\2")
    (tree / "noise.log").write_text("ignored")
    result = await changes(checkout)
    assert result.files == (
        FileChange("added", "LIESMICH.md", False, 1, 0, "100644"),
        FileChange("deleted", "README.md", False, 0, 1, "000000"),
        FileChange("type", "docs/guide.txt", False, 1, 2, "120000"),
        FileChange("added", "logo.png", True, 0, 0, "100644"),
        FileChange("modified", "src/add.py", False, 1, 1, "100644"),
        FileChange("modified", "src/run.sh", False, 0, 0, "100755"),
    )
    sha = await commit(checkout, "Change", author=BOT, date=NOON, result=result)
    assert (await git("rev-parse", f"{sha}^{{tree}}", f"{sha}^", git_dir=checkout.git_dir)).split() == [
        result.tree,
        checkout.base,
    ]
    assert "+    return a + b" in await show(checkout, sha)


NAMES = [
    "with space.txt",
    "ünïcode-日本.txt",
    "-rf",
    "--upload-pack=touch x",
    "new\nline",
    "tab\tbed",
    "1\t2\tcount",
    ":100644 100644 a b M",
    'quo"te',
    "back\\slash",
    "$(id)",
    "src/ADD.py",
    "src/*.py",
    ":(exclude)src",
]


async def test_names_of_any_kind_are_committed_as_they_are(make_checkout: MakeCheckout) -> None:
    checkout = await make_checkout()
    for name in NAMES:
        (checkout.tree / name).write_text(f"{name}\n")
    (checkout.tree / "src/run.sh").rename(checkout.tree / os.fsdecode(b"src/\xff\xfe.sh"))
    result = await changes(checkout)
    expected = {*NAMES, "src/run.sh", "src/\\xff\\xfe.sh"}
    assert {file.path for file in result.files} == expected
    sha = await commit(checkout, "Names", author=BOT, date=NOON, result=result)
    assert set(NAMES) <= (await listing(checkout, sha)).keys()


async def test_a_commit_is_the_bots_and_the_same_each_time(make_checkout: MakeCheckout) -> None:
    checkout = await make_checkout()
    (checkout.tree / "a").write_text("1")
    evening = NOON.astimezone(timezone(timedelta(hours=2, minutes=30)))
    message = "Fix ü\n\nCo-authored-by: Ann <ann@example.com>"
    first = await commit(checkout, message, author=BOT, date=evening)
    assert await commit(checkout, message, author=BOT, date=evening) == first
    how = "--format=%an|%ae|%cn|%ce|%ad|%B"
    assert await show(checkout, first, "-s", "--date=iso", how) == (
        f"{BOT.name}|{BOT.email}|{BOT.name}|{BOT.email}|2026-11-22 14:30:00 +0230|{message}\n\n"
    )
    await git("fsck", "--strict", "--no-dangling", git_dir=checkout.git_dir)


async def test_a_commit_holds_what_was_looked_at(make_checkout: MakeCheckout) -> None:
    checkout = await make_checkout()
    (checkout.tree / "a").write_text("looked at")
    result = await changes(checkout)
    (checkout.tree / "a").write_text("changed since")
    sha = await commit(checkout, "m", author=BOT, date=NOON, result=result)
    assert await git("show", f"{sha}:a", git_dir=checkout.git_dir) == "looked at"


async def test_names_and_messages_cannot_forge_a_header(make_checkout: MakeCheckout) -> None:
    checkout = await make_checkout()
    (checkout.tree / "a").write_text("1")
    forged = Identity("x <root@kernel.org> 1 +0000\nparent 0", "a@b>\ncommitter evil <e@e>")
    sha = await commit(checkout, "m\0n\udcff", author=forged, date=NOON)
    raw = await git("cat-file", "commit", sha, git_dir=checkout.git_dir)
    headers = raw.partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in headers] == ["tree", "parent", "author", "committer"]
    await git("fsck", "--strict", "--no-dangling", git_dir=checkout.git_dir)


async def test_no_change_is_named(make_checkout: MakeCheckout) -> None:
    checkout = await make_checkout()
    (checkout.tree / "build").mkdir()
    (checkout.tree / "build/out").write_text("ignored")
    (checkout.tree / "src/add.py").touch()
    with pytest.raises(NoChange):
        await commit(checkout, "m", author=BOT, date=datetime.now(UTC))


async def test_a_change_of_the_same_length_in_the_same_second_is_seen(make_checkout: MakeCheckout) -> None:
    checkout = await make_checkout()
    path = checkout.tree / "src/add.py"
    path.write_text(path.read_text().replace("a - b", "a + b"))
    assert [file.path for file in (await changes(checkout)).files] == ["src/add.py"]


async def test_attributes_decide_neither_content_nor_what_is_shown(make_checkout: MakeCheckout) -> None:
    checkout = await make_checkout()
    (checkout.tree / ".gitattributes").write_text(
        "* binary -diff eol=crlf ident\n*.txt working-tree-encoding=UTF-16 text\n"
    )
    (checkout.tree / "src/add.py").write_bytes(b"$Id: x$\r\n")
    (checkout.tree / "docs/guide.txt").write_bytes(b"three\r\n")
    result = await changes(checkout)
    assert [(file.path, file.binary, file.added) for file in result.files][1:] == [
        ("docs/guide.txt", False, 1),
        ("src/add.py", False, 1),
    ]
    assert await git("show", f"{result.tree}:src/add.py", git_dir=checkout.git_dir) == "$Id: x$\r\n"


def embed(folder: Path, canary: Path, *, with_commit: bool = True) -> None:
    """What an agent does to get a program run by the bot's git: a repository whose status starts it.

    A filter it is, as no option of the bot's can switch off a driver whose name it cannot know.
    """
    folder.mkdir(exist_ok=True)
    plain_git("init", "-q", cwd=folder)
    (folder / "f").write_text("1")
    (folder / ".gitattributes").write_text("* filter=evil\n")
    if with_commit:
        plain_git("add", "-A", cwd=folder)
        plain_git("commit", "-qm", "x", cwd=folder)
    (folder / "f").write_text("2")
    plain_git("config", "filter.evil.clean", f"touch '{canary}'; cat", cwd=folder)


@pytest.mark.parametrize("with_commit", [True, False], ids=["with a commit", "without"])
async def test_a_repository_in_the_tree_is_refused_each_time(
    make_checkout: MakeCheckout, tmp_path: Path, *, with_commit: bool
) -> None:
    checkout = await make_checkout()
    canary = tmp_path / "canary"
    embed(checkout.tree / "my lib", canary, with_commit=with_commit)
    for _ in range(3):
        with pytest.raises(UnsafeChange) as unsafe:
            await changes(checkout)
        assert unsafe.value.path == "my lib"
        assert "my lib" in unsafe.value.do
    assert not canary.exists()
    plain_git("status", cwd=checkout.tree / "my lib")
    assert canary.exists() == with_commit
    shutil.rmtree(checkout.tree / "my lib")
    assert (await changes(checkout)).files == ()


async def test_a_submodules_folder_is_never_looked_into_by_git(
    server: GitServer, make_checkout: MakeCheckout, tmp_path: Path
) -> None:
    server.commit_entry("demo", "160000", "commit", "vendor")
    checkout = await make_checkout()
    canary = tmp_path / "canary"
    vendor = checkout.tree / "vendor"
    embed(vendor, canary)
    # At the very commit that is recorded: only then git asks for the status inside.
    recorded = plain_git("ls-files", "--stage", "vendor", cwd=checkout.tree).split()[1]
    (vendor / ".git/objects/info/alternates").write_text(f"{checkout.objects}\n")
    (vendor / ".git/HEAD").write_text(f"{recorded}\n")
    for _ in range(2):
        with pytest.raises(UnsafeChange) as unsafe:
            await changes(checkout)
        assert unsafe.value.path == "vendor"
    # Even git itself, called as the bot calls it, passes by; a plain `git status` would not.
    await git("add", "--all", git_dir=checkout.git_dir, work_tree=checkout.tree)
    assert not canary.exists()
    plain_git("status", cwd=checkout.tree)
    assert canary.exists()


async def test_a_removed_submodule_is_refused(server: GitServer, make_checkout: MakeCheckout) -> None:
    server.commit_entry("demo", "160000", "commit", "vendor")
    checkout = await make_checkout()
    (checkout.tree / "vendor").rmdir()
    with pytest.raises(UnsafeChange, match="vendor"):
        await changes(checkout)


async def test_what_git_cannot_hold_is_refused_by_name(make_checkout: MakeCheckout) -> None:
    checkout = await make_checkout()
    (checkout.tree / ".GIT").mkdir()
    (checkout.tree / ".GIT/config").write_text("x")
    with pytest.raises(UnsafeChange) as unsafe:
        await changes(checkout)
    assert unsafe.value.path == ".GIT/config"
    shutil.rmtree(checkout.tree / ".GIT")
    (checkout.tree / "src/add.py").unlink()
    os.mkfifo(checkout.tree / "src/add.py")
    with pytest.raises(UnsafeChange) as unsafe:
        await changes(checkout)
    assert unsafe.value.path == "src/add.py"


async def test_a_folder_that_became_a_link_is_not_followed(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    checkout = await make_checkout()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "add.py").write_text("secret of the host")
    shutil.rmtree(checkout.tree / "src")
    (checkout.tree / "src").symlink_to(outside)
    result = await changes(checkout)
    assert [(file.status, file.path, file.mode) for file in result.files] == [
        ("added", "src", "120000"),
        ("deleted", "src/add.py", "000000"),
        ("deleted", "src/run.sh", "000000"),
    ]
    shutil.rmtree(checkout.tree)
    checkout.tree.symlink_to(outside)
    with pytest.raises(UnsafeChange):
        await changes(checkout)
