"""The Compose file and the Dockerfile fit the program, publish no Redis and hold no secret."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from swarmbot import agents
from swarmbot.cli import app
from swarmbot.settings import Settings

TOP = Path(__file__).parents[2]
DEPLOY = TOP / "deploy"
OURS = ("web", "worker", "check")

Services = dict[str, dict[str, Any]]


@pytest.fixture
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yml").read_text()))


@pytest.fixture
def services(compose: dict[str, Any]) -> Services:
    return dict(compose["services"])


def known_variables() -> set[str]:
    """Return the names of the settings, and of what the agent files of swarmbot take from the operator."""
    settings = {f"SWARMBOT_{name.upper()}" for name in Settings.model_fields}
    return settings | {name for spec in agents.load().values() for name in spec.operator_settings}


def commands_of_the_program() -> set[str]:
    return {str(one.name or getattr(one.callback, "__name__", "")) for one in app.registered_commands}


def test_redis_is_published_nowhere_and_writes_before_it_answers(compose: dict[str, Any], services: Services) -> None:
    redis = services["redis"]
    assert "ports" not in redis
    assert redis["networks"] == ["backend"]
    assert compose["networks"]["backend"]["internal"] is True
    command = redis["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--appendfsync") + 1] == "always"
    assert any(volume.endswith(":/data") for volume in redis["volumes"])


def test_only_the_web_server_is_published_and_on_loopback(services: Services) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8080:8080"]}


def test_services_run_commands_that_the_program_has(services: Services) -> None:
    assert set(services) == {"redis", *OURS}
    for name in OURS:
        assert services[name]["command"] == [name]
        assert name in commands_of_the_program()


def test_every_variable_is_one_that_the_program_reads() -> None:
    texts = [(DEPLOY / name).read_text() for name in ("compose.yml", ".env.example", "Dockerfile")]
    used = {name for text in texts for name in re.findall(r"SWARMBOT_[A-Z0-9_]+", text)}
    assert len(used) > 5
    assert used <= known_variables()


def test_what_compose_asks_for_stands_in_the_example_file_without_a_value_that_works() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yml").read_text()))
    example = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / ".env.example").read_text(), re.MULTILINE))
    assert set(example) == asked
    assert {name: value for name, value in example.items() if value} == {"SWARMBOT_DEFAULT_AGENT": "shell"}


def test_secrets_are_files_and_nowhere_else(compose: dict[str, Any], services: Services) -> None:
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())
    for service in services.values():
        environment = service.get("environment", {})
        # An address of Redis with a password in it would be one, too.
        assert not any("@" in value for value in environment.values())
        assert "SWARMBOT_WEBHOOK_SECRET" not in environment
        files = {value for name, value in environment.items() if re.search(r"(SECRET|KEY)", name)}
        assert files == {f"/run/secrets/{name}" for name in service.get("secrets", [])}
    everything = (DEPLOY / "compose.yml").read_text() + (DEPLOY / "Dockerfile").read_text()
    assert not re.search(r"BEGIN [A-Z ]*PRIVATE KEY|gh[ps]_\w{8}|\b[0-9a-f]{32}", everything)


def test_each_secret_goes_only_where_it_is_needed(services: Services) -> None:
    assert services["web"]["secrets"] == ["webhook_secret"]
    assert services["worker"]["secrets"] == ["private_key"]


def test_nobody_turns_the_sandbox_off_but_the_operator(services: Services) -> None:
    assert services["worker"]["environment"]["SWARMBOT_SANDBOX"].startswith("${SWARMBOT_SANDBOX:?")


def test_containers_are_confined_and_come_back(services: Services) -> None:
    for name, service in services.items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] == ("no" if name == "check" else "unless-stopped")
    assert all(services[name]["init"] is True for name in OURS)


def test_the_image_is_built_of_what_the_ignore_file_lets_through() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    copied = [line.split()[1:-1] for line in dockerfile.splitlines() if re.match(r"COPY (?!--from)", line)]
    let_through = {line[1:] for line in (TOP / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {path for paths in copied for path in paths} == let_through
    assert all((TOP / path).exists() for path in let_through)


def test_the_image_is_pinned_installs_by_hash_and_is_no_root() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"python:3.12.12-slim-bookworm"}
    assert "--no-deps --require-hashes -r" in dockerfile
    assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE)[-1] == "10001:10001"
