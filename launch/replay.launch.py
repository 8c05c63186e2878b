"""A recorded bag in: plays it with /clock, predicts, and shows what was predicted over what really happened.

Ends with the recording, unless `exit_at_end: false` stands in replay_config.

ros2 launch zoox_prediction replay.launch.py bag:=/path/to/recording rviz:=true
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription, OpaqueFunction, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node, SetRemap
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare


def _share(*parts):
    return PathJoinSubstitution([FindPackageShare("zoox_prediction"), *parts])


def _check_bag(context):
    """Before any process is started, for each of them would complain."""
    bag = Path(LaunchConfiguration("bag").perform(context))
    if not bag.exists():
        raise RuntimeError(f"bag:={bag} does not exist; give a rosbag2 folder, an .mcap or a .db3 file")


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
            GroupAction(
                [
                    SetRemap("tracked_agents", LaunchConfiguration("agents_topic")),
                    IncludeLaunchDescription(
                        PythonLaunchDescriptionSource(_share("launch", "prediction.launch.py")),
                        launch_arguments={
                            "use_sim_time": "true",
                            "rviz": LaunchConfiguration("rviz"),
                            "recording": LaunchConfiguration("bag"),
                            "map": LaunchConfiguration("map"),
                        }.items(),
                    ),
                ]
            ),
            Node(
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
                        # The nodes take a while to start and would miss the beginning; prediction and visualization.
                        "min_subscribers": 2,
                        "wait_for_subscribers": ParameterValue(
                            ["['", LaunchConfiguration("agents_topic"), "']"], value_type=list[str]
                        ),
                    },
                ],
            ),
        ]
    )
