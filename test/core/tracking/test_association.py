"""Which detection is of which track: the optimum, and agreement with joint probabilistic data association."""

from __future__ import annotations

import datetime
import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from simulated import START_NS, Agent, Drive, Sensor

from zoox_prediction.detections import Detections, Modality
from zoox_prediction.scene import NUM_CLASSES, AgentClass
from zoox_prediction.tracking.association import Pairs, assign, box_pairs
from zoox_prediction.tracking.births import born
from zoox_prediction.tracking.config import TrackingConfig
from zoox_prediction.tracking.motion_models import CONSTANT_VELOCITY
from zoox_prediction.tracking.sensor_frame import sensor_frame
from zoox_prediction.tracking.step import predicted
from zoox_prediction.tracking.track_table import TrackTable

_CONFIG = TrackingConfig()


def _best_by_trying(pairs: Pairs, worth: NDArray) -> float:
    """The largest sum of worths over all sets of pairs that use each track and detection once."""
    best = 0.0
    for count in range(1, 5):
        for chosen in itertools.combinations(range(len(worth)), count):
            rows = list(chosen)
            if len(set(pairs.track[rows])) == len(set(pairs.detection[rows])) == count:
                best = max(best, float(worth[rows].sum()))
    return best


def test_the_assignment_is_the_best_of_all() -> None:
    random = np.random.default_rng(0)
    for _ in range(30):
        track, detection = (each.ravel() for each in np.indices((3, 4)))
        kept = random.random(12) < 0.8
        pairs = Pairs(track[kept], detection[kept], random.normal(0.0, 3.0, kept.sum()))
        existence, probability = random.uniform(0.2, 0.95, 3), random.uniform(0.3, 0.95, 3)
        chosen = assign(pairs, existence, probability)
        both = (existence * probability)[pairs.track]
        worth = pairs.log_ratio + np.log(both / (1.0 - both))
        assert len(set(pairs.track[chosen])) == len(set(pairs.detection[chosen])) == len(chosen)
        assert (worth[chosen] > 0.0).all()
        assert worth[chosen].sum() == pytest.approx(_best_by_trying(pairs, worth))


def test_nothing_to_assign() -> None:
    none = np.zeros(0, dtype=int)
    assert len(assign(Pairs(none, none, np.zeros(0)), np.ones(2), np.ones(2))) == 0
    assert len(assign(Pairs(none[:0], none, np.zeros(0)), np.zeros(0), np.zeros(0))) == 0


def test_what_is_too_far_is_no_pair() -> None:
    lidar = Sensor("lidar", Modality.LIDAR, (0.0, 0.0, 1.8, 0.0), fov_rad=6.3, clutter=0.0, detection_probability=1.1)
    drive = Drive([Agent(AgentClass.CAR, lambda t: (15.0 + 100.0 * t, 3.0), yaw=0.0)], [lidar])
    frames = [sensor_frame(drive.detections(lidar, t), *drive.pose(lidar, t), 10)[0] for t in (0.0, 0.001, 0.5)]
    assert frames[0] is not None and frames[1] is not None and frames[2] is not None
    tracks = born(frames[0], np.array([0]), np.array([1]), 0, 0.0, _CONFIG)
    mean, covariance = tracks.motion.merged()
    assert len(box_pairs(frames[1], tracks, mean, covariance, _CONFIG.association).track) == 1
    assert len(box_pairs(frames[2], tracks, mean, covariance, _CONFIG.association).track) == 0


# Small scenes for the oracle: points of one class that walk about, in the plane of the map.
_STEP_S, _DEVIATION_M, _CLUTTER, _DETECTED = 0.1, 0.15, 2.0, 0.9
_AREA_M = 12.0


def _points(places: NDArray, stamp: int) -> Detections:
    count = len(places)
    classes = np.full((count, NUM_CLASSES), 1.0 / NUM_CLASSES)
    bits = np.zeros(count, dtype=np.uint32)
    covariance = np.tile(np.diag([_DEVIATION_M**2, _DEVIATION_M**2, 0.1, 1.0]), (count, 1, 1))
    return Detections(
        stamp, "lidar", "lidar", Modality.LIDAR, classes, np.full(count, 0.5), bits, bits, np.zeros(count),
        np.column_stack([places, np.zeros(count)]), np.zeros(count), np.full((count, 3), 0.5), covariance,
    )  # fmt: skip


