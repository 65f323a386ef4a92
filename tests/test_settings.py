"""Settings: what is missing or cannot be used is named with its cure, and what is secret stays so."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmbot.demo.github import make_private_key
from swarmbot.settings import Settings, SettingsError, load


@pytest.fixture(autouse=True)
def no_settings_of_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("SWARMBOT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("the secret\n")
    path.chmod(0o600)
    return path


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMBOT_PORT", "9000")
    monkeypatch.setenv("SWARMBOT_APP_ID", "7")
    settings = load()
    assert (settings.port, settings.app_id, settings.sandbox) == (9000, 7, "required")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "many"),
        ("PORT", "70000"),
        ("APP_ID", "x"),
        ("SANDBOX", "maybe"),
        ("MAX_SESSIONS", "0"),
        ("SILENCE_S", "-1"),
        ("JOB_TIMEOUT_S", "0"),
    ],
)
def test_a_value_that_does_not_fit_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"SWARMBOT_{name}", value)
    with pytest.raises(SettingsError, match=f"SWARMBOT_{name}: "):
        load()


def test_several_that_do_not_fit_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMBOT_PORT", "many")
    monkeypatch.setenv("SWARMBOT_APP_ID", "x")
    with pytest.raises(SettingsError) as refused:
        load()
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_refused_with_the_cure(secret_file: Path, mode: int) -> None:
    secret_file.chmod(mode)
    settings = Settings(app_id=1, private_key_file=secret_file, webhook_secret_file=secret_file)
    with pytest.raises(SettingsError, match=f"SWARMBOT_PRIVATE_KEY_FILE: .*chmod 600 {secret_file}"):
        settings.private_key()
    with pytest.raises(SettingsError, match=f"SWARMBOT_WEBHOOK_SECRET_FILE: .*chmod 600 {secret_file}"):
        settings.secrets()


def test_private_files_are_read(secret_file: Path, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text(make_private_key())
    key.chmod(0o600)
    settings = Settings(app_id=1, private_key_file=key, webhook_secret_file=secret_file)
    assert settings.private_key() == key.read_text()
    assert settings.secrets() == [b"the secret"]


def test_a_key_that_is_no_key_is_refused(secret_file: Path) -> None:
    with pytest.raises(SettingsError, match=r"SWARMBOT_PRIVATE_KEY_FILE: .*no private key"):
        Settings(app_id=1, private_key_file=secret_file).private_key()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SWARMBOT_APP_ID and SWARMBOT_PRIVATE_KEY_FILE"):
        Settings().private_key()
    with pytest.raises(SettingsError, match="SWARMBOT_WEBHOOK_SECRET_FILE"):
        Settings().secrets()
    with pytest.raises(SettingsError, match=r"SWARMBOT_PRIVATE_KEY_FILE: .*gone.*No such file"):
        Settings(app_id=1, private_key_file=tmp_path / "gone").private_key()


def test_an_empty_secret_is_no_secret(secret_file: Path) -> None:
    secret_file.write_text("\n")
    with pytest.raises(SettingsError, match="SWARMBOT_WEBHOOK_SECRET_FILE"):
        Settings(webhook_secret_file=secret_file).secrets()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMBOT_WEBHOOK_SECRET", "do not show me")
    settings = load()
    assert settings.secrets() == [b"do not show me"]
    assert "do not show me" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_the_folder_is_real_and_absolute(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert Settings(home=tmp_path / "link").folder == (tmp_path / "real").resolve()
    assert Settings(home=Path("~/x")).folder == (Path.home() / "x").resolve()


def test_the_folder_is_made_for_its_owner_alone_or_said_to_be_impossible(tmp_path: Path) -> None:
    Settings(home=tmp_path / "a" / "b").make_folder()
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"SWARMBOT_HOME: .*file/x cannot be written"):
        Settings(home=tmp_path / "file" / "x").make_folder()
