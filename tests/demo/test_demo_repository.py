"""The demo's project: always the same commit, and a test that fails until the bug is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from swarmbot.demo.github import DemoGitHub, repository
from swarmbot.demo.github.git_objects import GitError

from .conftest import Client, Git


def test_the_commit_is_always_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = repository.build(tmp_path / "first.git")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Else")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    assert repository.build(tmp_path / "second.git") == first


def test_one_test_fails_and_the_others_pass(tmp_path: Path) -> None:
    repository.build(tmp_path / "a.git")
    passed, output = repository.run_tests(tmp_path / "a.git", "main")
    assert not passed
    assert "ERROR: test_average_length_of_an_empty_file" in output
    assert "ZeroDivisionError" in output
    assert "FAILED (errors=1)" in output
    with pytest.raises(GitError, match="nowhere is no commit"):
        repository.run_tests(tmp_path / "a.git", "nowhere")


def test_the_report_shows_what_happens(tmp_path: Path) -> None:
    for path, text in repository.FILES.items():
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    (tmp_path / "notes.txt").touch()
    done = subprocess.run(
        [sys.executable, "-m", "wordcount", "notes.txt"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    for line in done.stderr.splitlines():
        if "wordcount/" in line:
            shown = line.replace(f"{tmp_path.resolve()}/", "")
            assert shown.strip() in repository.ISSUE_BODY
    assert done.stderr.splitlines()[-1] in repository.ISSUE_BODY


async def test_the_fix_makes_the_tests_pass(client: Client, github: DemoGitHub, git: Git) -> None:
    path = "wordcount/stats.py"
    broken = github.file("main", path)
    mended = broken.replace("    return round(sum", "    if not found:\n        return 0.0\n    return round(sum")
    assert mended != broken
    sha = await git.branch("fix", client.token, path, mended)
    assert github.run_tests("fix")[0]
    assert github.run_tests(sha)[0]
