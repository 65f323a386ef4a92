"""Who may import whom: the layers of DESIGN, held by reading the imports of every file."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PURE = {"core": {"core"}, "events": {"core", "events"}, "commands": {"core", "commands"}}
APART = ["github", "workspace", "terminal", "sandbox", "jobs/store"]
HEAVY = ["starlette", "redis", "githubkit", "git", "arq", "httpx", "pydantic", "pyghostty", "ptyprocess", "uvicorn"]


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            # `from swarmbot.jobs import lease` may name a module or a thing in one.
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def files(room: str) -> list[Path]:
    found = sorted((ROOT / "swarmbot" / room).rglob("*.py")) or [ROOT / "swarmbot" / f"{room}.py"]
    assert found[0].exists(), room
    return found


def test_the_pure_rooms_import_the_standard_library_msgspec_and_one_another_downward() -> None:
    for room, rooms in PURE.items():
        # Readers and writers of formats: they touch nothing.
        others = {"msgspec", "markdown_it", "yaml", "tomli_w"} if room == "core" else {"msgspec"}
        for path in files(room):
            for name in imports(path):
                top, _, rest = name.partition(".")
                if top == "swarmbot":
                    assert rest.split(".")[0] in rooms | {""}, f"{path} imports {name}"
                else:
                    assert top in sys.stdlib_module_names | others, f"{path} imports {name}"


def test_the_rooms_that_touch_the_world_do_not_know_one_another() -> None:
    modules = {room: f"swarmbot.{room.replace('/', '.')}" for room in APART}
    for room in APART:
        others = tuple(module for other, module in modules.items() if other != room)
        for path in files(room):
            known = [name for name in imports(path) if any(name == m or name.startswith(f"{m}.") for m in others)]
            assert not known, f"{path} imports {known}"


def test_only_the_queue_and_the_worker_know_arq() -> None:
    known = {str(p.relative_to(ROOT)) for p in files("") if any(n.split(".")[0] == "arq" for n in imports(p))}
    assert known == {"swarmbot/jobs/queue.py", "swarmbot/worker.py"}


def test_importing_the_core_loads_nothing_heavy() -> None:
    modules = [f"swarmbot.core.{path.stem}" for path in files("core") if path.stem != "__init__"]
    code = f"import sys, json\nimport {', '.join(modules)}\nprint(json.dumps([*sys.modules]))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert set(modules) <= set(loaded)
    assert [name for name in HEAVY if name in loaded] == []