def _scene(random: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Places (3, 2) and velocities (3, 2) of walkers who come near to each other."""
    angle = random.uniform(0.0, 2.0 * np.pi, 3)
    out = np.column_stack([np.cos(angle), np.sin(angle)])
    target = random.uniform(-1.2, 1.2, (3, 2))
    return 4.0 * out + target, -1.3 * out


def _stonesoup_choice(tracks: TrackTable, places: NDArray, stamp: int, spatial_density: float) -> list[int]:
    """For every track the detection that joint probabilistic data association finds the most probable; -1: none."""
    probability = pytest.importorskip("stonesoup.dataassociator.probability")
    from stonesoup.hypothesiser.probability import PDAHypothesiser
    from stonesoup.measures import Mahalanobis  # noqa: F401  # the hypothesiser needs it loaded
    from stonesoup.models.measurement.linear import LinearGaussian
    from stonesoup.models.transition.linear import CombinedLinearGaussianTransitionModel, RandomWalk
    from stonesoup.predictor.kalman import KalmanPredictor
    from stonesoup.types.detection import Detection
    from stonesoup.types.state import GaussianState
    from stonesoup.types.track import Track
    from stonesoup.updater.kalman import KalmanUpdater

    now = datetime.datetime.fromtimestamp(0) + datetime.timedelta(microseconds=stamp // 1000)
    sensor = LinearGaussian(ndim_state=2, mapping=(0, 1), noise_covar=_DEVIATION_M**2 * np.eye(2))
    still = CombinedLinearGaussianTransitionModel([RandomWalk(1e-12), RandomWalk(1e-12)])
    hypothesiser = PDAHypothesiser(
        KalmanPredictor(still), KalmanUpdater(sensor), clutter_spatial_density=spatial_density,
        prob_detect=_DETECTED, prob_gate=_CONFIG.association.gate_probability,
    )  # fmt: skip
    mean, covariance = tracks.motion.merged()
    known = [Track([GaussianState(mean[i, :2], covariance[i, :2, :2], timestamp=now)]) for i in range(len(tracks))]
    detections = [Detection(place, timestamp=now, measurement_model=sensor) for place in places]
    found = probability.JPDA(hypothesiser).associate(set(known), set(detections), now)
    choices = []
    for track in known:
        best = max(found[track], key=lambda hypothesis: hypothesis.probability)
        choices.append(next((i for i, each in enumerate(detections) if best and best.measurement is each), -1))
    return choices


def test_small_scenes_agree_with_joint_probabilistic_data_association() -> None:
    random = np.random.default_rng(3)
    base = _CONFIG.association
    # Both are given the same world: no anchoring, no say of classes, clutter of this density.
    spatial = _CLUTTER / _AREA_M**2
    density = (*base.clutter_density[:2], spatial, base.clutter_density[3])
    config = replace(_CONFIG, association=replace(base, clutter_density=density, class_floor=0.999))
    agreed, total = 0, 0
    for _ in range(12):
        place, velocity = _scene(random)
        frame, _ = sensor_frame(_points(place, START_NS), np.eye(4), np.zeros(3), 100)
        assert frame is not None
        tracks = born(frame, np.arange(3), np.arange(3), 0, 0.0, config)
        tracks.mean[:, : CONSTANT_VELOCITY + 2, 2:4] = velocity[:, None]
        tracks.covariance[:, :2, 2:4, 2:4] = 0.3**2 * np.eye(2)
        for step in range(1, 40):
            stamp = START_NS + round(step * _STEP_S * 1e9)
            place = place + _STEP_S * velocity
            seen = place[random.random(3) < _DETECTED]
            seen = seen + random.normal(0.0, _DEVIATION_M, seen.shape)
            clutter = random.uniform(-0.5 * _AREA_M, 0.5 * _AREA_M, (random.poisson(_CLUTTER), 2))
            places = np.concatenate([seen, clutter])
            if not len(places):
                continue
            frame, _ = sensor_frame(_points(places, stamp), np.eye(4), np.zeros(3), 100)
            assert frame is not None
            tracks = predicted(tracks, _STEP_S, config)
            mean, covariance = tracks.motion.merged()
            pairs = box_pairs(frame, tracks, mean, covariance, config.association)
            chosen = assign(pairs, np.full(3, 0.999999), np.full(3, _DETECTED))
            ours = np.full(3, -1)
            ours[pairs.track[chosen]] = pairs.detection[chosen]
            theirs = _stonesoup_choice(tracks, places, stamp, spatial)
            agreed += int(ours.tolist() == theirs)
            total += 1
            tracks = _moved(tracks, place, velocity)
    assert total > 300
    assert agreed / total >= 0.95


def _moved(tracks: TrackTable, place: NDArray, velocity: NDArray) -> TrackTable:
    """The tracks as a filter would have them now: near the truth, a little unsure; so that both always start alike."""
    mean, covariance = tracks.mean.copy(), tracks.covariance.copy()
    mean[:, :, :2], mean[:, :, 2:4] = place[:, None], velocity[:, None]
    covariance[:] = np.diag([0.1, 0.1, 0.3, 0.3, 0.1]) ** 2
    return replace(tracks, mean=mean, covariance=covariance)
