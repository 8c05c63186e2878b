"""The rooms of the package only use those below them, and ROS is only used in two of them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_PACKAGE = "zoox_prediction"
_ROOT = Path(__file__).resolve().parents[2]
# Highest first. A module may import those of its own room and of the rooms below; rooms in one row stay apart.
_ROWS = (
    {"nodes"},
    {"ros", "cli"},
    {"demo"},
    {"visualization"},
    {"evaluation"},
    {"training"},
    {"prediction"},
    {"models"},
    {"raster"},
    {"tracking"},
    {"detection"},
    {"simulation"},
    {"recording"},
    {"transforms", "detections", "sensor_data"},
    {"scene"},
    {"maps"},
    {"config", "geometry", "progress", "resources", "restricted_pickle"},
    {"errors"},
)
_ROW_OF = {room: row for row, rooms in enumerate(_ROWS) for room in rooms}
_ROOMS_WITH_ROS = {"nodes", "ros"}
_ROS_PACKAGES = {
    "rclpy", "ament_index_python", "builtin_interfaces", "message_filters", "rosbag2_interfaces", "rosbag2_py",
    "rosidl_runtime_py", "std_srvs", "tf2_py", "tf2_ros", "tf_transformations", "launch", "launch_ros",
}  # fmt: skip
_PACKAGES_OF_TRAINING = {"torch", "lightning_fabric", "tensorboard"}  # need not be installed
_MODULES = sorted((_ROOT / _PACKAGE).rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(_ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(module: str) -> str | None:
    """`maps` for `zoox_prediction.maps.areas`; None for the package itself, whose __init__ anyone may import."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that the module imports, wherever in the file."""
    package = _name(path) if path.name == "__init__.py" else _name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def _is_ros(imported: str) -> bool:
    top = imported.partition(".")[0]
    generated = imported.startswith((f"{_PACKAGE}.msg", f"{_PACKAGE}.srv"))
    return top in _ROS_PACKAGES or top.endswith(("_msgs", "_srvs")) or generated


def _breaches(path: Path) -> Iterator[str]:
    room = _room(_name(path))
    if room is None:
        return
    for line, imported in _imports(path):
        where = f"{path.relative_to(_ROOT)}:{line} imports {imported}"
        if _is_ros(imported):
            if room not in _ROOMS_WITH_ROS:
                yield f"{where}: only {sorted(_ROOMS_WITH_ROS)} may use ROS"
        elif imported.split(".")[0] == _PACKAGE:
            used = _room(imported)
            if used in _ROW_OF and used != room and _ROW_OF[used] <= _ROW_OF[room]:
                yield f"{where}: {used} is not below {room}"


def test_every_room_has_its_place() -> None:
    rooms = {_room(_name(path)) for path in _MODULES} - {None}
    assert rooms <= set(_ROW_OF), "give a new room its place in the list above"


def test_imports_point_down() -> None:
    breaches = [breach for path in _MODULES for breach in _breaches(path)]
    assert not breaches, "\n".join(breaches)


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("maps", "from zoox_prediction.prediction import registry"),
        ("maps", "from ..prediction.registry import create_predictor"),
        ("geometry", "import zoox_prediction.config"),
        ("recording", "from zoox_prediction.msg import TrackedAgentArray"),
        ("evaluation", "def late():\n    import rclpy.node"),
    ],
)
def test_a_breach_is_noticed(room: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / _PACKAGE / room / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text(line, encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "_ROOT", tmp_path)
    assert len(list(_breaches(module))) == 1


_IMPORT_WITHOUT_ROS = """
import importlib, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in {ros!r} or top.endswith(("_msgs", "_srvs")) or name in ("zoox_prediction.msg", "zoox_prediction.srv"):
            raise ModuleNotFoundError(f"{{name}} is blocked", name=name)

sys.meta_path.insert(0, Blocked())
for module in {modules!r}:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in {optional!r}:
            raise
"""


def test_everything_but_ros_and_nodes_imports_without_ros() -> None:
    modules = [name for name in map(_name, _MODULES) if _room(name) not in _ROOMS_WITH_ROS]
    script = _IMPORT_WITHOUT_ROS.format(ros=_ROS_PACKAGES, optional=_PACKAGES_OF_TRAINING, modules=modules)
    done = subprocess.run([sys.executable, "-c", script], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_loads_no_heavy_library() -> None:
    script = (
        "import sys\nfrom zoox_prediction.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'scipy', 'pandas', 'cv2', 'matplotlib', 'torch', 'rosbags', 'lanelet2', 'rclpy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
