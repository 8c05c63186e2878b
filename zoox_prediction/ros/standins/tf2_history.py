"""The past of one frame relative to its parent, and the errors of looking it up, as tf2 has them."""

from __future__ import annotations

import bisect

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

Pose = tuple[NDArray[np.float64], NDArray[np.float64]]  # translation (3,) [m], unit quaternion (4,) x, y, z, w


class TransformException(Exception):  # noqa: N818  # the names are those of tf2
    """Any failure of a lookup."""


class LookupException(TransformException):
    """A frame that nobody has published."""


class ConnectivityException(TransformException):
    """Two frames without a common root."""


class ExtrapolationException(TransformException):
    """A time before or after what the buffer holds."""


class InvalidArgumentException(TransformException):
    """A malformed frame id."""


def multiply(first: Pose, second: Pose) -> Pose:
    """a_from_c of a_from_b and b_from_c."""
    rotation = Rotation.from_quat(first[1])
    return first[0] + rotation.apply(second[0]), (rotation * Rotation.from_quat(second[1])).as_quat()


def invert(translation: NDArray[np.float64], rotation: NDArray[np.float64]) -> Pose:
    """b_from_a of a_from_b."""
    inverse = Rotation.from_quat(rotation).inv()
    return -inverse.apply(translation), inverse.as_quat()


class FrameHistory:
    """parent_from_child of one child frame over the last `cache_time_ns`, or for ever when static."""

    def __init__(self, static: bool, cache_time_ns: int) -> None:
        self.static = static
        self._cache_time_ns = cache_time_ns
        self._stamps: list[int] = []  # ascending
        self._links: list[tuple[str, Pose]] = []  # parent and pose at each stamp

    @property
    def newest(self) -> tuple[int, str] | None:
        """The newest stamp (0 when static) and the parent then; None when nothing is known."""
        if not self._stamps:
            return None
        return (0 if self.static else self._stamps[-1]), self._links[-1][0]

    def clear(self) -> None:
        if not self.static:
            self._stamps.clear()
            self._links.clear()

    def insert(
        self, stamp_ns: int, parent: str, translation: NDArray[np.float64], rotation: NDArray[np.float64]
    ) -> bool:
        """Adds a pose; False when it is older than the cache reaches."""
        link = (parent, (translation, rotation))
        if self.static:
            self._stamps, self._links = [stamp_ns], [link]
            return True
        if self._stamps and stamp_ns < self._stamps[-1] - self._cache_time_ns:
            return False
        row = bisect.bisect_left(self._stamps, stamp_ns)
        if row < len(self._stamps) and self._stamps[row] == stamp_ns:
            self._links[row] = link
        else:
            self._stamps.insert(row, stamp_ns)
            self._links.insert(row, link)
        expired = bisect.bisect_left(self._stamps, self._stamps[-1] - self._cache_time_ns)
        del self._stamps[:expired], self._links[:expired]
        return True

    def at(self, time_ns: int) -> tuple[str, NDArray[np.float64], NDArray[np.float64]]:
        """Parent, translation and rotation at a time, interpolated; raises ExtrapolationException outside the cache."""
        if self.static:
            parent, pose = self._links[0]
            return parent, *pose
        if not self._stamps:
            raise ExtrapolationException(f"requested time {time_ns * 1e-9:.6f} but the buffer is empty")
        if not self._stamps[0] <= time_ns <= self._stamps[-1]:
            raise ExtrapolationException(
                f"requested time {time_ns * 1e-9:.6f} lies outside the known "
                f"{self._stamps[0] * 1e-9:.6f} to {self._stamps[-1] * 1e-9:.6f}"
            )
        after = bisect.bisect_left(self._stamps, time_ns)
        parent, pose = self._links[after]
        if self._stamps[after] == time_ns:
            return parent, *pose
        earlier_parent, earlier = self._links[after - 1]
        if earlier_parent != parent:  # the frame changed hands in between: the older link still holds
            return earlier_parent, *earlier
        span_ns = self._stamps[after] - self._stamps[after - 1]
        fraction = (time_ns - self._stamps[after - 1]) / span_ns
        rotation = Slerp([0.0, 1.0], Rotation.from_quat([earlier[1], pose[1]]))(fraction).as_quat()
        return parent, (1.0 - fraction) * earlier[0] + fraction * pose[0], rotation
