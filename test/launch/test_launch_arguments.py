"""What the launch files offer and refuse, without starting a node."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from launch import LaunchContext, LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.event_handlers import OnProcessStart
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node

_FOLDER = Path(__file__).resolve().parents[2] / "launch"


def description_of(name: str) -> LaunchDescription:
    return PythonLaunchDescriptionSource(str(_FOLDER / name)).get_launch_description(LaunchContext())


@pytest.mark.parametrize(
    ("name", "required", "optional"),
    [
        ("prediction.launch.py", set(), {"map_path", "prediction_config", "recording", "rviz", "use_sim_time"}),
        ("replay.launch.py", {"bag"}, {"rate", "start_offset", "loop", "paused", "agents_topic", "rviz"}),
    ],
)
def test_arguments_are_described(name, required, optional):
    arguments = {each.name: each for each in description_of(name).get_launch_arguments()}
    assert optional | required <= arguments.keys()
    assert {key for key in required | optional if arguments[key].default_value is None} == required
    assert all(each.description for each in arguments.values())


@pytest.mark.parametrize(("asked", "opens"), [(None, False), ("false", False), ("true", True)])
def test_rviz_opens_only_when_asked(asked, opens):
    context = LaunchContext()
    if asked is not None:
        context.launch_configurations["rviz"] = asked
    nodes = []
    for entity in description_of("prediction.launch.py").entities:
        if isinstance(entity, Node):
            nodes.append(entity)
        else:
            entity.visit(context)  # declares the argument
    (rviz,) = (node for node in nodes if node.node_package == "rviz2")
    assert rviz.condition.evaluate(context) == opens
    others = [node for node in nodes if node is not rviz]
    assert [node.node_executable for node in others] == ["prediction_node", "visualization_node"]


def test_a_bag_that_does_not_exist_starts_nothing(caplog, tmp_path):
    logging.getLogger("launch").addHandler(caplog.handler)  # it does not propagate
    started = []
    service = LaunchService(noninteractive=True)
    service.context.register_event_handler(OnProcessStart(on_start=lambda event, _: started.append(event.cmd)))
    source = PythonLaunchDescriptionSource(str(_FOLDER / "replay.launch.py"))
    bag = str(tmp_path / "none.bag")
    service.include_launch_description(IncludeLaunchDescription(source, launch_arguments={"bag": bag}.items()))
    assert service.run() == 1
    assert started == []
    assert f"bag:={bag} does not exist" in caplog.text
