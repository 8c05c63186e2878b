"""A made-up town with its traffic, live: predicts what it does, and drives the ego by plans on /simulation_node/plan.

Needs SUMO: pip install 'zoox_prediction[sim]'. Ends with the simulation, which by default goes on for ever.

ros2 launch zoox_prediction simulation.launch.py seed:=7 rviz:=true
ros2 launch zoox_prediction simulation.launch.py rate:=0.5 \
    sensors:=$(ros2 pkg prefix --share zoox_prediction)/config/sensor_suite_small.yaml
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
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


def _simulation_node(context):
    asked = {
        name: ParameterValue(LaunchConfiguration(name), value_type=value_type)
        for name, (value_type, _) in _PARAMETERS.items()
        if LaunchConfiguration(name).perform(context)
    }
    return [
        Node(
            package="zoox_prediction",
            executable="simulation_node",
            output="screen",
            on_exit=Shutdown(reason="simulation_node has ended"),
            parameters=[LaunchConfiguration("simulation_config"), *([asked] if asked else [])],
        )
    ]


def generate_launch_description():
    arguments = [
        *(
            DeclareLaunchArgument(name, default_value="", description=f"{description}; empty: as in simulation_config")
            for name, (_, description) in _PARAMETERS.items()
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
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(_share("launch", "prediction.launch.py")),
                launch_arguments={"use_sim_time": "true", "rviz": LaunchConfiguration("rviz")}.items(),
            ),
            OpaqueFunction(function=_simulation_node),
        ]
    )
