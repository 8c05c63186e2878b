"""Films open again with as many frames as were written, and appear only when complete."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from zoox_prediction.errors import InputError
from zoox_prediction.visualization.film import FilmWriter
from zoox_prediction.visualization.picture import write_png

FRAME = np.full((64, 96, 3), (200, 30, 30), dtype=np.uint8)


def test_a_film_opens_again(tmp_path):
    path = tmp_path / "new" / "film.webm"
    with FilmWriter(path, 10.0) as film:
        for _ in range(12):
            film.write(FRAME)
    reader = cv2.VideoCapture(str(path))
    frames = 0
    while True:
        ok, frame = reader.read()
        if not ok:
            break
        frames += 1
        np.testing.assert_allclose(frame[32, 48], FRAME[0, 0, ::-1], atol=12)
    assert frames == 12


def test_an_interrupted_film_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), FilmWriter(tmp_path / "film.webm", 10.0) as film:
        film.write(FRAME)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_writing_says_nothing_and_stderr_stays_open(tmp_path, capfd):
    with FilmWriter(tmp_path / "film.webm", 10.0) as film:
        film.write(FRAME)
    assert capfd.readouterr().err == ""
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_another_suffix_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"film\.mp4: is written as WEBM"):
        FilmWriter(tmp_path / "film.mp4", 10.0)


def test_a_png_keeps_its_pixels_and_colors(tmp_path):
    write_png(tmp_path / "a.png", FRAME)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png"))[..., ::-1], FRAME)


def test_a_png_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_png(tmp_path / "file" / "a.png", FRAME)
