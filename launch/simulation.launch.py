"""A made-up town with its traffic, live: predicts what it does, and drives the ego by plans on /simulation_node/plan.

Needs SUMO: pip install 'zoox_prediction[sim]'. Ends with the simulation, which by default goes on for ever.

ros2 launch zoox_prediction simulation.launch.py seed:=7 rviz:=true
ros2 launch zoox_prediction simulation.launch.py start_from:=sensors rate:=0.5
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, TextSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

# Parameters of simulation_node that are arguments too; without one the YAML file counts.
_PARAMETERS = {
    "seed": (int, "of the first drive, from which all is drawn: town, traffic, weather"),
    "rate": (float, "simulated seconds per second, 1.0 is real time"),
    "duration_s": (float, "of a drive; then the next one begins, in another town [s]"),
    "loop": (bool, "go on with another drive after a drive's end; else all ends"),
    "network": (str, "SUMO network (.net.xml) to drive in instead of a made-up town"),
    "sensors": (str, "sensor suite (YAML) whose messages are published too"),
    "tracks_range_m": (float, "around the ego, of the truth on tracked_agents; 0.0: a tracker publishes them [m]"),
}


def _share(*parts):
    return PathJoinSubstitution([FindPackageShare("zoox_prediction"), *parts])


def _nodes(context):
    """From sensors, the truth is not published as tracks, and the small suite is there when none is named."""
    given = {name: LaunchConfiguration(name).perform(context) for name in _PARAMETERS}
    start_from = LaunchConfiguration("start_from").perform(context)
    if start_from == "sensors":
        given["sensors"] = given["sensors"] or _share("config", "sensor_suite_small.yaml").perform(context)
        given["tracks_range_m"] = "0.0"
    prediction = {"use_sim_time": "true", "rviz": LaunchConfiguration("rviz"), "start_from": start_from}
    if given["sensors"]:
        prediction["sensor_suite"] = given["sensors"]
    asked = {
        name: ParameterValue(TextSubstitution(text=value), value_type=_PARAMETERS[name][0])
        for name, value in given.items()
        if value
    }
    return [
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(_share("launch", "prediction.launch.py")),
            launch_arguments=prediction.items(),
        ),
        Node(
            package="zoox_prediction",
            executable="simulation_node",
            output="screen",
            on_exit=Shutdown(reason="simulation_node has ended"),
            parameters=[LaunchConfiguration("simulation_config"), *([asked] if asked else [])],
        ),
    ]


def generate_launch_description():
    arguments = [
        *(
            DeclareLaunchArgument(name, default_value="", description=f"{description}; empty: as in simulation_config")
            for name, (_, description) in _PARAMETERS.items()
        ),
        DeclareLaunchArgument(
            "start_from",
            default_value="tracks",
            choices=["sensors", "tracks"],
            description="what is predicted from: the truth within tracks_range_m, or what the sensors tell of it",
        ),
        DeclareLaunchArgument(
            "simulation_config",
            default_value=_share("config", "simulation_node.yaml"),
            description="YAML file with the parameters of simulation_node",
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
            OpaqueFunction(function=_nodes),
        ]
    )
