from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from swarmbot.workspace.checkout import check_out, remove
from swarmbot.workspace.errors import InvalidBranch, UnsafeTree
from swarmbot.workspace.mirror import Mirror
from swarmbot.workspace.result import changes

from .conftest import FILES, MakeCheckout
from .git_server import GitServer, plain_git


async def test_the_agent_gets_a_clean_repository_on_its_own_branch(make_checkout: MakeCheckout) -> None:
    checkout = await make_checkout()
    tree = checkout.tree
    assert plain_git("status", "--porcelain", "--branch", cwd=tree) == "## swarmbot/7-job"
    assert plain_git("rev-parse", "HEAD", cwd=tree) == checkout.base
    assert plain_git("log", "-1", "--format=%an", cwd=tree) == "Ann"
    assert plain_git("remote", cwd=tree) == ""
    assert {path: (tree / path).read_bytes().decode() for path in FILES} == FILES
    (tree / "src/add.py").write_text("x = 1\n")
    plain_git("commit", "-qam", "the agent's own", cwd=tree)
    plain_git("fsck", "--strict", cwd=tree)


async def test_nothing_in_a_checkout_names_the_remote_or_the_mirrors_config(
    make_checkout: MakeCheckout, mirror: Mirror
) -> None:
    checkout = await make_checkout()
    for path in checkout.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"127.0.0.1" not in content, path
            if str(mirror.folder).encode() in content:
                assert (path.name, content.decode()) == ("alternates", f"{checkout.objects}\n")


async def test_a_fresh_checkout_has_no_changes(make_checkout: MakeCheckout) -> None:
    assert (await changes(await make_checkout())).files == ()


async def test_eight_checkouts_at_once(mirror: Mirror, make_checkout: MakeCheckout, server: GitServer) -> None:
    server.commit("demo", {f"pkg{n % 10}/mod{n}.py": f"x = {n}\n" for n in range(300)})
    made = await asyncio.gather(*(make_checkout(f"job{n}") for n in range(8)))
    for checkout in made:
        assert plain_git("status", "--porcelain", cwd=checkout.tree) == ""
        (checkout.tree / "pkg0/mod0.py").write_text(f"# {checkout.folder.name}\n")
    results = await asyncio.gather(*(changes(checkout) for checkout in made))
    assert len({result.tree for result in results}) == 8
    assert all([file.path for file in result.files] == ["pkg0/mod0.py"] for result in results)


async def test_what_a_crash_left_is_replaced(mirror: Mirror, make_checkout: MakeCheckout, tmp_path: Path) -> None:
    left = tmp_path / "jobs" / "job"
    (left / "tree" / "src").mkdir(parents=True)
    (left / "tree" / "src" / "old.py").write_text("old")
    (left / "bot.git").mkdir()
    (left / "bot.git" / "index.lock").write_text("")
    (left / "tree" / "src").chmod(0o500)
    checkout = await make_checkout()
    assert not (checkout.tree / "src/old.py").exists()
    assert (await changes(checkout)).files == ()


async def test_a_checkout_is_removed_whatever_the_agent_did_to_it(make_checkout: MakeCheckout, tmp_path: Path) -> None:
    checkout = await make_checkout()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (checkout.tree / "link").symlink_to(outside)
    here = os.open(checkout.tree, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deep-" + "d" * 20, dir_fd=here)
        deeper = os.open("deep-" + "d" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    (checkout.tree / "src").chmod(0)
    (checkout.tree / "docs").chmod(0o500)
    await remove(checkout)
    assert not checkout.folder.exists()
    assert (outside / "kept").read_text() == "kept"
    await remove(checkout)


async def test_links_stay_links_and_no_filter_runs(server: GitServer, make_checkout: MakeCheckout) -> None:
    work = server.folder / "links"
    plain_git("clone", "-q", str(server.folder / "demo.git"), str(work), cwd=server.folder)
    for name, target in {
        "passwd": "/etc/passwd",
        "config": ".git/config",
        "up": "../../..",
        "me": "/proc/self/environ",
    }.items():
        (work / name).symlink_to(target)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    (work / "big.bin").write_text(pointer)
    (work / "words.txt").write_text("one\ntwo\n$Id$\n")
    plain_git("add", "-A", cwd=work)
    (work / ".gitattributes").write_text(
        "*.bin filter=lfs diff=lfs\n*.txt text eol=crlf ident\n*.py working-tree-encoding=UTF-16\n"
    )
    (work / ".lfsconfig").write_text("[lfs]\n\turl = http://127.0.0.1:9/\n")
    plain_git("add", ".gitattributes", ".lfsconfig", cwd=work)
    plain_git("commit", "-qm", "links", cwd=work)
    plain_git("push", "-q", "origin", "main", cwd=work)
    checkout = await make_checkout()
    assert (checkout.tree / "passwd").readlink() == Path("/etc/passwd")
    assert (checkout.tree / "config").is_symlink()
    assert (checkout.tree / "big.bin").read_text() == pointer
    assert (checkout.tree / "words.txt").read_bytes() == b"one\ntwo\n$Id$\n"
    assert plain_git("status", "--porcelain", cwd=checkout.tree) == ""
    (checkout.tree / "src/add.py").touch()
    assert (await changes(checkout)).files == ()


@pytest.mark.parametrize("path", [".git/config", ".GIT/hooks", "GIT~1/config", ".g\u200cit/config"])
async def test_a_tree_that_would_write_into_git_is_refused_by_name(
    server: GitServer, make_checkout: MakeCheckout, path: str
) -> None:
    server.commit_entry("demo", "100644", "blob", path)
    with pytest.raises(UnsafeTree, match="refuses to write") as refused:
        await make_checkout()
    assert repr(path.split("/", maxsplit=1)[0])[:-1] in str(refused.value)


async def test_a_submodule_is_an_empty_folder(server: GitServer, make_checkout: MakeCheckout) -> None:
    server.commit("demo", {".gitmodules": '[submodule "x"]\n\tpath = vendor\n\turl = ext::sh -c "touch /tmp/x"\n'})
    server.commit_entry("demo", "160000", "commit", "vendor")
    checkout = await make_checkout()
    assert checkout.submodules == ("vendor",)
    assert list((checkout.tree / "vendor").iterdir()) == []
    assert (await changes(checkout)).files == ()


async def test_bad_arguments_are_refused_before_anything_is_removed(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(InvalidBranch):
        await check_out(mirror, "0" * 40, tmp_path / "kept", branch="-x")
    with pytest.raises(ValueError, match="no commit"):
        await check_out(mirror, "--help", tmp_path / "kept", branch="x")
    with pytest.raises(ValueError, match="absolute"):
        await check_out(mirror, "0" * 40, Path("kept"), branch="x")
    assert (tmp_path / "kept").is_dir()
