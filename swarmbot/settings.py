"""What an operator can set, by environment variables that begin with ``SWARMBOT_``."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(ValueError):
    """A setting is missing or cannot be used; the text says which one and what to do."""


class Settings(BaseSettings):
    """All settings. Each is the variable ``SWARMBOT_<NAME IN CAPITALS>``."""

    model_config = SettingsConfigDict(env_prefix="SWARMBOT_", extra="ignore", frozen=True)

    home: Path = Field(default=Path("~/.swarmbot"), description="Folder for all data: mirrors, checkouts, recordings")
    redis_url: str = Field(default="", description="redis:// or unix:// address; empty: `up` starts one of its own")

    app_id: int | None = Field(default=None, description="The GitHub App's id")
    app_slug: str = Field(default="swarmbot", description="The App's name in its address; what @mentions use")
    private_key_file: Path | None = Field(default=None, description="File with the App's private key (PEM, mode 0600)")
    webhook_secret: SecretStr = Field(default=SecretStr(""), description="The App's webhook secret")
    webhook_secret_file: Path | None = Field(default=None, description="File that holds the secret instead")
    github_api_url: str = Field(default="https://api.github.com", description="Another one for Enterprise Server")
    github_url: str = Field(default="https://github.com", description="Where repositories are cloned from")

    host: str = Field(default="127.0.0.1", description="Address that the web server listens on")
    port: int = Field(default=8080, ge=0, le=65535, description="Port that the web server listens on; 0: a free one")

    sandbox: Literal["required", "auto", "off"] = Field(default="required", description="How agents are confined")
    default_agent: str = Field(default="shell", description="The agent of a plain `/agent fix`")
    autonomy: Literal["ask", "edits", "full"] = Field(
        default="edits", description="The most that agents may do unasked: nothing, edit files, or everything"
    )
    programs: Path | None = Field(
        default=None,
        description="Folder of agents' programs, looked in before the PATH; empty: where `make agents` puts them",
    )
    agents_dir: Path | None = Field(default=None, description="Folder with agent files of your own")
    max_sessions: int = Field(default=4, ge=1, le=200, description="Jobs that one worker runs at once")
    silence_s: float = Field(default=600, gt=0, description="Longest time without output of an agent, seconds")
    job_timeout_s: float = Field(default=3600, gt=0, description="Longest time for an agent's run, seconds")

    @property
    def folder(self) -> Path:
        """``home`` with ``~`` and links resolved: agents' trust files hold real paths."""
        return self.home.expanduser().resolve()

    @property
    def programs_folder(self) -> Path | None:
        """The folder of agents' programs with ``~`` resolved; None where there is none."""
        folder = (self.programs or agents_cache() / "bin").expanduser()
        return folder if folder.is_dir() else None

    def make_folder(self) -> None:
        """Make the folder for all data, only for its owner. Raises :class:`SettingsError` where that cannot be."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise SettingsError(f"SWARMBOT_HOME: {self.folder} cannot be written: {error.strerror}") from error

    def private_key(self) -> str:
        """Return the App's private key, which is one. Raises :class:`SettingsError`."""
        if self.app_id is None or self.private_key_file is None:
            raise SettingsError("No GitHub App is configured: set SWARMBOT_APP_ID and SWARMBOT_PRIVATE_KEY_FILE.")
        text = _read_private(self.private_key_file, "SWARMBOT_PRIVATE_KEY_FILE")
        try:
            load_pem_private_key(text.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise SettingsError(
                f"SWARMBOT_PRIVATE_KEY_FILE: {self.private_key_file} holds no private key in PEM form; "
                "download one from the App's page on GitHub."
            ) from None
        return text

    def secrets(self) -> list[bytes]:
        """Return the webhook secrets that are valid. Raises :class:`SettingsError` when there is none."""
        if self.webhook_secret_file is not None:
            secret = _read_private(self.webhook_secret_file, "SWARMBOT_WEBHOOK_SECRET_FILE").strip()
            if not secret:
                raise SettingsError(f"SWARMBOT_WEBHOOK_SECRET_FILE: {self.webhook_secret_file} is empty.")
            return [secret.encode()]
        if not self.webhook_secret.get_secret_value():
            raise SettingsError("No webhook secret: set SWARMBOT_WEBHOOK_SECRET_FILE (or SWARMBOT_WEBHOOK_SECRET).")
        return [self.webhook_secret.get_secret_value().encode()]


def agents_cache() -> Path:
    """Return the folder that ``make agents`` installs into (``deploy/programs/install.py``)."""
    if named := os.environ.get("SWARMBOT_AGENTS_CACHE"):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "swarmbot/agents"


def load() -> Settings:
    """Read the settings from the environment. Raises :class:`SettingsError`."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"SWARMBOT_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def _read_private(path: Path, setting: str) -> str:
    try:
        if path.expanduser().stat().st_mode & 0o077:
            raise SettingsError(f"{setting}: others may read {path}; run: chmod 600 {path}")
        return path.expanduser().read_text()
    except OSError as error:
        raise SettingsError(f"{setting}: {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{setting}: {path} is no text file") from error
