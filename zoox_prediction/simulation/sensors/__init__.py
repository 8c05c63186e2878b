"""The sensors of the simulated vehicle: lidar, radar, camera, longwave infrared and odometry from the true world.

`SensorSuite.load()` reads `config/sensor_suite.yaml`; `SensorSuite.messages(truth, seed)` gives the standard messages
of an instant. All sensors see the same convex solids on flat ground with occlusion. The images serve projection,
synchronisation and fusion tests, not the training of image detectors.
"""

from zoox_prediction.simulation.sensors.suite import SensorSuite
from zoox_prediction.simulation.sensors.truth import Light, SensorTruth
from zoox_prediction.simulation.sensors.visibility import Visibility

__all__ = ["Light", "SensorSuite", "SensorTruth", "Visibility"]
