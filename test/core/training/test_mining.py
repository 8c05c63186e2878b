"""The command `mine` from the outside, and its files from the inside."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import zstandard
from made_up_tracks import START_NS, Agent, along, recording

from zoox_prediction.cli import main
from zoox_prediction.errors import InputError
from zoox_prediction.models.scene_features import AGENT_COLUMNS, SceneFeatures
from zoox_prediction.recording.convert import write_recording
from zoox_prediction.recording.sources import find_recordings
from zoox_prediction.scene import AgentClass
from zoox_prediction.training import mine_command, mining, shards
from zoox_prediction.training.future_labels import FutureLabels
from zoox_prediction.training.mining import MiningConfig, MiningTask, mine_recording
from zoox_prediction.training.samples import SampleDataset, decode_sample, encode_sample


def _turning(yaw_rate: float) -> Callable[[float], tuple[float, ...]]:
    def course(t: float) -> tuple[float, ...]:
        yaw = yaw_rate * t
        x, y = 5.0 / yaw_rate * np.sin(yaw), 5.0 / yaw_rate * (1.0 - np.cos(yaw))
        return (x, y, yaw, 5.0 * np.cos(yaw), 5.0 * np.sin(yaw))

    return course


AGENTS = {
    1: Agent(along(-20.0, -8.0, 0.0)),
    2: Agent(along(-40.0, 12.0, 7.0)),
    3: Agent(_turning(0.15)),
    4: Agent(_turning(-0.15)),
    5: Agent(along(0.0, 30.0, 1.2), AgentClass.PEDESTRIAN, seen=lambda t: t < 7.95),
    6: Agent(along(0.0, 60.0, 1.2), AgentClass.PEDESTRIAN, seen=lambda t: t > 8.05),
}


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of 12 s: scenes at 1 to 10 s."""
    folder = tmp_path_factory.mktemp("bags")
    for name in ("first", "second"):
        source = recording(AGENTS, dataset="simulation", name=name, ego=along(0.0, 0.0, 3.0))
        write_recording(source, folder / name)
    return folder


