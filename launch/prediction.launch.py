"""On the vehicle: sensors, a map file, odometry and signals in, predictions and RViz markers out.

ros2 launch zoox_prediction prediction.launch.py map:=/maps/town.osm sensor_suite:=/etc/vehicle/sensor_suite.yaml
ros2 launch zoox_prediction prediction.launch.py map:=/maps/town.osm start_from:=detections
ros2 launch zoox_prediction prediction.launch.py map:=/maps/town.osm start_from:=tracks
ros2 launch zoox_prediction prediction.launch.py --show-args
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from zoox_prediction.detection.sensor_suite import load_sensor_suite


def _config(file_name):
    return PathJoinSubstitution([FindPackageShare("zoox_prediction"), "config", file_name])


def _text(argument):
    """The argument as a string parameter, even when it is empty or looks like a number."""
    return ParameterValue(LaunchConfiguration(argument), value_type=str)


def _node(executable, parameters, **options):
    sim_time = {"use_sim_time": LaunchConfiguration("use_sim_time")}
    return Node(
        package="zoox_prediction",
        executable=executable,
        output="screen",
        parameters=[*parameters, sim_time],
        **options,
    )


def _map_node(context):
    """Without `map:=` the map_path of the YAML file counts."""
    asked = [{"map_path": _text("map")}] if LaunchConfiguration("map").perform(context) else []
    return [_node("map_node", [LaunchConfiguration("map_config"), *asked])]


def _detection_nodes(context):
    """One for each sensor of the suite, named after it."""
    if LaunchConfiguration("start_from").perform(context) != "sensors":
        return []
    nodes = [sensor.node() for sensor in load_sensor_suite(LaunchConfiguration("sensor_suite").perform(context))]
    odometry = [("odometry", LaunchConfiguration("odometry_topic"))]
    return [
        _node(
            "detection_node",
            [LaunchConfiguration("detection_config"), dict(node.parameters)],
            name=node.name,
            remappings=[*node.remappings.items(), *odometry],
        )
        for node in nodes
    ]


def _tracking_node(context):
    start_from = LaunchConfiguration("start_from").perform(context)
    if start_from == "tracks":
        return []
    own = [{"detections_3d": True}] if start_from == "detections" else []
    remappings = [
        ("odometry", LaunchConfiguration("odometry_topic")),
        ("detections_3d", LaunchConfiguration("detections_3d_topic")),
    ]
    return [_node("tracking_node", [LaunchConfiguration("tracking_config"), *own], remappings=remappings)]


def _arguments():
    return [
        DeclareLaunchArgument(
            "start_from",
            default_value="sensors",
            choices=["sensors", "detections", "tracks"],
            description="what comes in: topics of the sensors in sensor_suite; /detections (and boxes of another "
            "detector on detections_3d_topic); or /tracked_agents of another tracker",
        ),
        DeclareLaunchArgument(
            "sensor_suite",
            default_value=_config("sensor_suite.yaml"),
            description="YAML file of the vehicle's sensors with topics, frames and modality",
        ),
        DeclareLaunchArgument(
            "odometry_topic",
            default_value="odometry",
            description="nav_msgs/Odometry of the vehicle",
        ),
        DeclareLaunchArgument(
            "detections_3d_topic",
            default_value="detections_3d",
            description="vision_msgs/Detection3DArray of a detector of yours, taken where that package is installed",
        ),
        DeclareLaunchArgument(
            "map",
            default_value="",
            description="road map (Lanelet2 .osm, SUMO .net.xml, Argoverse 2 .json) for map_node to start with; empty: "
            "map_path of map_config",
        ),
        *(
            DeclareLaunchArgument(
                f"{name}_config",
                default_value=_config(f"{name}_node.yaml"),
                description=f"YAML file with the parameters of {name}_node",
            )
            for name in ("map", "detection", "tracking", "prediction", "visualization")
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


def generate_launch_description():
    return LaunchDescription(
        [
            *_arguments(),
            OpaqueFunction(function=_map_node),
            OpaqueFunction(function=_detection_nodes),
            OpaqueFunction(function=_tracking_node),
            _node(
                "prediction_node",
                [LaunchConfiguration("prediction_config")],
                remappings=[("odometry", LaunchConfiguration("odometry_topic"))],
            ),
            _node(
                "visualization_node",
                [LaunchConfiguration("visualization_config"), {"recording": _text("recording")}],
                condition=IfCondition(LaunchConfiguration("visualize")),
            ),
            Node(
                package="rviz2",
                executable="rviz2",
                arguments=["-d", _config("prediction.rviz")],
                parameters=[{"use_sim_time": LaunchConfiguration("use_sim_time")}],
                condition=IfCondition(LaunchConfiguration("rviz")),
            ),
        ]
    )
