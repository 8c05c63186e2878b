"""Lights of tracked vehicles in the pictures of a camera: where their lamps are in it, and what these show.

The tracker tells where vehicles are, so that their lights are seen whether or not a network finds the vehicles in the
picture. Lamps are at the sides of a vehicle's rear and front: of each vehicle the face that looks at the camera is
looked at, which has the lamps at its edges however the vehicle stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.bearings import pixels
from zoox_prediction.detection.image.boxes import area, intersection
from zoox_prediction.detection.image.lights import LightConfig, LightTracker
from zoox_prediction.detections import TrackAttributes
from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.scene import AgentClass, Attribute, TrackedAgents
from zoox_prediction.sensor_data import CameraModel

FloatArray = NDArray[np.float64]

_CLASSES = (AgentClass.CAR, AgentClass.TRUCK, AgentClass.BUS)  # motorcycles have their lamps in the middle
_LEAST_FACING = 0.4  # cosine between the face's normal and the line of sight
_MOST_HIDDEN = 0.1  # of the face, by what is nearer
_NEAREST_M = 1.0
_FORWARD_MPS, _SURE_DEVIATIONS = 1.5, 3.0  # who drives so fast is known to have its front ahead
_MOST_TURN_RAD = 1.0  # from one message to the next
_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_EITHER_WAY = Attribute.BRAKE_LIGHT | Attribute.HAZARD
_INDICATORS = Attribute.LEFT_INDICATOR | Attribute.RIGHT_INDICATOR | Attribute.HAZARD


@dataclass(frozen=True)
class _Faces:
    """Of F vehicles the rear or the front."""

    rows: NDArray[np.int64]  # (F,) of the tracks
    box: FloatArray  # (F, 4) left, top, right, bottom in pixels
    from_behind: NDArray[np.bool_]  # (F,)


class TrackLights:
    """The lights of one camera's vehicles over time."""

    def __init__(self, config: LightConfig | None = None) -> None:
        self._config = config or LightConfig()
        self._lights = LightTracker(self._config)
        self._driven: dict[int, float] = {}  # yaw by the ids of tracks that were seen to drive

    def reset(self) -> None:
        self._lights.reset()
        self._driven.clear()

    def look(
        self,
        stamp_ns: int,
        image: NDArray[np.uint8],
        camera: CameraModel,
        map_from_camera: FloatArray,
        tracks: TrackedAgents,
    ) -> TrackAttributes:
        """What vehicles of `tracks`, told of shortly before or after, show in a picture (H, W, 3) blue, green, red.

        map_from_camera (4, 4) is the pose of the optical frame at the stamp in the frame of the tracks. A vehicle that
        has not driven yet may stand the other way round than its track: of it lit brake lights alone are told, which
        no front has, and hazard lights.
        """
        dt_s = (stamp_ns - tracks.stamp_ns) * 1e-9
        if abs(dt_s) > self._config.max_track_age_s or not len(tracks):
            return TrackAttributes.empty()
        self._see_driving(tracks)
        faces = self._faces(tracks, dt_s, camera, map_from_camera)
        # The rear and the front of a vehicle have their own lamps.
        keys = 2 * tracks.ids[faces.rows] + faces.from_behind
        lights = self._lights.update(stamp_ns, image, keys, faces.box, faces.from_behind)
        ids = np.tile(tracks.ids[faces.rows], 2)
        bits = np.repeat(np.array([Attribute.BRAKE_LIGHT, _INDICATORS], dtype=np.uint32), len(faces.rows))
        on, known = np.tile(lights.attributes, 2) & bits, np.tile(lights.attributes_valid, 2) & bits
        confidence = np.concatenate([lights.confidence[:, 0], lights.confidence[:, 1:].min(axis=1)])
        known &= np.where(np.isin(ids, list(self._driven)), known, on & _EITHER_WAY).astype(np.uint32)
        found = TrackAttributes(ids, on & known, known, confidence)
        return found.select(known > 0)

    def _see_driving(self, tracks: TrackedAgents) -> None:
        """Remembers who is surely on its way forward; who turns round at once was not."""
        forward = (tracks.velocity * np.column_stack([np.cos(tracks.yaw), np.sin(tracks.yaw)])).sum(axis=1)
        deviation = np.sqrt(np.trace(tracks.velocity_covariance, axis1=1, axis2=2))
        drives = forward >= np.maximum(_FORWARD_MPS, _SURE_DEVIATIONS * deviation)
        before = np.array([self._driven.get(each, np.nan) for each in tracks.ids.tolist()])  # few
        keeps = np.abs(wrap_angle(tracks.yaw - before)) < _MOST_TURN_RAD
        rows = np.flatnonzero(drives | keeps)
        self._driven = dict(zip(tracks.ids[rows].tolist(), tracks.yaw[rows].tolist(), strict=True))

    def _faces(self, tracks: TrackedAgents, dt_s: float, camera: CameraModel, map_from_camera: FloatArray) -> _Faces:
        center = tracks.position.copy()
        center[:, :2] += dt_s * tracks.velocity
        turned = np.zeros((len(tracks), 3, 3))
        turned[:, :2, :2], turned[:, 2, 2] = rotation_matrix(tracks.yaw + dt_s * tracks.yaw_rate), 1.0
        corners = center[:, None] + np.einsum("nij,nkj->nki", turned, _CORNERS * tracks.size[:, None])
        local = (corners - map_from_camera[:3, 3]) @ map_from_camera[:3, :3]  # (N, 8, 3)
        ahead = local[..., 2].min(axis=1) > _NEAREST_M
        sight = map_from_camera[:2, 3] - center[:, :2]
        sight /= np.maximum(np.linalg.norm(sight, axis=1, keepdims=True), 1e-3)
        facing = (sight * turned[:, :2, 0]).sum(axis=1)  # 1: it looks at the camera
        from_behind = facing < 0.0
        shown = np.where(from_behind[:, None], np.arange(4), np.arange(4, 8))
        face = np.take_along_axis(local, shown[..., None], axis=1)
        faces, wholes = _boxes(face, camera), _boxes(local, camera)
        distance = np.where(ahead, np.linalg.norm(local.mean(axis=1), axis=1), np.inf)
        usable = ahead & np.isin(tracks.agent_class, _CLASSES) & (np.abs(facing) >= _LEAST_FACING)
        usable &= (faces[:, 0] >= 0.0) & (faces[:, 2] <= camera.width_px)
        usable &= (faces[:, 1] >= 0.0) & (faces[:, 3] <= camera.height_px)
        nearer = ahead[None] & (distance[None] < distance[:, None])
        hidden = np.where(nearer, intersection(faces, wholes), 0.0).max(axis=1, initial=0.0)
        rows = np.flatnonzero(usable & (hidden <= _MOST_HIDDEN * area(faces)))
        return _Faces(rows, faces[rows], from_behind[rows])


def _boxes(points: FloatArray, camera: CameraModel) -> FloatArray:
    """(N, 4) around points (N, K, 3) of the optical frame; empty where one is behind the camera."""
    places = pixels(points, camera) + 0.5
    low, high = places.min(axis=1), places.max(axis=1)
    return np.where(np.isfinite(low).all(axis=1)[:, None], np.concatenate([low, high], axis=1), -1.0)
