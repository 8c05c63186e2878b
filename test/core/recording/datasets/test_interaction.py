"""Track files of INTERACTION and TAF-BW, with their maps and signals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import source_samples as samples

from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import MapError
from zoox_prediction.recording.datasets.interaction import read_tracks
from zoox_prediction.recording.datasets.source import START_NS, SourceError
from zoox_prediction.scene import AgentClass, SignalState

TAF_BW = "taf_bw/datasets/recorded_trackfiles"
START_2020 = 1_600_185_974_500_000_000  # 2020-09-15 18:06:14.5 GMT+2


def edit(path: Path, change) -> Path:
    table = change(pd.read_csv(path))
    table.to_csv(path, index=False)
    return path


def test_motion_overrules_wrong_velocities_and_headings(tmp_path: Path) -> None:
    recording = read_tracks(samples.taf_bw(tmp_path))
    assert (recording.dataset, recording.name, recording.ego) == ("taf-bw", "k1/vehicle_tracks_000", None)
    frame = recording.agents[15]
    assert frame.ids.tolist() == [5, 6]
    np.testing.assert_allclose(frame.velocity[0], [8.0, 0.0], atol=1e-6)
    assert frame.yaw[0] == pytest.approx(np.pi - 3.1, abs=1e-6)  # -3.1 turned by half a turn
    assert recording.notes["headings"].startswith("known up to half a turn")
    np.testing.assert_allclose(frame.size[0], [4.7, 2.1, 1.6])
    assert frame.agent_class.tolist() == [AgentClass.CAR, AgentClass.PEDESTRIAN]


def test_pedestrians_head_where_they_walk(tmp_path: Path) -> None:
    recording = read_tracks(samples.taf_bw(tmp_path))
    assert recording.agents[25].yaw[1] == pytest.approx(np.pi / 2.0, abs=1e-3)
    assert recording.agents[2].yaw[1] == pytest.approx(np.pi / 2.0, abs=1e-3)  # while it stands: how it will set off
    assert recording.agents[2].speed[1] < 0.05


def test_right_headings_are_kept(tmp_path: Path) -> None:
    path = edit(samples.taf_bw(tmp_path), lambda table: table.assign(psi_rad=table["psi_rad"] + np.pi))
    assert read_tracks(path).agents[15].yaw[0] == pytest.approx(np.pi - 3.1, abs=1e-6)
    assert "headings" not in read_tracks(path).notes


def test_stamps_are_those_of_the_wall_clock(tmp_path: Path) -> None:
    recording = read_tracks(samples.taf_bw(tmp_path))
    assert recording.agents[0].stamp_ns == START_2020
    assert recording.agents[7].stamp_ns == START_2020 + 700_000_000


def test_doubled_rows_count_once(tmp_path: Path) -> None:
    recording = read_tracks(samples.taf_bw(tmp_path))
    assert recording.agents[0].position[0].tolist() == [0.0, 0.1, 0.0]  # the first of the two
    assert recording.notes["doubled_rows_left_out"] == "1"


def test_columns_may_stand_in_any_order_and_some_be_absent(tmp_path: Path) -> None:
    path = samples.taf_bw(tmp_path)
    table = pd.read_csv(path)
    table[["y", "x", "agent_type", "timestamp_ms", "track_id"]].to_csv(path, index=False)
    frame = read_tracks(path).agents[15]
    np.testing.assert_allclose(frame.yaw[0], 0.0, atol=1e-6)
    np.testing.assert_allclose(frame.size[0], [4.6, 1.9, 1.6])


def test_pedestrian_file_beside_the_vehicles(tmp_path: Path) -> None:
    path = samples.taf_bw(tmp_path)
    people = {"track_id": "P1", "frame_id": 1, "timestamp_ms": [0, 100], "agent_type": "pedestrian/bicycle"}
    pd.DataFrame({**people, "x": [1.0, 1.1], "y": 3.0, "vx": 1.0, "vy": 0.0}).to_csv(
        path.with_name("pedestrian_tracks_000.csv"), index=False
    )
    recording = read_tracks(path)
    assert [len(frame) for frame in recording.agents[:3]] == [3, 3, 2]
    assert recording.agents[0].ids.max() > 2**32  # a hash of the name


def test_group_controls_the_lane_inside_of_the_junction(tmp_path: Path) -> None:
    path = samples.taf_bw(tmp_path)
    samples.taf_bw_signals(path)
    recording = read_tracks(path)
    network = recording.road_network
    assert network is not None
    assert dict(zip(network.lanes.ids.tolist(), network.lanes.signal.tolist(), strict=True)) == {1: -1, 2: 4, 3: -1}
    assert network.signal_ids.tolist() == [4, 11]  # and the pedestrians' group, which no lane obeys
    np.testing.assert_allclose(network.signal_positions, [[49.0, 0.2], [48.0, 6.0]], atol=1e-6)
    np.testing.assert_allclose(network.stop_lines[0][:, 0], 49.0, atol=1e-6)
    states = [signals.state.tolist() for signals in recording.signals]
    assert states == [[SignalState.RED]] * 10 + [[SignalState.GREEN]] * 20
    assert recording.signals[3].stamp_ns == START_2020 + 300_000_000


def test_a_connection_to_another_lane_controls_nothing(tmp_path: Path) -> None:
    path = samples.taf_bw(tmp_path)
    samples.taf_bw_signals(path, sink_y=-3.7)
    network = read_tracks(path).road_network
    assert network is not None
    assert network.lanes.signal.tolist() == [-1, -1, -1]


def test_interaction_maps_are_utm_about_zero(tmp_path: Path) -> None:
    path = samples.taf_bw(tmp_path)
    path.with_name("meta_data.csv").unlink()
    samples.lanelet_map(tmp_path / "maps" / "k1.osm", (0.0, 0.0))
    recording = read_tracks(path)
    assert recording.dataset == "interaction"
    assert recording.agents[0].stamp_ns == START_NS
    assert recording.road_network is not None
    # A degree of longitude is 111.32 km on the equator, and UTM is 1.00098 times too long 3 degrees off its meridian.
    ends = recording.road_network.lanes.centerline.values[:, 0]
    assert ends.max() - ends.min() == pytest.approx(120.0 * 1.00098, abs=0.01)


def test_map_by_name_and_none(tmp_path: Path) -> None:
    path = samples.taf_bw(tmp_path)
    elsewhere = (tmp_path / "maps" / "k1.osm").rename(tmp_path / "other.osm")
    with pytest.raises(SourceError, match=r"no map at .*k1\.osm.*--map"):
        read_tracks(path)
    network = read_tracks(path, elsewhere).road_network
    assert network is not None
    assert len(network.lanes) == 3
    elsewhere.write_text("<osm>")
    with pytest.raises(MapError, match=r"other\.osm"):
        read_tracks(path, elsewhere)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="x"), "no column x"),
        (lambda table: table.assign(agent_type="Spaceship"), "unknown agent_type 'spaceship'"),
        (lambda table: table.assign(y="here"), "row 2 has no number in y"),
        (lambda table: table.drop(index=table.index), "no rows"),
    ],
)
def test_damaged_tracks(tmp_path: Path, change, message: str) -> None:
    path = edit(samples.taf_bw(tmp_path), change)
    with pytest.raises(SourceError, match=rf"vehicle_tracks_000\.csv: .*{message}"):
        read_tracks(path)


def test_tracks_that_break_off(tmp_path: Path) -> None:
    path = samples.taf_bw(tmp_path)
    text = path.read_text()
    path.write_text(text[: text.rindex("Car") + 5])
    with pytest.raises(SourceError, match=r"vehicle_tracks_000\.csv: breaks off in line 62"):
        read_tracks(path)


def test_damaged_companions(tmp_path: Path) -> None:
    path = samples.taf_bw(tmp_path)
    samples.taf_bw_signals(path)
    kml = path.with_name("map.kml")
    kml.write_text(kml.read_text().replace('"Sink"><value>2', '"Sink"><value>2, 8'))
    with pytest.raises(SourceError, match=r"map\.kml: .*lane 1 has 2 sinks and 1 signal groups"):
        read_tracks(path)
    edit(path.with_name("signal_phases_000.csv"), lambda table: table.assign(movement_state="PURPLE"))
    with pytest.raises(SourceError, match=r"signal_phases_000\.csv: has the unknown movement_state PURPLE"):
        read_tracks(path)
    meta = path.with_name("meta_data.csv")
    text = meta.read_text()
    meta.write_text(text.replace("18:06:14.500", "soon"))
    with pytest.raises(SourceError, match=r"meta_data\.csv: clip 000 has no valid date"):
        read_tracks(path)
    meta.write_text(text.replace("\n000,", "\n001,"))
    with pytest.raises(SourceError, match=r"meta_data\.csv: has no row with id 000"):
        read_tracks(path)


def test_real_cars_lie_on_lanes(recordings: Path) -> None:
    recording = read_tracks(recordings / TAF_BW / "k729_2022-03-16" / "vehicle_tracks_004.csv")
    assert recording.road_network is not None
    frames = [frame.select((frame.agent_class == AgentClass.CAR) & (frame.speed > 2.0)) for frame in recording.agents]
    position = np.concatenate([frame.position[:, :2] for frame in frames])
    lanes = LaneGraph(recording.road_network).assign(position, np.concatenate([frame.yaw for frame in frames]))
    assert len(position) > 300
    assert np.mean(lanes.lane[:, 0] >= 0) > 0.9
    # Half a lane is 1.7 m; the trackers of this recording see everything some 0.7 m too far south-west.
    assert np.median(np.abs(lanes.lateral_offset_m[lanes.lane[:, 0] >= 0, 0])) < 1.2


def test_real_cars_enter_at_green(recordings: Path) -> None:
    recording = read_tracks(recordings / TAF_BW / "k733_2020-09-15" / "vehicle_tracks_000.csv")
    network = recording.road_network
    assert network is not None
    assert len(recording.signals) == 1576
    assert sorted(set(network.lanes.signal.tolist())) == [-1, 1, 2, 4, 5, 6, 7, 8, 10, 11]
    states = {s.stamp_ns: dict(zip(s.ids.tolist(), s.state.tolist(), strict=True)) for s in recording.signals}
    seen = [states[stamp][group] for stamp, group in _entries(recording, network) if stamp in states]
    assert len(seen) >= 8
    assert set(seen) == {SignalState.GREEN}


def _entries(recording, network) -> list[tuple[int, int]]:
    """Stamp and group of everyone who crosses the stop line of a controlled lane and then passes its middle."""
    tracks: dict[int, list[tuple[int, float, float]]] = {}
    for frame in recording.agents:
        for track, position in zip(frame.ids, frame.position, strict=True):
            tracks.setdefault(int(track), []).append((frame.stamp_ns, *position[:2]))
    entries = []
    lanes = network.lanes
    for row in np.flatnonzero(lanes.signal >= 0):
        line = lanes.centerline[row]
        stop = network.stop_lines[network.stop_line_ids.tolist().index(lanes.stop_line[row])].mean(axis=0)
        ahead = (line[1] - line[0]) / np.linalg.norm(line[1] - line[0])
        for states in tracks.values():
            stamps, xy = np.array([s[0] for s in states]), np.array([s[1:] for s in states])
            along, across = (xy - stop) @ ahead, np.abs((xy - stop) @ [-ahead[1], ahead[0]])
            for index in np.flatnonzero((along[:-1] < 0.0) & (along[1:] >= 0.0) & (across[:-1] < 1.8)):
                if np.linalg.norm(xy[index:] - line[2 * len(line) // 3], axis=1).min() < 2.0:
                    entries.append((int(stamps[index]), int(lanes.signal[row])))
    return entries
