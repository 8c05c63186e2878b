"""What we use of tf_transformations, over transforms3d as the real one. Quaternions are (x, y, z, w)."""

from __future__ import annotations

import numpy as np
import transforms3d
from numpy.typing import ArrayLike, NDArray


def _wxyz(quaternion: ArrayLike) -> NDArray[np.float64]:
    return np.roll(np.asarray(quaternion, dtype=np.float64), 1)


def _xyzw(quaternion: ArrayLike) -> NDArray[np.float64]:
    return np.roll(np.asarray(quaternion, dtype=np.float64), -1)


def euler_from_quaternion(quaternion: ArrayLike, axes: str = "sxyz") -> tuple[float, float, float]:
    """Angles [rad] of a rotation; with the default axes fixed-axis roll, pitch, yaw."""
    first, second, third = transforms3d.euler.quat2euler(_wxyz(quaternion), axes=axes)
    return first, second, third


def quaternion_from_euler(ai: float, aj: float, ak: float, axes: str = "sxyz") -> NDArray[np.float64]:
    """The rotation by three angles [rad]; with the default axes fixed-axis roll, pitch, yaw."""
    return _xyzw(transforms3d.euler.euler2quat(ai, aj, ak, axes=axes))


def quaternion_matrix(quaternion: ArrayLike) -> NDArray[np.float64]:
    """(4, 4) homogeneous matrix of a rotation."""
    matrix = np.eye(4)
    matrix[:3, :3] = transforms3d.quaternions.quat2mat(_wxyz(quaternion))
    return matrix


def quaternion_from_matrix(matrix: ArrayLike) -> NDArray[np.float64]:
    """The rotation of a (4, 4) homogeneous matrix."""
    return _xyzw(transforms3d.quaternions.mat2quat(transforms3d.affines.decompose(np.asarray(matrix))[1]))


def quaternion_multiply(quaternion1: ArrayLike, quaternion0: ArrayLike) -> NDArray[np.float64]:
    """The rotation by quaternion0 and then by quaternion1."""
    return _xyzw(transforms3d.quaternions.qmult(_wxyz(quaternion1), _wxyz(quaternion0)))


def quaternion_inverse(quaternion: ArrayLike) -> NDArray[np.float64]:
    """The opposite rotation; the quaternion need not be of unit length."""
    return _xyzw(transforms3d.quaternions.qinverse(_wxyz(quaternion)))


def quaternion_slerp(quat0: ArrayLike, quat1: ArrayLike, fraction: float) -> NDArray[np.float64]:
    """Spherical linear interpolation along the shorter way, at `fraction` in [0, 1] (Shoemake 1985)."""
    start = np.asarray(quat0, dtype=np.float64) / np.linalg.norm(quat0)
    end = np.asarray(quat1, dtype=np.float64) / np.linalg.norm(quat1)
    cosine = float(np.dot(start, end))
    if cosine < 0.0:
        cosine, end = -cosine, -end
    angle = np.arccos(min(cosine, 1.0))
    if angle < 1e-9:  # the formula divides by sin(angle)
        return start
    return (np.sin((1.0 - fraction) * angle) * start + np.sin(fraction * angle) * end) / np.sin(angle)
