"""What the README says about settings, commands, agents, rooms and files is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from swarmbot import agents, commands
from swarmbot.cli import app
from swarmbot.core.agent_file import parse
from swarmbot.settings import Settings

TOP = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/README.md")


@pytest.fixture
def readme() -> str:
    return (TOP / "README.md").read_text()


def test_the_table_of_settings_is_the_settings(readme: str) -> None:
    expected = [
        f"| `SWARMBOT_{name.upper()}` |{_shown(field.default)}| {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    table = readme.partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `SWARMBOT_.*$", table, re.MULTILINE) == expected


def _shown(default: Any) -> str:
    value = default.get_secret_value() if isinstance(default, SecretStr) else default
    return " " if value in (None, "") else f" `{value}` "


def test_the_table_of_commands_is_the_commands(readme: str) -> None:
    assert re.findall(r"^\| `(/agent [^`]*)` \|", readme, re.MULTILINE) == [c.usage for c in commands.ALL]


def test_the_example_of_an_agent_file_is_one(readme: str) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    spec = parse(blocks[0], source="README.md")
    assert f"/agent fix with {spec.name}`" in readme
    assert [rule.name for rule in spec.rule] == ["no-news"]
    assert re.search(spec.rule[0].at_cursor, "Read the news? (y/n) ")


def test_the_table_of_agents_is_the_agents(readme: str) -> None:
    expected = []
    for spec in agents.load().values():
        if spec.program and spec.credential:
            keys = ", ".join(f"`{name}`" for name in spec.credential.any_of)
            oldest, newest = spec.program.tested
            expected.append(f"| `{spec.name}` | {spec.title} | {oldest} to {newest} | {keys} |")
    found = re.findall(r"^\| `\w+` \|.*$", readme.partition("\n## Agents\n")[2], re.MULTILINE)[: len(expected)]
    assert found == expected


def test_every_room_is_named_and_there(readme: str) -> None:
    rooms = {path.parent.name for path in (TOP / "swarmbot").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)/` \|", readme, re.MULTILINE)) == rooms


def test_every_module_beside_the_rooms_is_named(readme: str) -> None:
    modules = {path.name for path in (TOP / "swarmbot").glob("*.py") if not path.name.startswith("__")}
    paragraph = readme.partition("\nBeside them ")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+\.py)`", paragraph)) == modules


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_of_the_program_that_are_named_exist(document: str) -> None:
    known = {str(one.name or getattr(one.callback, "__name__", "")) for one in app.registered_commands}
    text = (TOP / document).read_text()
    assert set(re.findall(r"(?:`|bin/)swarmbot ([a-z]+)", text)) <= known


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_inside_the_repository_lead_somewhere(document: str) -> None:
    path = TOP / document
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith("https://"):
            continue
        name, _, heading = target.partition("#")
        found = path.parent / name if name else path
        assert found.exists(), f"{document}: {target}"
        assert not heading or heading in _anchors(found.read_text()), f"{document}: {target}"


def _anchors(markdown: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_that_are_named_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", (TOP / document).read_text()))
    assert named <= targets