@pytest.fixture(scope="module")
def mined(bags: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("samples") / "all"
    assert _mine(bags, out) == 0
    return out


def _mine(bags: Path, out: Path, *options: object) -> int:
    return main(["mine", str(bags), "--out", str(out), *map(str, options)])


def _files(out: Path) -> dict[str, bytes]:
    return {str(each.relative_to(out)): each.read_bytes() for each in sorted(out.rglob("*")) if each.is_file()}


def test_samples_are_read_back(mined: Path) -> None:
    samples = SampleDataset([mined])
    assert len(samples) == 20
    assert samples.recordings == {"simulation": ["first", "second"]}
    assert samples.licences == {"simulation": "Apache-2.0"}
    again = pickle.loads(pickle.dumps(samples))
    sample = again[13]
    assert (sample.meta.recording, sample.features.stamp_ns[0]) == ("second", sample.meta.stamp_ns)
    assert sample.features.raster.shape == (1, 60, 256, 256)
    assert sample.features.ids.tolist() == [1, 2, 3, 4, 5]
    assert samples.entries[13].scored == {"car": 4, "pedestrian": 1}
    np.testing.assert_allclose(sample.future_position[1, 9], [7.0, 0.0], atol=1e-4)
    sample.features.raster[:] = 0  # arrays are the caller's own
    assert samples[13].features.raster.any()
    assert [each.meta.stamp_ns for each in samples[10:12]] == [
        each.meta.stamp_ns for each in (samples[10], samples[11])
    ]


def test_an_archive_is_what_other_programs_read(mined: Path) -> None:
    (path, *_) = sorted(mined.rglob("*.tar"))
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        content = archive.extractfile(members[3]).read()
    arrays = np.load(io.BytesIO(zstandard.ZstdDecompressor().decompress(content)))
    sample = SampleDataset([mined])[3]
    assert members[3].name == f"{sample.meta.stamp_ns}.npz.zst"
    np.testing.assert_array_equal(arrays["path_points"], sample.features.path_points)
    np.testing.assert_array_equal(arrays["future_position"], sample.future_position)


def test_bytes_and_back_to_the_bit(mined: Path) -> None:
    sample = SampleDataset([mined])[5]
    again = decode_sample(encode_sample(sample.features, sample), sample.meta)
    for owner, other, names in ((sample.features, again.features, SceneFeatures), (sample, again, FutureLabels)):
        for each in fields(names):
            one, two = getattr(owner, each.name), getattr(other, each.name)
            assert (one.dtype, one.shape) == (two.dtype, two.shape)
            np.testing.assert_array_equal(one, two)


def test_the_index_counts_who_does_what(mined: Path) -> None:
    counts = json.loads((mined / "index.json").read_text())["counts"]
    assert counts["samples"] == {
        "all": 20, "with_map": 0, "with_signals": 0, "with_ego": 20, "with_ego_future": 20
    }  # fmt: skip
    # Per recording and scene four cars; a pedestrian until 7 s, and another from 10 s on: seen for a second by then.
    assert counts["agents"] == {"car": 80, "pedestrian": 18}
    assert counts["scored"] == {"car": 80, "pedestrian": 16}
    # Cars that turn have less than 0.35 rad left to go in the last scene, at 10 s: straight.
    assert counts["manoeuvres_car"] == {"stands": 20, "straight": 24, "left": 18, "right": 18, "unknown": 0}
    # The first pedestrian's known future is shorter than 2 s in the scenes at 6 and 7 s.
    assert counts["manoeuvres_pedestrian"] == {"stands": 0, "straight": 12, "left": 0, "right": 0, "unknown": 4}
    assert counts["speed"] == {"< 0.5 m/s": 20, "< 2 m/s": 16, "< 10 m/s": 60}
    assert counts["steps"]["all"] == 96 * 80
    per_car = sum(min(80, 110 - 10 * scene) for scene in range(10))
    pedestrian = sum(max(0, min(80, 69 - 10 * scene)) for scene in range(7)) + 20
    assert counts["steps"]["valid"] == 2 * (4 * per_car + pedestrian)
    assert counts["recordings"] == {"simulation": 2}


def test_the_table_says_it(bags: Path, mined: Path, capsys: pytest.CaptureFixture) -> None:
    before = _files(mined)
    assert _mine(bags, mined) == 0
    out = capsys.readouterr().out
    assert "20 samples of 2 recordings, 20 of them were there already" in out
    assert "25.0%" in next(line for line in out.splitlines() if "car" in line), "a quarter of the cars stands"
    assert _files(mined) == before


def test_what_was_interrupted_is_made_again_and_the_rest_is_kept(
    bags: Path, mined: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(mine_command, "MiningConfig", lambda **given: MiningConfig(shard_samples=4, **given))
    real, written = shards.encode_sample, []

    def killed(*arguments: object) -> bytes:
        if len(written) == 6:
            raise KeyboardInterrupt
        written.append(1)
        return real(*arguments)

    monkeypatch.setattr(shards, "encode_sample", killed)
    assert _mine(bags, out) == 130
    assert sorted(each.name for each in out.rglob("*.tar*")) == ["first-000.tar", "first-001.tar.partial"]
    assert len(SampleDataset([out])) == 4, "what is there can be used"
    first = (out / "shards/simulation/first-000.tar").stat().st_mtime_ns
    monkeypatch.setattr(shards, "encode_sample", real)
    assert _mine(bags, out) == 0
    assert not list(out.rglob("*.partial"))
    assert (out / "shards/simulation/first-000.tar").stat().st_mtime_ns == first
    samples, whole = SampleDataset([out]), SampleDataset([mined])
    assert [each.meta for each in samples.entries] == [each.meta for each in whole.entries]
    for row in (3, 4, 19):
        np.testing.assert_array_equal(samples[row].features.raster, whole[row].features.raster)
        np.testing.assert_array_equal(samples[row].future_position, whole[row].future_position)


def test_a_recording_that_was_made_anew_is_mined_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mine_command, "MiningConfig", lambda **given: MiningConfig(shard_samples=4, **given))
    bag, out = tmp_path / "bags" / "one", tmp_path / "out"
    for speed, duration_s, count in ((5.0, 12.0, 10), (9.0, 5.0, 3)):
        agents = {1: Agent(along(0.0, 9.0, speed))}
        write_recording(recording(agents, duration_s=duration_s, name="one"), bag, overwrite=True)
        assert _mine(bag.parent, out) == 0
        samples = SampleDataset([out])
        assert len(samples) == count, "nothing is left of the longer one"
        assert samples[0].future_position[0, 9, 0] == pytest.approx(speed, abs=1e-3)


def test_two_recordings_of_one_name_do_not_overwrite_each_other(
    bags: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write_recording(recording(AGENTS, dataset="simulation", name="first", duration_s=5.0), tmp_path / "other")
    out = tmp_path / "out"
    assert main(["mine", str(bags / "first"), str(tmp_path / "other"), "--out", str(out)]) == 2
    assert "another recording of this dataset and name was mined from" in capsys.readouterr().err
    assert len(SampleDataset([out])) == 10


def test_other_settings_are_refused_in_one_sentence(
    bags: Path, mined: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    before = _files(mined)
    assert _mine(bags, mined, "--interval", 2) == 2
    assert "selection.interval_s is 1.0 there and 2.0 here; give another folder or --again" in capsys.readouterr().err
    monkeypatch.setattr(mining, "FEATURE_VERSION", 99)
    assert _mine(bags, mined) == 2
    assert "feature_version is" in capsys.readouterr().err
    assert _files(mined) == before
    (tmp_path / "letter.txt").write_text("dear")
    assert _mine(bags, tmp_path) == 2
    assert "holds something that is no samples" in capsys.readouterr().err


def test_again_starts_from_nothing(bags: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert _mine(bags / "first", out, "--interval", 3) == 0
    assert len(SampleDataset([out])) == 4
    assert _mine(bags / "second", out, "--interval", 9, "--again") == 0
    assert [entry.meta.recording for entry in SampleDataset([out]).entries] == ["second", "second"]


def test_a_scene_that_two_folders_have_counts_once(bags: Path, mined: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert _mine(bags / "second", out) == 0
    samples = SampleDataset([out, mined])
    assert samples.recordings == {"simulation": ["second", "first"]}
    assert len({entry.meta for entry in samples.entries}) == len(samples) == 20


def test_samples_of_another_version_are_not_read(mined: Path, tmp_path: Path) -> None:
    document = json.loads((mined / "index.json").read_text())
    document["settings"]["channel_digest"] = "0123"
    (tmp_path / "index.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="of another version: channel_digest is 0123 there and"):
        SampleDataset([tmp_path])
    document = json.loads((mined / "index.json").read_text())
    document["settings"]["features"]["num_neighbors"] = 3
    (tmp_path / "index.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"not like those of .*: features\.num_neighbors is 16 there and 3 here"):
        SampleDataset([mined, tmp_path])
    with pytest.raises(InputError, match=r"index\.json is missing"):
        SampleDataset([tmp_path / "nowhere"])


def test_a_damaged_shard_is_named(mined: Path, tmp_path: Path) -> None:
    for name, content in _files(mined).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    samples = SampleDataset([tmp_path])
    entry = samples.entries[2]
    broken = bytearray(entry.shard.read_bytes())
    broken[entry.offset + entry.size // 2] ^= 0xFF
    entry.shard.write_bytes(broken)
    samples[1]
    with pytest.raises(InputError, match=r"first-000\.tar: is damaged at byte"):
        samples[2]


def _split_file(folder: Path, text: str) -> Path:
    path = folder / "split.yaml"
    path.write_text(text)
    return path


def test_only_the_part_of_a_split_is_mined(bags: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    split = _split_file(
        tmp_path,
        "train: [{dataset: simulation, names: [first]}]\ntest: [{dataset: simulation, names: [sec*]}]\n"
        "validation: [{dataset: taf-bw, names: first}]\n",
    )
    out = tmp_path / "out"
    assert _mine(bags, out, "--split", split, "--part", "test") == 0
    assert SampleDataset([out]).recordings == {"simulation": ["second"]}
    assert _mine(bags, tmp_path / "none", "--split", split, "--part", "validation") == 2
    assert "none is in part 'validation' of the split" in capsys.readouterr().err
    assert _mine(bags, tmp_path / "none", "--split", split) == 2
    assert "--split and --part go together" in capsys.readouterr().err


def test_a_split_that_leaks_is_refused(bags: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    text = "train: [{dataset: simulation, names: '*t'}]\ntest: [{dataset: simulation, names: 'f*'}]\n"
    assert _mine(bags, tmp_path / "out", "--split", _split_file(tmp_path, text), "--part", "train") == 2
    assert "the recording 'first' of simulation is in the parts train and test" in capsys.readouterr().err


def test_what_cannot_be_read_is_told_and_the_rest_is_mined(
    bags: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "broken.mcap").write_bytes(b"nothing")
    out = tmp_path / "out"
    assert main(["mine", str(tmp_path / "broken.mcap"), str(bags / "first"), "--out", str(out)]) == 2
    assert "broken.mcap" in capsys.readouterr().err
    assert len(SampleDataset([out])) == 10


def test_processes_mine_the_same(bags: Path, mined: Path, tmp_path: Path) -> None:
    assert _mine(bags, tmp_path / "out", "--workers", 2) == 0
    assert _tars(tmp_path / "out") == _tars(mined)


def test_ray_mines_the_same(bags: Path, mined: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    assert _mine(bags, tmp_path / "out", "--ray") == 0
    assert _tars(tmp_path / "out") == _tars(mined)


def _tars(out: Path) -> dict[str, bytes]:
    return {name: content for name, content in _files(out).items() if name.endswith(".tar")}


def test_without_an_ego_the_raster_lies_where_the_recording_says(tmp_path: Path) -> None:
    agents = {1: Agent(along(3000.0, 2000.0, 0.0)), 2: Agent(along(3020.0, 2000.0, 0.0))}
    write_recording(recording(agents, duration_s=5.0), tmp_path / "bag")
    (source,), _ = find_recordings([tmp_path / "bag"])
    outcome = mine_recording(MiningTask(source, tmp_path / "out", MiningConfig()))
    assert (outcome.samples, outcome.kept, outcome.problems) == (3, 0, ())
    (tmp_path / "out/index.json").write_text(json.dumps({"settings": MiningConfig().settings()}))
    sample = SampleDataset([tmp_path / "out"])[0]
    np.testing.assert_allclose(sample.features.frame_center, [[3010.0, 2000.0]])
    assert sample.scored.all()
    assert not sample.features.ego_valid.any()


def test_a_scene_in_which_nobody_counts_is_left_out(tmp_path: Path) -> None:
    agents = {1: Agent(along(0.0, 5.0, 0.0), seen=lambda t: t > 2.95)}
    write_recording(recording(agents, duration_s=8.0, ego=along(0.0, 0.0, 1.0)), tmp_path / "bag")
    assert _mine(tmp_path / "bag", tmp_path / "out") == 0
    stamps = [entry.meta.stamp_ns for entry in SampleDataset([tmp_path / "out"]).entries]
    assert [round(stamp * 1e-9 - 5.0, 3) for stamp in stamps] == [4.0, 5.0, 6.0]


def test_pedestrian_benchmarks_are_seen_without_a_look_ahead(tmp_path: Path) -> None:
    """Their velocities are smoothed over what comes after; who runs from 5 s on must not be seen running at 4.8 s."""

    def x(t: float) -> float:
        return t + 2.0 * max(t - 5.0, 0.0)

    def course(t: float) -> tuple[float, ...]:
        return (x(t), 4.0, 0.0, (x(t + 0.4) - x(t - 0.4)) / 0.8, 0.0)

    agents = {1: Agent(course, AgentClass.PEDESTRIAN)}
    speeds = {}
    for dataset in ("sdd", "made-up"):
        write_recording(recording(agents, dataset=dataset, step_s=0.4), tmp_path / dataset / "bag")
        assert _mine(tmp_path / dataset, tmp_path / f"{dataset}-out", "--interval", 1.2) == 0
        samples = SampleDataset([tmp_path / f"{dataset}-out"])
        rows = [row for row, each in enumerate(samples.entries) if each.meta.stamp_ns == START_NS + 4_800_000_000]
        sample = samples[rows[0]]
        speeds[dataset] = sample.features.agent_state[0, AGENT_COLUMNS.index("speed")]
        assert sample.future_position[0, 39, 0] == pytest.approx(x(8.8) - x(4.8), abs=0.3), "the future is the real one"
    assert speeds["sdd"] == pytest.approx(1.0, abs=0.02)
    assert speeds["made-up"] > speeds["sdd"] + 0.03
