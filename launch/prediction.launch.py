"""On the vehicle: a map file, tracked agents, odometry and signals in, predictions and RViz markers out.

ros2 launch zoox_prediction prediction.launch.py map:=/maps/town.osm
ros2 launch zoox_prediction prediction.launch.py --show-args
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare


def _config(file_name):
    return PathJoinSubstitution([FindPackageShare("zoox_prediction"), "config", file_name])


def _text(argument):
    """The argument as a string parameter, even when it is empty or looks like a number."""
    return ParameterValue(LaunchConfiguration(argument), value_type=str)


def _map_node(context):
    """Without `map:=` the map_path of the YAML file counts."""
    asked = [{"map_path": _text("map")}] if LaunchConfiguration("map").perform(context) else []
    return [
        Node(
            package="zoox_prediction",
            executable="map_node",
            output="screen",
            parameters=[
                LaunchConfiguration("map_config"),
                *asked,
                {"use_sim_time": LaunchConfiguration("use_sim_time")},
            ],
        )
    ]


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument(
            "map",
            default_value="",
            description="road map (Lanelet2 .osm, SUMO .net.xml, Argoverse 2 .json) for map_node to start with; empty: "
            "map_path of map_config",
        ),
        DeclareLaunchArgument(
            "map_config",
            default_value=_config("map_node.yaml"),
            description="YAML file with the parameters of map_node",
        ),
        DeclareLaunchArgument(
            "prediction_config",
            default_value=_config("prediction_node.yaml"),
            description="YAML file with the parameters of prediction_node",
        ),
        DeclareLaunchArgument(
            "visualization_config",
            default_value=_config("visualization_node.yaml"),
            description="YAML file with the parameters of visualization_node",
        ),
        DeclareLaunchArgument(
            "recording",
            default_value="",
            description="bag that is being played; visualization_node draws what really happened from it",
        ),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value="false",
            choices=["true", "false"],
            description="take the time from /clock, as with `ros2 bag play --clock`",
        ),
        DeclareLaunchArgument(
            "visualize",
            default_value="true",
            choices=["true", "false"],
            description="publish markers for RViz",
        ),
        DeclareLaunchArgument(
            "rviz",
            default_value="false",
            choices=["true", "false"],
            description="open RViz with config/prediction.rviz",
        ),
    ]
    sim_time = {"use_sim_time": LaunchConfiguration("use_sim_time")}
    return LaunchDescription(
        [
            *arguments,
            OpaqueFunction(function=_map_node),
            Node(
                package="zoox_prediction",
                executable="prediction_node",
                output="screen",
                parameters=[LaunchConfiguration("prediction_config"), sim_time],
            ),
            Node(
                package="zoox_prediction",
                executable="visualization_node",
                output="screen",
                parameters=[
                    LaunchConfiguration("visualization_config"),
                    {"recording": _text("recording")},
                    sim_time,
                ],
                condition=IfCondition(LaunchConfiguration("visualize")),
            ),
            Node(
                package="rviz2",
                executable="rviz2",
                arguments=["-d", _config("prediction.rviz")],
                parameters=[sim_time],
                condition=IfCondition(LaunchConfiguration("rviz")),
            ),
        ]
    )
