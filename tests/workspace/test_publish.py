from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from swarmbot.workspace.checkout import Checkout
from swarmbot.workspace.errors import InvalidBranch, NetworkFailure, PushRefused, RepositoryUnavailable
from swarmbot.workspace.publish import push, remote_head
from swarmbot.workspace.remote import Remote, clean
from swarmbot.workspace.result import commit

from .conftest import BOT, NOON, MakeCheckout
from .git_server import GitServer, plain_git

BRANCH = "swarmbot/7-job"


@pytest_asyncio.fixture
async def fixed(make_checkout: MakeCheckout) -> AsyncIterator[tuple[Checkout, str]]:
    """A checkout with one commit that nobody pushed yet."""
    checkout = await make_checkout()
    (checkout.tree / "src/add.py").write_text("fixed\n")
    yield checkout, await commit(checkout, "Fix", author=BOT, date=NOON)


async def test_one_ref_is_pushed_and_read_back(fixed: tuple[Checkout, str], remote: Remote, server: GitServer) -> None:
    checkout, sha = fixed
    assert await remote_head(remote, BRANCH) is None
    await push(checkout, remote, sha, BRANCH)
    assert await remote_head(remote, BRANCH) == sha
    assert await remote_head(remote, "7-job") is None
    served = server.folder / "demo.git"
    assert plain_git("show", f"{sha}:src/add.py", cwd=served) == "fixed"
    assert plain_git("rev-list", "--count", f"main..{sha}", cwd=served) == "1"


async def test_a_push_may_be_run_again(fixed: tuple[Checkout, str], remote: Remote) -> None:
    checkout, sha = fixed
    await push(checkout, remote, sha, BRANCH)
    await push(checkout, remote, sha, BRANCH)
    assert await remote_head(remote, BRANCH) == sha


async def test_a_big_push_goes_through(make_checkout: MakeCheckout, remote: Remote) -> None:
    checkout = await make_checkout()
    # More than http.postBuffer, so git sends it in chunks.
    (checkout.tree / "big.bin").write_bytes(
        b"".join(hash(str(n)).to_bytes(8, signed=True, byteorder="big") for n in range(200_000))
    )
    sha = await commit(checkout, "Big", author=BOT, date=NOON)
    await push(checkout, remote, sha, BRANCH)
    assert await remote_head(remote, BRANCH) == sha


async def test_a_branch_that_moved_is_not_overwritten(
    fixed: tuple[Checkout, str], remote: Remote, server: GitServer
) -> None:
    checkout, sha = fixed
    theirs = server.commit("demo", {"x": "theirs"}, branch=BRANCH)
    with pytest.raises(PushRefused) as refused:
        await push(checkout, remote, sha, BRANCH)
    assert refused.value.kind == "rejected"
    assert await remote_head(remote, BRANCH) == theirs


async def test_a_branch_that_is_another_ones_folder_is_named(
    fixed: tuple[Checkout, str], remote: Remote, server: GitServer
) -> None:
    checkout, sha = fixed
    server.commit("demo", {"x": "1"}, branch="swarmbot")
    with pytest.raises(PushRefused) as refused:
        await push(checkout, remote, sha, BRANCH)
    assert refused.value.kind == "other"


GH006 = "echo 'error: GH006: Protected branch update failed for refs/heads/x.' >&2; exit 1"
GH013 = "echo 'error: GH013: Repository rule violations found for refs/heads/x.' >&2; exit 1"
WORKFLOW = (
    "echo 'refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml`"
    " without `workflows` permission' >&2; exit 1"
)
RUDE = r"printf '\033[31mno \033]0;title\007 <b>tabs\342\200\256 please</b>\n' >&2; exit 1"


@pytest.mark.parametrize(
    ("script", "kind", "said"),
    [
        (GH006, "protected", "GH006"),
        (GH013, "protected", "GH013"),
        (WORKFLOW, "workflow", ".github/workflows/ci.yml"),
        (RUDE, "other", "no ]0;title <b>tabs please</b>"),
        ("exit 1", "other", "pre-receive hook declined"),
    ],
)
async def test_a_push_that_the_remote_declines_is_named(
    fixed: tuple[Checkout, str], remote: Remote, server: GitServer, script: str, kind: str, said: str
) -> None:
    checkout, sha = fixed
    server.hook("demo", script)
    with pytest.raises(PushRefused) as refused:
        await push(checkout, remote, sha, BRANCH)
    assert refused.value.kind == kind
    assert said in refused.value.message
    assert refused.value.message.replace("\n", "").isprintable()
    assert refused.value.do.endswith(".")
    assert await remote_head(remote, BRANCH) is None


async def test_a_token_that_may_not_push(fixed: tuple[Checkout, str], remote: Remote, server: GitServer) -> None:
    checkout, sha = fixed
    server.fail["git-receive-pack"] = (403, "Permission to x/demo.git denied to swarmbot[bot].")
    with pytest.raises(PushRefused) as refused:
        await push(checkout, remote, sha, BRANCH)
    assert refused.value.kind == "permission"
    assert "Permission to x/demo.git denied" in refused.value.message


async def test_a_remote_in_trouble_is_no_refusal(
    fixed: tuple[Checkout, str], remote: Remote, server: GitServer
) -> None:
    checkout, sha = fixed
    server.fail["git-receive-pack"] = (502, "bad gateway")
    with pytest.raises(NetworkFailure):
        await push(checkout, remote, sha, BRANCH)
    server.fail.clear()
    with pytest.raises(RepositoryUnavailable):
        await push(checkout, Remote(server.url("gone"), server.token), sha, BRANCH)
    with pytest.raises(RepositoryUnavailable):
        await remote_head(Remote(remote.url, "expired"), BRANCH)
    with pytest.raises(NetworkFailure):
        await remote_head(Remote("http://127.0.0.1:9/x.git", "a-token"), BRANCH)


async def test_names_that_are_options_are_not_taken(fixed: tuple[Checkout, str], remote: Remote) -> None:
    checkout, sha = fixed
    with pytest.raises(InvalidBranch):
        await push(checkout, remote, sha, "--force")
    with pytest.raises(ValueError, match="no commit"):
        await push(checkout, remote, "--mirror", BRANCH)
    with pytest.raises(ValueError, match="no commit"):
        await push(checkout, remote, "", BRANCH)


async def test_several_jobs_push_at_once(make_checkout: MakeCheckout, remote: Remote) -> None:
    async def job(name: str) -> tuple[str, str]:
        checkout = await make_checkout(name)
        (checkout.tree / "by").write_text(name)
        sha = await commit(checkout, name, author=BOT, date=NOON)
        await push(checkout, remote, sha, f"swarmbot/7-{name}")
        return name, sha

    for name, sha in await asyncio.gather(*(job(f"j{n}") for n in range(4))):
        assert await remote_head(remote, f"swarmbot/7-{name}") == sha


def test_a_remotes_words_are_cleaned() -> None:
    assert clean("a\x1b[1mb\x07\r\n\n  c\t\x9b\u202e d \udcff") == "ab\n  c\t d �"


async def test_the_room_needs_no_file_of_the_user(fixed: tuple[Checkout, str], tmp_path: Path) -> None:
    checkout, _ = fixed
    assert sorted(path.name for path in checkout.folder.iterdir()) == ["bot.git", "tree"]
    assert not [path for path in checkout.git_dir.iterdir() if path.name.startswith("read-")]
