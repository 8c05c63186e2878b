"""Brake lights and indicators of tracked vehicles, by the brightness of their lamps over time.

A vehicle's lamps are at the left and right of its box. How red and how amber the brightest pixels there are is kept per
vehicle for some seconds: lamps that are brighter than they were, on both sides, brake; amber that comes and goes once
or twice a second on one side is an indicator, on both sides at once hazard lights (60 to 120 a minute, UN Regulation
48). Indicators that are red, as some are in North America, are not found; by night a tail light that was never seen
to change is told from a brake light by its brightness alone, which depends on the camera.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import Attribute

FloatArray = NDArray[np.float64]

_LAMP_ROWS = (0.25, 0.9)  # of the height of a box, from above
_LAMP_COLUMNS = 0.33  # of the width, from either side
_MOST_COLUMNS = 80  # of a box's pixels that are looked at
_RED, _AMBER = 0, 1
_FADE_POWER = 0.6  # of the width, by which lamps are less bright than clear ones
_SURE_WIDTH = 0.5  # of the clear width; that narrower vehicles do not blink is not told


@dataclass(frozen=True)
class LightConfig:
    """When lamps are taken to be lit."""

    enabled: bool = True  # cameras listen to tracked_agents, and tell of the lights of these
    max_track_age_s: float = 0.4  # tracks are carried on to the picture's stamp over so long
    history_s: float = 3.0
    min_width_px: float = 16.0  # of a vehicle; lamps of smaller ones are less than a pixel
    clear_width_px: float = 50.0  # of a vehicle; lamps of narrower ones share their pixels with what is around them
    lamp_share: float = 0.01  # of a side's pixels, the brightest, that are looked at
    # Brightness counts from 0 to 255.
    min_red: float = 90.0  # of a brake light that is lit: red against the other colours
    min_red_dark: float = 165.0  # the same by night, when tail lights are on
    dark: float = 60.0  # a picture whose middle is darker shows the night
    min_red_rise: float = 45.0  # against the darkest of the last seconds
    min_amber_swing: float = 36.0  # of an indicator, from dark to lit
    blink_hz: tuple[float, ...] = (0.9, 2.3)  # least and most
    min_blink_s: float = 1.2  # so long a vehicle must be seen
    min_blink_fit: float = 0.5  # share of the variance that blinking explains

    def __post_init__(self) -> None:
        for name in (
            "max_track_age_s",
            "history_s",
            "min_width_px",
            "clear_width_px",
            "min_red",
            "min_red_dark",
            "min_red_rise",
            "min_amber_swing",
            "min_blink_s",
        ):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name):g}")
        if len(self.blink_hz) != 2 or not 0.0 < self.blink_hz[0] < self.blink_hz[1]:
            raise ValueError(f"blink_hz must be the least and the most, got {list(self.blink_hz)}")
        if not 0.0 < self.lamp_share <= 1.0 or not 0.0 < self.min_blink_fit < 1.0:
            raise ValueError("lamp_share and min_blink_fit must be above 0 and at most 1")
        if self.min_blink_s > self.history_s:
            raise ValueError(f"min_blink_s must be at most history_s {self.history_s:g}, got {self.min_blink_s:g}")


@dataclass(frozen=True)
class Lights:
    """What N vehicles show; rows are those of the vehicles that were asked about."""

    attributes: NDArray[np.uint32]  # (N,) Attribute bits that are on: brake light, left and right indicator, hazard
    attributes_valid: NDArray[np.uint32]  # (N,) those that were seen long and large enough to tell
    confidence: FloatArray  # (N, 3) of brake light, left and right indicator, on or off as told; 0 where not told


@dataclass
class _History:
    """One vehicle: seconds, and red and amber (2,) of the left and right side of the picture (2,)."""

    seconds: deque[float] = field(default_factory=deque)
    levels: deque[FloatArray] = field(default_factory=deque)  # (side, color), as of a vehicle of clear width


class LightTracker:
    """Keeps the brightness of the lamps of vehicles by their ids."""

    def __init__(self, config: LightConfig | None = None) -> None:
        self._config = config or LightConfig()
        self._vehicles: dict[int, _History] = {}
        self._low_hz, self._high_hz = self._config.blink_hz

    def __len__(self) -> int:
        """Vehicles that are remembered."""
        return len(self._vehicles)

    def reset(self) -> None:
        self._vehicles.clear()

    def update(
        self,
        stamp_ns: int,
        image: NDArray[np.uint8],
        ids: NDArray[np.int64],
        boxes: FloatArray,
        seen_from_behind: NDArray[np.bool_],
    ) -> Lights:
        """The lights of vehicles `ids` (N,) in boxes (N, 4) of pixels left, top, right, bottom of (H, W, 3) BGR.

        From behind, the left of the picture is the vehicle's left, and brake lights can be seen; from ahead neither.
        What was not updated for `history_s` is forgotten; after a stamp that goes back, everything is.
        """
        now = stamp_ns * 1e-9
        is_dark = float(np.median(image[::8, ::8, 1])) < self._config.dark
        min_red = self._config.min_red_dark if is_dark else self._config.min_red
        if any(history.seconds[-1] > now for history in self._vehicles.values()):
            self.reset()
        wide = boxes[:, 2] - boxes[:, 0] >= self._config.min_width_px
        attributes = np.zeros(len(ids), dtype=np.uint32)
        valid = np.zeros(len(ids), dtype=np.uint32)
        confidence = np.zeros((len(ids), 3))
        # Regions have different sizes: there is no batch of them.
        for row in np.flatnonzero(wide):
            levels = lamp_levels(image, boxes[row], self._config.lamp_share)
            if levels is None:
                continue
            clear = (boxes[row, 2] - boxes[row, 0]) / self._config.clear_width_px
            history = self._vehicles.setdefault(int(ids[row]), _History())
            history.seconds.append(now)
            fade = 1.0 if is_dark else min(clear, 1.0) ** _FADE_POWER  # by night a brighter tail light would be taken
            history.levels.append(levels / fade)
            self._forget(history, now)
            attributes[row], valid[row], confidence[row] = self._judged(
                history, bool(seen_from_behind[row]), min_red, bool(clear >= _SURE_WIDTH)
            )
            if is_dark and clear < 1.0 and not attributes[row] & Attribute.BRAKE_LIGHT:
                valid[row] &= ~np.uint32(Attribute.BRAKE_LIGHT)  # small lamps hardly differ from tail lights
        oldest = now - self._config.history_s
        self._vehicles = {key: each for key, each in self._vehicles.items() if each.seconds[-1] >= oldest}
        return Lights(attributes, valid, confidence)

    def _forget(self, history: _History, now: float) -> None:
        while now - history.seconds[0] > self._config.history_s:
            history.seconds.popleft()
            history.levels.popleft()

    def _judged(
        self, history: _History, from_behind: bool, min_red: float, is_clear: bool
    ) -> tuple[int, int, FloatArray]:
        """Bits that are on, bits that are known, and the confidence (3,) of brake, left and right."""
        seconds, levels = np.array(history.seconds), np.array(history.levels)  # (T,), (T, side, color)
        bits = known = Attribute(0)
        confidence = np.zeros(3)
        if from_behind:
            is_lit, confidence[0] = self._brake(levels[:, :, _RED], min_red, is_clear)
            known |= Attribute.BRAKE_LIGHT
            bits |= Attribute.BRAKE_LIGHT if is_lit else Attribute(0)
        fits = self._blinking(seconds, levels[:, :, _AMBER])
        if fits is not None:
            sides = (Attribute.LEFT_INDICATOR, Attribute.RIGHT_INDICATOR)
            fits = fits if from_behind else fits[::-1]
            blinks = fits >= self._config.min_blink_fit
            if is_clear or blinks.any():
                known |= sides[0] | sides[1] | Attribute.HAZARD
            confidence[1:] = np.where(blinks, fits, 1.0 - fits)
            if blinks.all():
                bits |= Attribute.HAZARD
            elif blinks.any():
                bits |= sides[int(np.argmax(blinks))]
        return int(bits), int(known), confidence

    def _brake(self, red: FloatArray, min_red: float, is_clear: bool) -> tuple[bool, float]:
        """Whether both sides (T, 2) are lit now, and how sure that is."""
        min_rise = self._config.min_red_rise
        now = red[-1].min()  # a sun's reflection is on one side
        rise = (red[-1] - red.min(axis=0)).min()
        by_level = _sigmoid((now - min_red) / 15.0)
        # Once it was seen darker, the change tells more than the level, which is that of paint or of a tail light too;
        # but lamps of a pixel or two come and go with the grid.
        seen_dark = is_clear and float(np.ptp(red, axis=0).min()) >= min_rise
        by_rise = _sigmoid((rise - min_rise / 2.0) / 10.0)
        lit = by_level * by_rise if seen_dark else 0.8 * by_level
        return bool(lit > 0.5), float(max(lit, 1.0 - lit)) if seen_dark else float(0.8 * max(by_level, 1.0 - by_level))

    def _blinking(self, seconds: FloatArray, amber: FloatArray) -> FloatArray | None:
        """(2,) how much of the sides' change (T, 2) is blinking, 0 to 1; None when it was not seen for long enough."""
        if len(seconds) < 6 or seconds[-1] - seconds[0] < self._config.min_blink_s:
            return None
        swing = np.percentile(amber, 90.0, axis=0) - np.percentile(amber, 10.0, axis=0)
        fit = blink_fit(seconds, amber, self._low_hz, self._high_hz)
        return np.where(swing >= self._config.min_amber_swing, fit, 0.0)


