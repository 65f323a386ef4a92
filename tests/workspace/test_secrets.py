"""The token of a repository shows nowhere: no file, no command line, no text."""

from __future__ import annotations

import base64
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog

from swarmbot.workspace.errors import WorkspaceError
from swarmbot.workspace.git import environment
from swarmbot.workspace.mirror import Mirror
from swarmbot.workspace.publish import push, remote_head
from swarmbot.workspace.remote import Remote
from swarmbot.workspace.result import commit

from .conftest import BOT, NOON, MakeCheckout
from .git_server import GitServer


def forms(token: str) -> list[bytes]:
    """The token as it is and as it travels."""
    basic = base64.b64encode(f"x-access-token:{token}".encode())
    return [token.encode(), basic, quote(token, safe="").encode()]


def files_with(needles: list[bytes], folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if any(needle in path.read_bytes() for needle in needles)]


async def test_the_token_is_in_no_file_and_on_no_command_line(
    make_checkout: MakeCheckout, remote: Remote, server: GitServer, tmp_path: Path
) -> None:
    checkout = await make_checkout()
    (checkout.tree / "new").write_text("1")
    sha = await commit(checkout, "m", author=BOT, date=NOON)
    await push(checkout, remote, sha, "swarmbot/7-job")
    await remote_head(remote, "swarmbot/7-job")
    lines = b"\n".join(server.command_lines)
    assert b"remote-http" in lines
    assert b"push" in lines
    assert not [form for form in forms(server.token) if form in lines]
    assert files_with(forms(server.token), tmp_path) == []
    assert files_with([checkout.base.encode()], tmp_path), "the search finds what is there"


async def test_the_token_is_in_no_error_even_if_the_remote_says_it(
    make_checkout: MakeCheckout, remote: Remote, server: GitServer
) -> None:
    checkout = await make_checkout()
    (checkout.tree / "new").write_text("1")
    sha = await commit(checkout, "m", author=BOT, date=NOON)
    echoed = " ".join(form.decode() for form in forms(server.token))
    texts = []
    server.fail["git-"] = (403, echoed)
    with pytest.raises(WorkspaceError) as failed:
        await push(checkout, remote, sha, "swarmbot/7-job")
    texts.append("".join(traceback.format_exception(failed.value)))
    server.fail.clear()
    server.hook("demo", f"echo '{echoed}' >&2; exit 1")
    with pytest.raises(WorkspaceError) as failed:
        await push(checkout, remote, sha, "swarmbot/7-job")
    texts.append("".join(traceback.format_exception(failed.value)))
    server.fail["git-"] = (500, echoed)
    with structlog.testing.capture_logs() as logs, pytest.raises(WorkspaceError) as failed:
        await Mirror(checkout.folder / "other.git", remote).fetch()
    texts.append("".join(traceback.format_exception(failed.value)) + repr(logs))
    for text in texts:
        assert not [form for form in forms(server.token) if form in text.encode()]
    assert "[token]" in texts[1]


def test_a_remote_hides_its_token_and_takes_none_in_the_address() -> None:
    remote = Remote("https://github.com/o/r.git", "ghs_secret")
    assert "secret" not in repr(remote) + str(remote)
    for bad in (
        "https://x:ghs_secret@github.com/o/r.git",
        "ssh://github.com/o/r",
        "ext::sh -c x",
        "-x",
        "file:///x",
        "/x",
    ):
        with pytest.raises(ValueError, match="remote") as refused:
            Remote(bad, "t")
        assert "ghs_secret" not in str(refused.value)


def test_only_a_command_that_talks_to_the_remote_gets_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMBOT_WEBHOOK_SECRET", "s3cret")
    monkeypatch.setenv("PATH", f"relative:/usr/bin::.:{Path('/bin')}")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pass@proxy:1")
    remote = Remote("https://github.com/o/r.git", "ghs_secret")
    assert environment()["PATH"] == "/usr/bin:/bin"
    assert not [value for value in environment().values() if value in ("s3cret", "http://user:pass@proxy:1")]
    assert not [value for value in environment().values() if "Authorization" in value]
    talking = environment(remote)
    assert talking["GIT_CONFIG_KEY_0"] == "http.https://github.com/o/r.git.extraHeader"
    assert talking["HTTPS_PROXY"] == "http://user:pass@proxy:1"
    assert "s3cret" not in talking.values()
