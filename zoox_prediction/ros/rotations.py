"""tf_transformations, or what stands in for it where the distribution's own is missing."""

try:
    from tf_transformations import (
        euler_from_quaternion,
        quaternion_from_euler,
        quaternion_from_matrix,
        quaternion_inverse,
        quaternion_matrix,
        quaternion_multiply,
        quaternion_slerp,
    )
except ImportError:
    from zoox_prediction.ros.standins.tf_transformations import (
        euler_from_quaternion,
        quaternion_from_euler,
        quaternion_from_matrix,
        quaternion_inverse,
        quaternion_matrix,
        quaternion_multiply,
        quaternion_slerp,
    )

__all__ = [
    "euler_from_quaternion",
    "quaternion_from_euler",
    "quaternion_from_matrix",
    "quaternion_inverse",
    "quaternion_matrix",
    "quaternion_multiply",
    "quaternion_slerp",
]
