"""Writes tiny recordings in the layouts of the public datasets."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

START = 315_970_000_000_000_000
STEP = 100_000_000
YAW_90 = {"qw": np.sqrt(0.5), "qx": 0.0, "qy": 0.0, "qz": np.sqrt(0.5)}


def argoverse_map(folder: Path) -> None:
    def line(*points: tuple[float, float]) -> list[dict[str, float]]:
        return [{"x": x, "y": y, "z": 0.0} for x, y in points]

    lane = {
        "id": 7,
        "is_intersection": False,
        "lane_type": "VEHICLE",
        "left_lane_boundary": line((98.0, 0.0), (98.0, 80.0)),
        "left_lane_mark_type": "SOLID_WHITE",
        "right_lane_boundary": line((102.0, 0.0), (102.0, 80.0)),
        "right_lane_mark_type": "SOLID_WHITE",
        "successors": [],
        "predecessors": [],
        "left_neighbor_id": None,
        "right_neighbor_id": None,
    }
    folder.mkdir(parents=True, exist_ok=True)
    document = {"lane_segments": {"7": lane}, "pedestrian_crossings": {}, "drivable_areas": {}}
    (folder / "log_map_archive_x.json").write_text(json.dumps(document))


def argoverse_log(folder: Path, steps: int = 12) -> Path:
    """The ego drives north at 5 m/s from (100, 0); a car stays 10 m ahead of it, a dog 2 m to its left."""
    argoverse_map(folder / "map")
    stamps = START + STEP * np.arange(steps)
    poses = [{"timestamp_ns": t, **YAW_90, "tx_m": 100.0, "ty_m": 0.5 * i, "tz_m": 1.0} for i, t in enumerate(stamps)]
    poses.insert(1, {**poses[0], "timestamp_ns": stamps[0] + 2})  # real logs have poses 2 ns apart
    pd.DataFrame(poses).to_feather(folder / "city_SE3_egovehicle.feather")
    level = {"qw": 1.0, "qx": 0.0, "qy": 0.0, "qz": 0.0, "num_interior_pts": 9}
    boxes = []
    for t in stamps:
        for name, category, x, y, size in (
            ("car-uuid", "REGULAR_VEHICLE", 10.0, 0.0, (4.0, 1.8, 1.5)),
            ("dog-uuid", "DOG", 0.0, 2.0, (0.8, 0.4, 0.6)),
            ("cone-uuid", "CONSTRUCTION_CONE", 5.0, 2.0, (0.3, 0.3, 0.9)),
            ("ego-uuid", "EGO_VEHICLE", 0.0, 0.0, (4.9, 2.1, 1.5)),
        ):
            size_m = dict(zip(("length_m", "width_m", "height_m"), size, strict=True))
            place = {"tx_m": x, "ty_m": y, "tz_m": 0.5}
            boxes.append({"timestamp_ns": t, "track_uuid": name, "category": category, **size_m, **level, **place})
    pd.DataFrame(boxes).to_feather(folder / "annotations_with_ego.feather")
    return folder


def argoverse_sensors(folder: Path) -> None:
    """One sweep of two points and one picture, with calibration, at the first stamp."""
    (folder / "sensors" / "lidar").mkdir(parents=True)
    (folder / "sensors" / "cameras" / "ring_front_center").mkdir(parents=True)
    (folder / "calibration").mkdir()
    points = {"x": np.float16([1, 2]), "y": np.float16([3, 4]), "z": np.float16([5, 6])}
    channels = {
        "intensity": np.uint8([7, 8]),
        "laser_number": np.uint8([9, 10]),
        "offset_ns": np.int32([0, 50_000_000]),
    }
    pd.DataFrame({**points, **channels}).to_feather(folder / "sensors" / "lidar" / f"{START}.feather")
    (folder / "sensors" / "cameras" / "ring_front_center" / f"{START}.jpg").write_bytes(b"\xff\xd8\xff\xe0 picture")
    pose = {"qw": 1.0, "qx": 0.0, "qy": 0.0, "qz": 0.0, "tx_m": 1.6, "ty_m": 0.0, "tz_m": 1.4}
    name = {"sensor_name": "ring_front_center"}
    pd.DataFrame([{**name, **pose}]).to_feather(folder / "calibration" / "egovehicle_SE3_sensor.feather")
    camera = {"fx_px": 1000.0, "fy_px": 1001.0, "cx_px": 500.0, "cy_px": 400.0, "k1": -0.1, "k2": 0.01, "k3": 0.001}
    size = {"height_px": 800, "width_px": 1000}
    pd.DataFrame([{**name, **camera, **size}]).to_feather(folder / "calibration" / "intrinsics.feather")


def argoverse_scenario(folder: Path) -> Path:
    """Two tracks of 11 steps: '42', a cyclist, and the AV."""
    argoverse_map(folder)
    rows = [
        {
            "track_id": name,
            "object_type": kind,
            "timestep": step,
            "position_x": x,
            "position_y": 0.3 * step,
            "heading": np.pi / 2.0,
            "velocity_x": 0.0,
            "velocity_y": 3.0,
            "scenario_id": "scene-a",
            "start_timestamp": float(START),
            "end_timestamp": float(START + 10 * STEP),
            "num_timestamps": 11,
        }
        for name, kind, x in (("42", "cyclist", 90.0), ("AV", "vehicle", 100.0), ("77", "riderless_bicycle", 95.0))
        for step in range(11)
    ]
    pd.DataFrame(rows).to_parquet(folder / "scenario_a.parquet")
    return folder


def scenario(dataset: str = "waymo", steps: int = 20) -> dict[str, Any]:
    """The ego (track 1) and a bus (track 2) on a lane along +x with a light that turns green after 1 s; a cone."""

    def track(kind: str, category: str, x: float, size: tuple[float, float]) -> dict[str, Any]:
        moving = np.arange(steps) * 0.1 * 4.0
        return {
            "type": kind,
            "state": {
                "position": np.column_stack([x + moving, np.zeros(steps), np.ones(steps)]).astype(np.float32),
                "heading": np.zeros(steps, dtype=np.float32),
                "velocity": np.tile([4.0, 0.0], (steps, 1)).astype(np.float32),
                "valid": np.ones(steps, dtype=bool),
                "length": np.full(steps, size[0], dtype=np.float32),
                "width": np.full(steps, size[1], dtype=np.float32),
                "height": np.full(steps, 1.5, dtype=np.float32),
            },
            "metadata": {"type": category},
        }

    bus = track("VEHICLE", "vehicle.bus.rigid" if dataset == "nuscenes" else "VEHICLE", 30.0, (11.0, 2.9))
    bus["state"]["valid"][5] = False
    states = ["LANE_STATE_STOP"] * 9 + [None] + ["LANE_STATE_ARROW_GO"] * (steps - 10)
    light = {
        "type": "TRAFFIC_LIGHT",
        "state": {"object_state": states},
        "lane": 8,
        "stop_point": np.array([21.0, 0.0, 0.0], dtype=np.float32),
        "metadata": {"dataset": dataset},
    }
    straight = {"type": "LANE_SURFACE_STREET", "speed_limit_mph": 25.0, "entry_lanes": []}
    return {
        "id": "abc",
        "version": "1",
        "length": steps,
        "metadata": {"sdc_id": "1", "dataset": dataset, "ts": np.arange(steps) * 0.1, "map": "somewhere"},
        "tracks": {
            "1": track("VEHICLE", "VEHICLE", 0.0, (1.9, 4.6)),
            "2": bus,
            "3": track("TRAFFIC_CONE", "movable_object.trafficcone", 5.0, (0.3, 0.3)),
        },
        "dynamic_map_states": {"8": light},
        "map_features": {
            "7": {**straight, "polyline": np.array([[0.0, 0, 0], [10, 0, 0], [20, 0, 0]]), "exit_lanes": [8]},
            "8": {**straight, "polyline": np.array([[20.0, 0, 0], [30, 0, 0], [90, 0, 0]]), "exit_lanes": []},
        },
    }


def write_scenario(path: Path, content: Any) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


# KITTI: the camera looks along the car's x axis from the lidar's place; the GPS/IMU is where the lidar is.
KITTI_CALIBRATION = """P2: 700 0 600 70 0 700 170 0 0 0 1 0
R_rect 1 0 0 0 1 0 0 0 1
Tr_velo_cam 0 -1 0 0 0 0 -1 0 1 0 0 0
Tr_imu_velo 1 0 0 0 0 1 0 0 0 0 1 0
"""


def kitti(folder: Path, steps: int = 12) -> Path:
    """The ego stands and looks north; a van 20 m ahead, 3 m to the right, crosses from left to right at 5 m/s."""
    for name in ("calib", "oxts", "label_02", "velodyne/0001", "image_02/0001"):
        (folder / name).mkdir(parents=True)
    (folder / "calib" / "0001.txt").write_text(KITTI_CALIBRATION)
    row = np.zeros(30)
    row[:6] = 49.0, 8.4, 110.0, 0.0, 0.0, np.pi / 2.0
    row[23] = 0.05
    np.savetxt(folder / "oxts" / "0001.txt", np.tile(row, (steps, 1)))
    lines = []
    for frame in range(steps):
        lines.append(f"{frame} -1 DontCare -1 -1 -10 0 0 1 1 -1000 -1000 -1000 -10 -1 -1 -1")
        lines.append(f"{frame} 4 Van 0 0 0 0 0 1 1 2.0 1.8 5.0 {3.0 + 0.5 * frame} 1.73 20.0 0.0")
    (folder / "label_02" / "0001.txt").write_text("\n".join(lines))
    np.array([[20.0, -3.0, 0.0, 0.5]], dtype=np.float32).tofile(folder / "velodyne" / "0001" / "000000.bin")
    return folder


def lanelet_map(path: Path, origin: tuple[float, float]) -> Path:
    """Three lanes along +x one after the other, 4 m wide about y = 0: 1 to x = 50, 2 to 70 (the junction), 3 to 120."""
    per_degree = 6378137.0 * np.pi / 180.0
    text = ["<?xml version='1.0'?>", "<osm version='0.6'>"]
    for column, x in enumerate((0.0, 50.0, 70.0, 120.0)):
        for side, y in enumerate((2.0, -2.0)):
            lat, lon = origin[0] + y / per_degree, origin[1] + x / per_degree / np.cos(np.radians(origin[0]))
            text.append(f"<node id='{10 * column + side + 1}' lat='{lat!r}' lon='{lon!r}'/>")
    for column in range(3):
        for side in range(2):
            way = 100 + 10 * column + side
            ends = 10 * column + side + 1, 10 * column + side + 11
            text.append(
                f"<way id='{way}'><nd ref='{ends[0]}'/><nd ref='{ends[1]}'/><tag k='type' v='line_thin'/></way>"
            )
    for column in range(3):
        sides = f"<member type='way' role='left' ref='{100 + 10 * column}'/>"
        sides += f"<member type='way' role='right' ref='{101 + 10 * column}'/>"
        tags = "".join(
            f"<tag k='{k}' v='{v}'/>" for k, v in (("type", "lanelet"), ("subtype", "road"), ("one_way", "yes"))
        )
        text.append(f"<relation id='{column + 1}'>{sides}{tags}</relation>")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*text, "</osm>"]).replace("np.float64(", "").replace(")'", "'"))
    return path


ORIGIN = (49.0, 8.4)


def taf_bw(folder: Path, steps: int = 30) -> Path:
    """A car drives along +x at 8 m/s, heading and velocity of the file reversed; a pedestrian stands, then walks."""
    lanelet_map(folder / "maps" / "k1.osm", ORIGIN)
    tracks = folder / "recorded_trackfiles" / "k1"
    tracks.mkdir(parents=True)
    rows = []
    for step in range(steps):
        time = {"timestamp_ms": 100 * step, "frame_id": step}
        car = {"track_id": 5, "agent_type": "Car", "x": 0.8 * step, "y": 0.1, "vx": -8.0, "vy": 0.0, "psi_rad": -3.1}
        rows.append({**time, **car, "length": 4.7, "width": 2.1})
        walked = 0.12 * max(step - 10, 0)
        person = {"track_id": 6, "agent_type": "Pedestrian", "x": 10.0, "y": 5.0 + walked, "vx": 0.0, "vy": 0.0}
        rows.append({**time, **person, "psi_rad": np.nan, "length": 0.5, "width": 0.5})
    rows.append(dict(rows[0], x=3.0))  # the same car twice at one instant
    pd.DataFrame(rows).to_csv(tracks / "vehicle_tracks_000.csv", index=False)
    meta = "id,originLat,originLon,date,startTime,timeZone\n000,49.0,8.4,2020-09-15,18:06:14.500,GMT+2\n"
    (tracks / "meta_data.csv").write_text(meta)
    return tracks / "vehicle_tracks_000.csv"


def taf_bw_signals(tracks: Path, steps: int = 30, sink_y: float = -0.2) -> None:
    """Group 4, red for 1 s (at last with yellow), then green, controls the way from KML lane 1 (stop line at x = 49)
    to lane 2 (x = 71)."""
    states = ["STOP_AND_REMAIN"] * 9 + ["PRE_MOVEMENT"] + ["PROTECTED_MOVEMENT_ALLOWED"] * (steps - 10)
    table = {"signal_group_id": 4, "timestamp_ms": 100 * np.arange(steps), "movement_state": states}
    pd.DataFrame(table).to_csv(tracks.with_name("signal_phases_000.csv"), index=False)
    lanes = _kml_lane(1, "2", "4", (49.0, 0.2), (0.0, 0.2)) + _kml_lane(2, "", "", (71.0, sink_y), (110.0, sink_y))
    lanes += _kml_lane(9, "8", "11", (48.0, 6.0), (48.0, -6.0)) + _kml_lane(8, "", "", (48.0, -6.0), (48.0, 6.0))
    text = f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{lanes}</Document></kml>'
    tracks.with_name("map.kml").write_text(text)


def _kml_lane(number: int, sink: str, group: str, *points: tuple[float, float]) -> str:
    per_degree = 6378137.0 * np.pi / 180.0
    scale = per_degree * np.cos(np.radians(ORIGIN[0]))
    places = " ".join(f"{ORIGIN[1] + x / scale},{ORIGIN[0] + y / per_degree},0" for x, y in points)
    values = {"Source": str(number), "Sink": sink, "SignalGroup": group}
    data = "".join(f'<Data name="{key}"><value>{value}</value></Data>' for key, value in values.items())
    line = f"<LineString><coordinates>{places}</coordinates></LineString>"
    return f"<Placemark><name>Lane {number}</name>{line}<ExtendedData>{data}</ExtendedData></Placemark>"


def kitti_raw(folder: Path, steps: int = 6, speed_mps: float = 8.0) -> Path:
    """Straight ahead past posts, in the layout of the raw data; the lidar is 0.76 m ahead of base_link."""
    for name in ("velodyne_points", "image_02"):
        (folder / name / "data").mkdir(parents=True)
    (folder / "calib.txt").write_text(KITTI_CALIBRATION)
    random = np.random.default_rng(0)
    posts = np.column_stack([random.uniform(-40.0, 60.0, 300), random.uniform(-25.0, 25.0, 300)])
    heights = np.linspace(-1.0, 1.0, 5)
    for frame in range(steps):
        seen = posts - [0.1 * speed_mps * frame, 0.0]
        points = np.column_stack([np.repeat(seen, 5, axis=0), np.tile(heights, 300), np.full(1500, 0.5)])
        points.astype(np.float32).tofile(folder / "velodyne_points" / "data" / f"{frame:010d}.bin")
        picture = np.full((40, 120, 3), 10 * frame, dtype=np.uint8)
        cv2.imwrite(str(folder / "image_02" / "data" / f"{frame:010d}.png"), picture)
    return folder
