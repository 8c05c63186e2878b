"""A recorded bag in: plays it with /clock, predicts, and shows what was predicted over what really happened.

Ends with the recording, unless `exit_at_end: false` stands in replay_config.

ros2 launch zoox_prediction replay.launch.py bag:=/path/to/recording rviz:=true
ros2 launch zoox_prediction replay.launch.py bag:=/path/to/recording start_from:=sensors
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node, SetRemap
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from zoox_prediction.detection.sensor_suite import load_sensor_suite

_PREDICTED = ["/predictions"]
_PASSED_ON = ("start_from", "sensor_suite", "odometry_topic", "rviz", "map")


def _share(*parts):
    return PathJoinSubstitution([FindPackageShare("zoox_prediction"), *parts])


def _check_bag(context):
    """Before any process is started, for each of them would complain."""
    bag = Path(LaunchConfiguration("bag").perform(context))
    if not bag.exists():
        raise RuntimeError(f"bag:={bag} does not exist; give a rosbag2 folder, an .mcap or a .db3 file")


def _nodes(context):
    """The nodes of prediction.launch.py and the player; what the nodes make themselves is not played."""
    start_from = LaunchConfiguration("start_from").perform(context)
    agents_topic = LaunchConfiguration("agents_topic").perform(context)
    if start_from == "tracks":
        first, made, awaited, subscribers = SetRemap("tracked_agents", agents_topic), _PREDICTED, [agents_topic], 2
    else:
        awaited = ["/detections"]
        if start_from == "sensors":
            suite = load_sensor_suite(LaunchConfiguration("sensor_suite").perform(context))
            awaited = [sensor.topics.topic for sensor in suite]
        made = [*_PREDICTED, "/tracked_agents", *(["/detections"] if start_from == "sensors" else [])]
        first, subscribers = LogInfo(msg=f"start_from:={start_from}, tracks are those of tracking_node"), 1
    given = {
        name: LaunchConfiguration(name) for name in ("start_from", "sensor_suite", "odometry_topic", "rviz", "map")
    }
    prediction = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(_share("launch", "prediction.launch.py")),
        launch_arguments={**given, "use_sim_time": "true", "recording": LaunchConfiguration("bag")}.items(),
    )
    return [GroupAction([first, prediction]), _replay_node(made, awaited, subscribers)]


def _replay_node(excluded, awaited, subscribers):
    """The nodes take a while to start and would miss the beginning: it waits for their subscriptions."""
    return Node(
        package="zoox_prediction",
        executable="replay_node",
        output="screen",
        on_exit=Shutdown(reason="replay_node has ended"),
        parameters=[
            LaunchConfiguration("replay_config"),
            {
                "bag": ParameterValue(LaunchConfiguration("bag"), value_type=str),
                "rate": ParameterValue(LaunchConfiguration("rate"), value_type=float),
                "start_offset": ParameterValue(LaunchConfiguration("start_offset"), value_type=float),
                "loop": LaunchConfiguration("loop"),
                "paused": LaunchConfiguration("paused"),
                "exclude_topics": excluded,
                "wait_for_subscribers": awaited,
                "min_subscribers": subscribers,
            },
        ],
    )


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument("bag", description="folder of the rosbag2 recording to play"),
        DeclareLaunchArgument("rate", default_value="1.0", description="speed of playing, 1.0 is real time"),
        DeclareLaunchArgument("start_offset", default_value="0.0", description="where to start [s]"),
        DeclareLaunchArgument(
            "loop", default_value="false", choices=["true", "false"], description="start again at the end"
        ),
        DeclareLaunchArgument(
            "paused", default_value="false", choices=["true", "false"], description="wait for the service ~/resume"
        ),
        DeclareLaunchArgument(
            "start_from",
            default_value="tracks",
            choices=["sensors", "detections", "tracks"],
            description="what is taken from the recording: its tracks, or what the tracks are made of",
        ),
        DeclareLaunchArgument(
            "sensor_suite",
            default_value=_share("config", "sensor_suite.yaml"),
            description="YAML file of the recorded sensors with topics, frames and modality",
        ),
        DeclareLaunchArgument(
            "odometry_topic", default_value="odometry", description="nav_msgs/Odometry of the recorded vehicle"
        ),
        DeclareLaunchArgument(
            "agents_topic",
            default_value="/ground_truth/agents",
            description="topic of the recording that stands in for the tracker's /tracked_agents",
        ),
        DeclareLaunchArgument(
            "map", default_value="", description="road map for a recording that has none; empty: the recorded one"
        ),
        DeclareLaunchArgument(
            "replay_config",
            default_value=_share("config", "replay_node.yaml"),
            description="YAML file with the parameters of replay_node",
        ),
        DeclareLaunchArgument(
            "rviz",
            default_value="false",
            choices=["true", "false"],
            description="open RViz with config/prediction.rviz",
        ),
    ]
    return LaunchDescription(
        [
            *arguments,
            OpaqueFunction(function=_check_bag),
            OpaqueFunction(function=_nodes),
        ]
    )