def lamp_levels(image: NDArray[np.uint8], box: FloatArray, lamp_share: float) -> FloatArray | None:
    """(2, 2) red and amber of the lamps at the left and right of a box; None when it is outside of the picture."""
    height, width = image.shape[:2]
    left, top, right, bottom = box
    rows = np.clip(np.rint(top + (bottom - top) * np.array(_LAMP_ROWS)), 0, height).astype(int)
    reach = _LAMP_COLUMNS * (right - left)
    levels = []
    middle = np.clip(np.rint([left + reach, right - reach]), 0, width).astype(int)
    step = max(int((right - left) / _MOST_COLUMNS), 1)
    body = image[rows[0] : rows[1] : step, middle[0] : middle[1] : step].reshape(-1, 3)
    # What is painted red is a lamp as far as it is redder than the paint.
    paint = 0.0
    if len(body):
        blue, green, red = np.median(body, axis=0)
        paint = max(float(red - max(green, blue)), 0.0)
    for start, end in ((left, left + reach), (right - reach, right)):
        columns = np.clip(np.rint([start, end]), 0, width).astype(int)
        side = image[rows[0] : rows[1] : step, columns[0] : columns[1] : step].reshape(-1, 3).astype(np.float32)
        if len(side) < 4:
            return None
        blue, green, red = side.T
        lamp = max(round(lamp_share * len(side)), 2)
        colors = np.stack([red - np.maximum(green, blue) - paint, np.minimum(red, green) - blue])
        levels.append(np.partition(colors, len(side) - lamp, axis=1)[:, -lamp:].mean(axis=1))
    return np.maximum(np.array(levels, dtype=np.float64), 0.0)


