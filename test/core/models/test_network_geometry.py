"""Where the network looks: samples of the raster, and places along paths."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.frame import RasterFrame

torch = pytest.importorskip("torch")
raster_cnn = pytest.importorskip("zoox_prediction.models.raster_cnn")
path_encoder = pytest.importorskip("zoox_prediction.models.path_encoder")
network_module = pytest.importorskip("zoox_prediction.models.network")


@pytest.mark.parametrize("stride", [4, 8])
def test_samples_lie_where_the_raster_was_drawn(stride: int) -> None:
    config = RasterConfig(size_px=64, resolution_m=0.5)
    cells = 64 // stride
    row, column = np.indices((cells, cells)).astype(np.float32)
    maps = np.stack([np.stack([row, column]), np.stack([column, row + 100.0])])
    points = np.random.default_rng(0).uniform(-13.0, 13.0, (2, 20, 2))
    found = raster_cnn.RasterSampler(config)(
        torch.tensor(maps), stride, torch.tensor([0, 1]), torch.tensor(points, dtype=torch.float32)
    ).numpy()
    frame = RasterFrame(np.zeros(2), 0.0, 64, 0.5)
    pixels = (frame.pixels_from_map(points) + 0.5) / stride - 0.5  # column, row
    np.testing.assert_allclose(found[0], pixels[0, :, ::-1], atol=1e-4)
    np.testing.assert_allclose(found[1], pixels[1] + [0.0, 100.0], atol=1e-4)


def test_outside_of_the_raster_nothing_is_seen() -> None:
    sampler = raster_cnn.RasterSampler(RasterConfig(size_px=64, resolution_m=0.5))
    points = torch.tensor([[[-30.0, 0.0], [0.0, 30.0], [1e6, -1e6], [0.0, 0.0]]])
    found = sampler(torch.ones(1, 1, 16, 16), 4, torch.tensor([0]), points)
    assert found[0, :, 0].tolist() == [0.0, 0.0, 0.0, 1.0]


def test_poses_are_projected_on_straight_and_bent_paths() -> None:
    arc = np.arange(64) * 1.0
    straight = np.stack([arc, 0.0 * arc, 0.0 * arc], axis=-1)
    radius = 20.0
    bent = np.stack([radius * np.sin(arc / radius), radius * (1.0 - np.cos(arc / radius)), arc / radius], axis=-1)
    paths = torch.tensor(np.stack([straight, bent]), dtype=torch.float32)
    turn = 0.5 * np.pi  # on the circle, 31.4 m along it; 2 m inside, and looking 0.3 rad to the left of it
    on_bend = [radius - 2.0, radius, np.cos(turn + 0.3), np.sin(turn + 0.3)]
    poses = torch.tensor([[[-5.0, 2.0, 1.0, 0.0], [70.0, -3.0, 0.0, 1.0]], [on_bend, on_bend]], dtype=torch.float32)
    found = path_encoder.project(paths, torch.ones(2), poses)
    np.testing.assert_allclose(found.along[0], [-5.0, 70.0], atol=1e-4)
    np.testing.assert_allclose(found.aside[0], [2.0, -3.0], atol=1e-4)
    np.testing.assert_allclose(found.sin[0], [0.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(found.along[1], radius * turn, atol=0.1)
    np.testing.assert_allclose(found.aside[1], 2.0, atol=0.05)
    np.testing.assert_allclose(torch.atan2(found.sin[1], found.cos[1]), 0.3, atol=0.06)


def test_patches_of_the_raster_are_the_same_when_learning_and_when_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    network = raster_cnn.RasterCnn(60, (16, 16, 16)).eval()
    pixels = torch.randint(0, 256, (2, 60, 32, 32), dtype=torch.uint8)
    learning = network(pixels)
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    exported = network(pixels)
    for one, other in zip(learning, exported, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_raster_whose_size_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        network_module.PredictionNetwork(raster=RasterConfig(size_px=72))
