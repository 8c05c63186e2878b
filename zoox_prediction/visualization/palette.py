"""Colours (red, green, blue; 0 to 255) that pictures, films and RViz share."""

from __future__ import annotations

from zoox_prediction.scene import AgentClass, SignalState

Color = tuple[int, int, int]

BACKGROUND: Color = (250, 250, 248)
TEXT: Color = (40, 40, 45)
DRIVABLE_AREA: Color = (226, 228, 232)
LANE: Color = (212, 215, 221)
WALKWAY: Color = (240, 232, 218)
BUS_LANE: Color = (228, 218, 190)
BICYCLE_LANE: Color = (190, 222, 196)
RESTRICTED_LANE: Color = (226, 204, 190)
PARKING: Color = (196, 208, 230)
INTERSECTION: Color = (198, 202, 211)
CROSSWALK: Color = (255, 255, 255)
CENTERLINE: Color = (184, 189, 198)
BOUNDARY: Color = (150, 155, 165)
ROAD_EDGE: Color = (110, 115, 125)
STOP_LINE: Color = (200, 80, 80)

EGO: Color = (20, 20, 24)
PREDICTION: Color = (20, 160, 60)
TRUTH: Color = (40, 90, 230)
FALLBACK: Color = (220, 130, 20)
PLAN: Color = (160, 40, 170)

LIDAR_GROUND: Color = (150, 160, 165)
LIDAR: Color = (0, 105, 130)
RADAR: Color = (215, 0, 150)
CAMERA: Color = (200, 150, 0)
THERMAL: Color = (225, 70, 20)

AGENT: dict[AgentClass, Color] = {
    AgentClass.CAR: (235, 140, 40),
    AgentClass.TRUCK: (190, 95, 25),
    AgentClass.BUS: (150, 70, 30),
    AgentClass.MOTORCYCLIST: (205, 60, 120),
    AgentClass.CYCLIST: (225, 60, 160),
    AgentClass.PEDESTRIAN: (205, 45, 50),
    AgentClass.ANIMAL: (120, 85, 160),
    AgentClass.UNKNOWN: (110, 110, 115),
}

SIGNAL_RIM: Color = (40, 40, 45)
SIGNAL: dict[int, Color] = {
    SignalState.UNKNOWN: (150, 150, 150),
    SignalState.RED: (220, 30, 30),
    SignalState.YELLOW: (240, 190, 20),
    SignalState.GREEN: (30, 180, 70),
    SignalState.FLASHING: (240, 150, 20),
    SignalState.DARK: (60, 60, 60),
}