def blink_fit(seconds: FloatArray, values: FloatArray, low_hz: float, high_hz: float) -> FloatArray:
    """(S,) share of the variance of series (T, S) that a wave between two frequencies explains, at its best frequency.

    Least squares at every frequency (Lomb and Scargle), as frames come when they come; a square wave's first harmonic
    holds 81% of it, which counts as all.
    """
    frequencies = np.arange(low_hz, high_hz + 0.05, 0.1)
    centered = values - values.mean(axis=0)
    slow = np.column_stack([np.ones_like(seconds), seconds - seconds.mean()])  # it comes nearer, or into the shade
    centered = centered - _fitted(slow, centered)
    total = (centered**2).sum(axis=0) + 1e-6  # what does not change at all does not blink
    phase = 2.0 * np.pi * frequencies[:, None] * (seconds - seconds[0])
    waves = np.stack([np.cos(phase), np.sin(phase), np.ones_like(phase)], axis=-1)  # (F, T, 3)
    left = ((_fitted(waves, centered) - centered) ** 2).sum(axis=1)  # (F, S)
    explained = ((centered**2).sum(axis=0) - left.min(axis=0)) / total
    share: FloatArray = np.clip(explained / (8.0 / np.pi**2), 0.0, 1.0)
    return share


def _fitted(design: FloatArray, values: FloatArray) -> FloatArray:
    """(..., T, S) the best approximation of series (T, S) by the columns of (..., T, C)."""
    across = np.swapaxes(design, -1, -2)
    gram = across @ design + 1e-9 * np.eye(design.shape[-1])  # few samples may not tell columns apart
    fitted: FloatArray = design @ np.linalg.solve(gram, across @ values)
    return fitted


def _sigmoid(value: float) -> float:
    return float(1.0 / (1.0 + np.exp(-value)))
