"""Detections of a sensor as messages."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoox_prediction.detections import Detections, Modality, TrackAttributes
from zoox_prediction.errors import InputError
from zoox_prediction.recording.messages.fields import MessageTypes, array_field, header_to_message, stamp_ns
from zoox_prediction.scene import NUM_CLASSES

# Fields and their shapes beside the number of detections; the second group may be empty.
_ALWAYS = {
    "class_probabilities": (NUM_CLASSES,),
    "existence_probability": (),
    "attribute_confidence": (),
}
_BITS = ("attributes", "attributes_valid")
_MEASURED = {
    "center": (3,),
    "yaw": (),
    "size": (3,),
    "covariance": (4, 4),
    "bearing_box": (4,),
    "bearing_covariance": (4,),
    "radial_speed": (),
    "radial_speed_variance": (),
    "apparent_temperature": (),
}
_BOX = ("center", "yaw", "size", "covariance")
_BEARING = ("bearing_box", "bearing_covariance")
_SPEED = ("radial_speed", "radial_speed_variance")
# Fields of the message and of TrackAttributes.
_OF_TRACKS = {
    "track_ids": ("ids", np.int64),
    "track_attributes": ("attributes", np.uint32),
    "track_attributes_valid": ("attributes_valid", np.uint32),
    "track_attribute_confidence": ("confidence", np.float64),
}


def detections_to_message(detections: Detections, types: MessageTypes) -> Any:
    """DetectionArray of the detections."""
    message = types.new("zoox_prediction/msg/DetectionArray")
    message.header = header_to_message(detections.stamp_ns, detections.frame_id, types)
    message.sensor_name = detections.sensor_name
    message.modality = int(detections.modality)
    for name in (*_ALWAYS, *_MEASURED):
        value = getattr(detections, name)
        setattr(message, name, types.array(np.zeros(0, np.float32) if value is None else value.astype(np.float32)))
    for name in _BITS:
        setattr(message, name, types.array(getattr(detections, name).astype(np.uint32)))
    told = detections.of_tracks or TrackAttributes.empty()
    for name, (of_tracks, dtype) in _OF_TRACKS.items():
        wire = np.float32 if dtype == np.float64 else dtype
        setattr(message, name, types.array(getattr(told, of_tracks).astype(wire)))
    return message


def detections_from_message(message: Any) -> Detections:
    """The detections of a DetectionArray; numbers that are not finite are passed on, to be reported.

    Raises InputError when the modality is unknown, or an array has a wrong length or is missing for the modality.
    """
    try:
        modality = Modality(int(message.modality))
    except ValueError:
        raise InputError(f"DetectionArray.modality is {message.modality}, use one of MODALITY_*") from None
    count = len(message.existence_probability)
    values: dict[str, Any] = {
        name: array_field(message, name, np.float64, (count, *shape)) for name, shape in _ALWAYS.items()
    }
    values |= {name: array_field(message, name, np.uint32, (count,)) for name in _BITS}
    needed = (_BEARING if modality.is_image else _BOX) + (_SPEED if modality == Modality.RADAR else ())
    for name, shape in _MEASURED.items():
        if name in needed or len(getattr(message, name)):
            values[name] = array_field(message, name, np.float64, (count, *shape))
    count = len(message.track_ids)
    told = {of_tracks: array_field(message, name, dtype, (count,)) for name, (of_tracks, dtype) in _OF_TRACKS.items()}
    return Detections(
        of_tracks=TrackAttributes(**told) if count else None,
        stamp_ns=stamp_ns(message.header.stamp),
        frame_id=message.header.frame_id,
        sensor_name=message.sensor_name,
        modality=modality,
        **values,
    )
