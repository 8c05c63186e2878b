"""Prediction of every road user around a vehicle: distributions over trajectories, and what-if answers."""

from pkgutil import extend_path

# The generated interfaces (zoox_prediction.msg, zoox_prediction.srv) are installed under the same name; a run from the
# repository root must still find them.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"
