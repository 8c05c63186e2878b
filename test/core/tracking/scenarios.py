"""Small worlds that trackers find hard, each as a Drive."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from simulated import Agent, Drive, Sensor, Way, corner_sensors

from zoox_prediction.detections import Modality
from zoox_prediction.scene import AgentClass

CAR, TRUCK, PEDESTRIAN = AgentClass.CAR, AgentClass.TRUCK, AgentClass.PEDESTRIAN
RANGE_SENSORS = (Modality.LIDAR, Modality.RADAR)
ALL_SENSORS = (*RANGE_SENSORS, Modality.CAMERA, Modality.THERMAL)


def sensors(*modalities: Modality) -> list[Sensor]:
    return corner_sensors(*(modalities or ALL_SENSORS))


def straight(x: float, y: float, vx: float, vy: float) -> Way:
    return lambda t: (x + vx * t, y + vy * t)


def turning(x: float, y: float, speed: float, straight_s: float, radius: float) -> Way:
    """Along +x, then a quarter of a circle to the left, then along +y."""

    def place(t: float) -> tuple[float, float]:
        if t < straight_s:
            return x + speed * t, y
        start = x + speed * straight_s
        angle = min(speed * (t - straight_s) / radius, 0.5 * math.pi)
        beyond = max(speed * (t - straight_s) - 0.5 * math.pi * radius, 0.0)
        return start + radius * math.sin(angle), y + radius * (1.0 - math.cos(angle)) + beyond

    return place


def stop_and_go(x: float, y: float, speed: float, brake_s: float, stand_s: float) -> Way:
    """Brakes to a stand from 2 s on over `brake_s`, stands, and speeds up as it braked."""
    times = np.array([0.0, 2.0, 2.0 + brake_s, 2.0 + brake_s + stand_s, 2.0 + 2.0 * brake_s + stand_s, 100.0])
    speeds = np.array([speed, speed, 0.0, 0.0, speed, speed])
    fine = np.arange(0.0, 30.0, 0.005)
    profile = np.interp(fine, times, speeds)
    travelled = np.concatenate([[0.0], np.cumsum(0.5 * (profile[1:] + profile[:-1]) * 0.005)])
    return lambda t: (x + float(np.interp(t, fine, travelled)), y)


def crossing_pedestrians(modalities: Sequence[Modality] = ALL_SENSORS, seed: int = 0) -> Drive:
    """Two and two people cross in front and pass each other at 0.8 m."""
    agents = [
        Agent(PEDESTRIAN, straight(12.0, -6.0, 0.0, 1.4)),
        Agent(PEDESTRIAN, straight(12.9, -6.0, 0.0, 1.4)),
        Agent(PEDESTRIAN, straight(13.8, 6.0, 0.0, -1.2)),
        Agent(PEDESTRIAN, straight(14.8, 6.0, 0.0, -1.2)),
    ]
    return Drive(agents, sensors(*modalities), seed=seed)


def overtaking(modalities: Sequence[Modality] = ALL_SENSORS, seed: int = 0) -> Drive:
    """A car and a truck overtake the driving ego, another one comes towards it."""
    agents = [
        Agent(CAR, straight(-30.0, 3.5, 16.0, 0.0), size=(4.3, 1.8, 1.5)),
        Agent(TRUCK, straight(-15.0, -3.5, 13.0, 0.0)),
        Agent(CAR, straight(90.0, 7.0, -12.0, 0.0)),
        Agent(CAR, straight(20.0, 0.0, 9.0, 0.0), size=(4.9, 1.9, 1.7)),
    ]
    return Drive(agents, sensors(*modalities), straight(0.0, 0.0, 10.0, 0.0), seed)


def occlusion(modalities: Sequence[Modality] = ALL_SENSORS, seed: int = 0) -> Drive:
    """A pedestrian walks behind a parked truck, a car passes behind another one."""
    agents = [
        Agent(TRUCK, straight(10.0, 6.0, 0.0, 0.0), yaw=0.0),
        Agent(PEDESTRIAN, straight(3.0, 9.0, 1.5, 0.0)),
        Agent(CAR, straight(14.0, -6.0, 0.0, 0.0), yaw=0.0),
        Agent(CAR, straight(-10.0, -11.0, 7.0, 0.0)),
    ]
    return Drive(agents, sensors(*modalities), seed=seed)


def junction(modalities: Sequence[Modality] = ALL_SENSORS, seed: int = 0) -> Drive:
    """Cars turn left and go straight over a junction."""
    agents = [
        Agent(CAR, turning(-15.0, -4.0, 7.0, 3.0, 9.0)),
        Agent(CAR, turning(0.0, 10.0, 5.0, 2.0, 6.0), size=(4.2, 1.8, 1.5)),
        Agent(AgentClass.CYCLIST, straight(25.0, -15.0, 0.0, 4.5)),
    ]
    return Drive(agents, sensors(*modalities), seed=seed)


def stopping(modalities: Sequence[Modality] = ALL_SENSORS, seed: int = 0) -> Drive:
    """Cars stop and go on beside and before the ego."""
    agents = [
        Agent(CAR, stop_and_go(10.0, 0.0, 8.0, 3.0, 3.0), yaw=0.0),
        Agent(CAR, stop_and_go(-20.0, 3.5, 8.0, 3.0, 3.0), yaw=0.0, size=(4.3, 1.8, 1.5)),
        Agent(PEDESTRIAN, straight(16.0, 5.0, 0.0, 0.0), yaw=1.0),
    ]
    return Drive(agents, sensors(*modalities), seed=seed)


def parked(modalities: Sequence[Modality] = ALL_SENSORS, seed: int = 0) -> Drive:
    """The ego drives past a row of parked cars."""
    cars = [
        Agent(CAR, straight(6.0 * i, 4.0, 0.0, 0.0), yaw=0.0, size=(4.2 + 0.2 * (i % 3), 1.8, 1.5)) for i in range(10)
    ]
    return Drive(cars, sensors(*modalities), straight(-10.0, 0.0, 6.0, 0.0), seed)


SCENARIOS = {make.__name__: make for make in (crossing_pedestrians, overtaking, occlusion, junction, stopping, parked)}
