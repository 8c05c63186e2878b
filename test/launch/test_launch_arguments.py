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
from launch_ros.utilities import evaluate_parameters

_FOLDER = Path(__file__).resolve().parents[2] / "launch"


def description_of(name: str) -> LaunchDescription:
    return PythonLaunchDescriptionSource(str(_FOLDER / name)).get_launch_description(LaunchContext())


@pytest.mark.parametrize(
    ("name", "required", "optional"),
    [
        (
            "prediction.launch.py",
            set(),
            {"map", "map_config", "prediction_config", "visualization_config", "recording", "rviz", "use_sim_time"}
            | {"start_from", "sensor_suite", "odometry_topic", "detections_3d_topic", "detection_config"}
            | {"tracking_config"},
        ),
        (
            "replay.launch.py",
            {"bag"},
            {"rate", "start_offset", "loop", "paused", "agents_topic", "map", "rviz", "start_from", "sensor_suite"},
        ),
        (
            "simulation.launch.py",
            set(),
            {"seed", "rate", "duration_s", "loop", "network", "sensors", "tracks_range_m", "simulation_config", "rviz"}
            | {"start_from"},
        ),
    ],
)
def test_arguments_are_described(name, required, optional):
    arguments = {each.name: each for each in description_of(name).get_launch_arguments()}
    assert optional | required <= arguments.keys()
    assert {key for key in required | optional if arguments[key].default_value is None} == required
    assert all(each.description for each in arguments.values())


def nodes_of(context: LaunchContext, name: str = "prediction.launch.py") -> list[Node]:
    """The nodes of a launch file but for those that it includes, with its arguments declared in `context`."""
    nodes = []
    for entity in description_of(name).entities:
        if isinstance(entity, IncludeLaunchDescription):
            continue
        found = [entity] if isinstance(entity, Node) else entity.visit(context) or []
        nodes += [each for each in found if isinstance(each, Node)]
    return nodes


@pytest.mark.parametrize(("asked", "opens"), [(None, False), ("false", False), ("true", True)])
def test_rviz_opens_only_when_asked(asked, opens):
    context = LaunchContext()
    if asked is not None:
        context.launch_configurations["rviz"] = asked
    nodes = nodes_of(context)
    (rviz,) = (node for node in nodes if node.node_package == "rviz2")
    assert rviz.condition.evaluate(context) == opens
    others = [node for node in nodes if node is not rviz]
    assert {"map_node", "prediction_node", "visualization_node"} <= {node.node_executable for node in others}


@pytest.mark.parametrize(
    ("start_from", "sensing"),
    [(None, ["detection_node", "detection_node", "tracking_node"]), ("detections", ["tracking_node"]), ("tracks", [])],
)
def test_what_comes_in_decides_which_nodes_are_started(tmp_path, start_from, sensing):
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "sensors: {front: {modality: lidar, topic: /front/points}, eye: {modality: camera, topic: /eye/compressed, "
        "info_topic: /eye/info, detection: {image: {num_threads: 2}}}}"
    )
    context = LaunchContext()
    context.launch_configurations["sensor_suite"] = str(suite)
    if start_from is not None:
        context.launch_configurations["start_from"] = start_from
    nodes = nodes_of(context)
    found = [node for node in nodes if node.node_executable in ("detection_node", "tracking_node")]
    assert [node.node_executable for node in found] == sensing
    if start_from is None:
        parameters = [evaluate_parameters(context, node._Node__parameters)[1] for node in found[:2]]
        assert parameters[0] == {"modality": "lidar", "sensor_name": "front"}
        assert parameters[1] == {
            "modality": "camera", "sensor_name": "eye", "compressed": True, "image.num_threads": 2,
        }  # fmt: skip
        remapped = [dict(node.expanded_remapping_rules or node._Node__remappings) for node in found[:2]]
        assert {key: value for each in remapped for key, value in _performed(each, context).items()} == {
            "points": "/front/points", "image": "/eye/compressed", "camera_info": "/eye/info", "odometry": "odometry",
        }  # fmt: skip


def _performed(rules, context):
    def text(substitutions):
        return (
            substitutions
            if isinstance(substitutions, str)
            else "".join(each.perform(context) for each in substitutions)
        )

    return {text(key): text(value) for key, value in rules.items()}


def test_a_suite_with_a_mistake_is_told_and_starts_nothing(tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text("sensors: {front: {modality: lidar, topics: /front/points}}")
    context = LaunchContext()
    context.launch_configurations["sensor_suite"] = str(suite)
    with pytest.raises(ValueError, match=r"did you mean 'sensors\.front\.topic'"):
        nodes_of(context)


@pytest.mark.parametrize("asked", [None, "/maps/42"])
def test_a_map_on_the_command_line_comes_before_the_one_in_the_file_and_an_empty_one_does_not(asked):
    context = LaunchContext()
    if asked is not None:
        context.launch_configurations["map"] = asked
    map_node = next(node for node in nodes_of(context) if node.node_executable == "map_node")
    given = evaluate_parameters(context, map_node._Node__parameters)  # launch_ros has no public way
    names = [sorted(each) if isinstance(each, dict) else Path(each).name for each in given]
    assert names == ["map_node.yaml", *([["map_path"]] if asked else []), ["use_sim_time"]]
    values = [each["map_path"] for each in given if isinstance(each, dict) and "map_path" in each]
    assert values == ([asked] if asked else [])


def test_only_parameters_that_are_given_come_before_those_in_the_file_of_the_simulation():
    context = LaunchContext()
    context.launch_configurations.update({"seed": "7", "rate": "2", "network": "/maps/42"})
    (node,) = nodes_of(context, "simulation.launch.py")
    path, given = evaluate_parameters(context, node._Node__parameters)
    assert Path(path).name == "simulation_node.yaml"
    assert given == {"seed": 7, "rate": 2.0, "network": "/maps/42"}
    assert isinstance(given["rate"], float)
    nothing = LaunchContext()
    (node,) = nodes_of(nothing, "simulation.launch.py")
    assert len(evaluate_parameters(nothing, node._Node__parameters)) == 1


def test_from_sensors_the_simulation_tells_no_truth_as_tracks():
    context = LaunchContext()
    context.launch_configurations["start_from"] = "sensors"
    (node,) = nodes_of(context, "simulation.launch.py")
    _, given = evaluate_parameters(context, node._Node__parameters)
    assert given["tracks_range_m"] == 0.0 and Path(given["sensors"]).name == "sensor_suite_small.yaml"


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
