"""Stand-ins for packages of a ROS distribution, for machines whose ROS comes from wheels without them.

Each has the same names and behaviour as the real package for the parts that this package uses; import them through
`zoox_prediction.ros.tf`, `.synchronizers` and `.rotations`, which take the real ones wherever they can be imported.
"""
