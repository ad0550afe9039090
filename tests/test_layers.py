"""Imports between the rooms of echoes_lib only point downward; see docs/architecture.md."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "echoes_lib"
ROWS = {
    6: {"cli", "pipeline"},
    5: {"server", "deletion"},
    4: {"registry", "checks"},
    3: {"search", "evaluation"},
    2: {"reflections", "training", "chat"},
    1: {"models", "measures", "tracking"},
    0: {"params", "errors", "workspace", "progress", "code"},
}
ROW_OF = {room: row for row, rooms in ROWS.items() for room in rooms}
# Row 6 is one floor with two rooms: the commands call the chain.
NEIGHBOURS = {("cli", "pipeline")}
BELOW_ROW_0 = {"workspace": {"errors"}, "errors": set(), "code": set(), "progress": {"workspace"}}
LIGHT = ("models", "training", "chat")
HEAVY = ("mlflow", "papermill", "fastapi", "optuna", "sqlalchemy")


def imports():
    for path in sorted(ROOT.rglob("*.py")):
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
                if node.module == "echoes_lib":
                    names = [f"echoes_lib.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                raise AssertionError(f"{path}: write imports from echoes_lib in full")
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                if name.startswith("echoes_lib."):
                    yield path.relative_to(ROOT), room, name.split(".")[1]


def is_allowed(room, target):
    if target == room or (room, target) in NEIGHBOURS or target == "__version__":
        return True
    if ROW_OF[room] == 0:
        return target in BELOW_ROW_0.get(room, {"errors", "workspace"})
    return ROW_OF[target] < ROW_OF[room]


def test_every_folder_is_a_room():
    rooms = {p.stem for p in ROOT.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert rooms - {"__init__"} <= set(ROW_OF)


def test_imports_point_downward():
    found = list(imports())
    assert len(found) > 50
    wrong = [f"{p}: {room} imports {t}" for p, room, t in found if not is_allowed(room, t)]
    assert not wrong, "\n".join(wrong)


def test_the_rule_can_fail():
    assert not is_allowed("models", "chat")
    assert not is_allowed("training", "chat")
    assert not is_allowed("workspace", "params")
    assert is_allowed("search", "training")


def test_light_rooms_import_without_the_heavy_libraries():
    modules = [
        ".".join(("echoes_lib", *p.relative_to(ROOT).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        for room in LIGHT
        for p in sorted((ROOT / room).rglob("*.py"))
    ]
    code = (
        "import sys\n"
        f"for name in {HEAVY!r}: sys.modules[name] = None\n"
        f"for name in {modules!r}: __import__(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
