"""Where frames were in each other while a recording was made, from its transforms (REP-105)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from zoox_prediction.geometry import yaw_from_quaternion
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.messages import stamp_ns

_TRANSFORMS = "tf2_msgs/msg/TFMessage"

# A transform is not known farther than this from a moment at which it was recorded.
_MAX_AGE_NS = 500_000_000
_MAX_DEPTH = 32  # of the tree of frames; a longer chain is a circle


@dataclass(frozen=True)
class Pose:
    """`a_from_b` in space: the rotation, and where the origin of b lies in a [m]."""

    rotation: Rotation
    translation: NDArray[np.float64]  # (3,)

    @property
    def planar(self) -> NDArray[np.float64]:
        """(3,) x [m], y [m], yaw [rad]."""
        return np.array([*self.translation[:2], yaw_from_quaternion(self.rotation.as_quat())])

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(4, 4)"""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation.as_matrix(), self.translation
        return matrix

    def after(self, b_from_c: Pose) -> Pose:
        """a_from_c, this pose being a_from_b."""
        translation = self.translation + self.rotation.apply(b_from_c.translation)
        return Pose(self.rotation * b_from_c.rotation, translation)


@dataclass
class _Edge:
    """One frame in its parent over time."""

    parent: str
    static: bool
    stamps_ns: list[int] = field(default_factory=list)
    poses: list[tuple[float, ...]] = field(default_factory=list)  # x, y, z, then the quaternion x, y, z, w
    # What `_table` answered and for how many poses: all are added before the first is asked for.
    _cache: tuple[NDArray[np.int64], NDArray[np.float64], int] | None = field(default=None, repr=False)

    def at(self, stamp: int) -> Pose | None:
        """The pose at the stamp, interpolated; None when it was not recorded near it."""
        stamps, poses = self._table
        if self.static or len(stamps) == 1:
            near = self.static or abs(int(stamps[-1]) - stamp) <= _MAX_AGE_NS
            return Pose(Rotation.from_quat(poses[-1, 3:]), poses[-1, :3]) if near else None
        index = int(np.clip(np.searchsorted(stamps, stamp, side="right") - 1, 0, len(stamps) - 2))
        nearest = int(np.min(np.abs(stamps[index : index + 2] - stamp)))
        if nearest > _MAX_AGE_NS:
            return None
        span = int(stamps[index + 1] - stamps[index])
        fraction = float(np.clip((stamp - int(stamps[index])) / span, 0.0, 1.0))
        both = poses[index : index + 2]
        rotation = Slerp([0.0, 1.0], Rotation.from_quat(both[:, 3:]))(fraction)
        return Pose(rotation, (1.0 - fraction) * both[0, :3] + fraction * both[1, :3])

    @property
    def _table(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Stamps without repetition in rising order, and their poses (n, 7)."""
        if self._cache is None or self._cache[2] != len(self.stamps_ns):
            stamps, first = np.unique(np.array(self.stamps_ns, dtype=np.int64), return_index=True)
            self._cache = (stamps, np.array(self.poses)[first], len(self.stamps_ns))
        return self._cache[0], self._cache[1]


class TransformHistory:
    """The tree of frames of a recording."""

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}

    def add_message(self, message: Any, static: bool = False) -> None:
        """Takes in a tf2_msgs/TFMessage; transforms that are not finite or no rotation are left out."""
        for each in message.transforms:
            translation, rotation = each.transform.translation, each.transform.rotation
            self._add(each.header, each.child_frame_id, translation, rotation, static)

    def add_odometry(self, message: Any) -> None:
        """Takes in the pose of a nav_msgs/Odometry, unless a transform says where its child frame is."""
        pose = message.pose.pose
        self._add(message.header, message.child_frame_id or "base_link", pose.position, pose.orientation, False)

    def _add(self, header: Any, child: str, position: Any, orientation: Any, static: bool) -> None:
        child, parent = child.lstrip("/"), header.frame_id.lstrip("/")
        values = (position.x, position.y, position.z, orientation.x, orientation.y, orientation.z, orientation.w)
        if not np.all(np.isfinite(values)) or not np.linalg.norm(values[3:]) > 1e-6:
            return
        edge = self._edges.setdefault(child, _Edge(parent, static))
        if edge.parent == parent:  # a frame has one parent (REP-105): the first that was said
            edge.stamps_ns.append(stamp_ns(header.stamp))
            edge.poses.append(values)

    def stamps_ns(self, child: str) -> list[int]:
        """When a frame's pose in its parent was recorded, in rising order."""
        return sorted(set(self._edges[child].stamps_ns)) if child in self._edges else []

    def lookup(self, target: str, source: str, stamp: int) -> Pose | None:
        """`target_from_source` at the stamp [ns], target being above source in the tree; None when not known."""
        pose = Pose(Rotation.identity(), np.zeros(3))
        frame = source.lstrip("/")
        for _ in range(_MAX_DEPTH):
            if frame == target:
                return pose
            edge = self._edges.get(frame)
            step = edge.at(stamp) if edge is not None else None
            if edge is None or step is None:
                return None
            pose, frame = step.after(pose), edge.parent
        return None


def read_transforms(reader: BagReader, end_ns: int | None = None) -> TransformHistory:
    """The tree of frames of a recording, as far as its transforms before `end_ns` tell it."""
    history = TransformHistory()
    names = [name for name, topic in reader.topics.items() if topic.type == _TRANSFORMS]
    for recorded in reader.messages(names, end_ns=end_ns) if names else ():
        static = recorded.topic.endswith("tf_static") or reader.topics[recorded.topic].latched
        history.add_message(recorded.message, static)
    return history
