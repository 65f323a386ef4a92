"""The home of an agent: what is written into it, and what is read from it after the agent had it."""

from __future__ import annotations

import stat
from pathlib import Path

from swarmbot.agents import home
from swarmbot.core.agent_file import parse
from swarmbot.core.usage import Tokens

SPEC = parse(
    """
name = "a"
title = "A"
[headless]
argv = ["a"]
task = "file"
[usage]
files = ".a/**/*.jsonl"
input = ["in"]
output = ["out"]
""",
    source="a",
)


def test_files_are_only_the_bots_and_replace_what_stands_there(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    own = tmp_path / "home"
    (own / ".a").mkdir(parents=True)
    (own / ".a/settings.json").symlink_to(outside)
    home.lay_out(own, [(".a/settings.json", "{}"), (".b/c/d", "x")])
    assert (own / ".a/settings.json").read_text() == "{}"
    assert outside.read_text() == "mine"
    assert stat.S_IMODE((own / ".b/c/d").stat().st_mode) == 0o600


def test_a_folder_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    own = tmp_path / "home"
    own.mkdir()
    (own / ".a").symlink_to(outside)
    home.lay_out(own, [(".a/deep/settings.json", "{}")])
    assert list(outside.iterdir()) == []
    assert (own / ".a/deep/settings.json").read_text() == "{}"


def test_usage_is_read_from_all_files_of_the_pattern(tmp_path: Path) -> None:
    (tmp_path / ".a/deep/er").mkdir(parents=True)
    (tmp_path / ".a/one.jsonl").write_text('{"in": 1, "out": 2}\n')
    (tmp_path / ".a/deep/er/two.jsonl").write_text('{"in": 10}\n')
    (tmp_path / ".a/three.txt").write_text('{"in": 100}\n')
    assert home.used(SPEC, tmp_path) == Tokens(input=11, output=2)


def test_a_link_out_of_the_home_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "secret.jsonl"
    outside.write_text('{"in": 1000}\n')
    own = tmp_path / "home"
    (own / ".a").mkdir(parents=True)
    (own / ".a/link.jsonl").symlink_to(outside)
    (own / ".a/gone.jsonl").symlink_to(own / "nowhere")
    (own / ".a/folder.jsonl").mkdir()
    assert home.used(SPEC, own) == Tokens()
    assert home.used(SPEC, tmp_path / "no-home") == Tokens()


def test_instructions_for_agents_are_found_but_no_links(tmp_path: Path) -> None:
    assert home.instructions(tmp_path) == ()
    (tmp_path / "AGENTS.md").write_text("Be kind.")
    (tmp_path / "CLAUDE.md").symlink_to(tmp_path / "AGENTS.md")
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github/copilot-instructions.md").write_text("x")
    assert home.instructions(tmp_path) == ("AGENTS.md", ".github/copilot-instructions.md")


def test_what_the_program_leaves_behind_is_removed_and_what_was_there_stays(tmp_path: Path) -> None:
    spec = parse('name = "a"\ntitle = "A"\nlitter = [".a*"]\n[headless]\nargv = ["a"]\ntask = "file"', source="a")
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    (tree / ".a.conf").mkdir(parents=True)
    outside.mkdir()
    (outside / "kept").write_text("x")
    before = home.litter(spec, tree)
    (tree / ".a.cache/deep").mkdir(parents=True)
    (tree / ".a.history").write_text("x")
    (tree / ".a.link").symlink_to(outside)
    (tree / "a.py").write_text("x")
    home.clear_litter(spec, tree, before)
    assert {path.name for path in tree.iterdir()} == {".a.conf", "a.py"}
    assert (outside / "kept").exists()
