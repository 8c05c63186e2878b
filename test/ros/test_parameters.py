from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from rclpy.exceptions import ParameterImmutableException
from rclpy.node import Node
from rclpy.parameter import Parameter

from zoox_prediction.config import ConfigError
from zoox_prediction.ros.parameters import declare_and_load


@dataclass(frozen=True)
class Inner:
    # How far ahead
    # the node looks.
    horizon_s: float = 8.0
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.horizon_s <= 0.0:
            raise ValueError(f"horizon_s must be positive, got {self.horizon_s}")


@dataclass(frozen=True)
class Config:
    rate_hz: float = 10.0  # of the output [Hz]
    weights: tuple[float, ...] = (1.0, 2.0)
    limit_m: float | None = 3.0
    count: int = 2
    debug: bool = field(default=False, metadata={"description": "from metadata"})
    inner: Inner = field(default_factory=Inner)


def load(text: str, tmp_path, node_name: str = "probe"):
    file = tmp_path / "parameters.yaml"
    file.write_text(text)
    node = Node(node_name, cli_args=["--ros-args", "--params-file", str(file)])
    try:
        return declare_and_load(node, Config), node
    except ConfigError:
        node.destroy_node()
        raise


def test_defaults_are_declared_with_type_and_description(ros):
    node = Node("probe")
    assert declare_and_load(node, Config) == Config()
    assert node.get_parameter("inner.horizon_s").value == 8.0
    assert node.get_parameter("rate_hz").type_ == Parameter.Type.DOUBLE
    assert node.describe_parameter("rate_hz").description == "of the output [Hz]"
    assert node.describe_parameter("inner.horizon_s").description == "How far ahead the node looks."
    assert node.describe_parameter("debug").description == "from metadata"


def test_parameters_are_read_only(ros):
    node = Node("probe")
    declare_and_load(node, Config)
    assert not node.set_parameters([Parameter("rate_hz", value=5.0)])[0].successful
    with pytest.raises(ParameterImmutableException):
        node.undeclare_parameter("rate_hz")


def test_file_overrides_with_what_yaml_makes_of_numbers_and_lists(ros, tmp_path):
    text = """
/**:
  ros__parameters:
    use_sim_time: false
probe:
  ros__parameters:
    rate_hz: 6
    weights: [3, 4]
    limit_m: null
    inner: {horizon_s: 5, names: [a, b]}
"""
    config, node = load(text, tmp_path)
    assert config == Config(rate_hz=6.0, weights=(3.0, 4.0), limit_m=None, inner=Inner(5.0, ("a", "b")))
    assert isinstance(config.rate_hz, float)
    assert node.get_parameter("rate_hz").value == 6.0
    assert list(node.get_parameter("weights").value) == [3.0, 4.0]


def test_empty_list_replaces_a_default(ros, tmp_path):
    config, _ = load("probe: {ros__parameters: {weights: [], inner: {names: []}}}", tmp_path)
    assert config.weights == () and config.inner.names == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{rate_hzz: 5.0}", "unknown parameter 'rate_hzz', did you mean 'rate_hz'"),
        ("{inner: {horizons: 5.0}}", "unknown parameter 'inner.horizons', did you mean 'inner.horizon_s'"),
        ("{inner: 5}", "unknown parameter 'inner'"),
        ("{rate_hz: fast}", "parameter 'rate_hz' must be float, got 'fast'"),
        ("{count: 2.5}", "parameter 'count' must be int"),
        ("{debug: 1}", "parameter 'debug' must be bool"),
        ("{weights: 1.0}", "parameter 'weights' must be a list"),
        ("{inner: {horizon_s: -1.0}}", "horizon_s must be positive"),
    ],
)
def test_mistakes_are_one_sentence_that_names_node_and_key(ros, tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        load(f"probe: {{ros__parameters: {text}}}", tmp_path)
    assert message in str(caught.value) and str(caught.value).startswith("probe: ")
    assert "\n" not in str(caught.value)


def test_names_of_ros_itself_and_of_the_node_are_no_mistakes(ros, tmp_path):
    file = tmp_path / "parameters.yaml"
    file.write_text(
        "probe: {ros__parameters: {start_type_description_service: false, autostart: true,"
        " qos_overrides: {/clock: {subscription: {depth: 3}}}}}"
    )
    node = Node("probe", cli_args=["--ros-args", "--params-file", str(file)])
    node.declare_parameter("autostart", False)
    assert declare_and_load(node, Config) == Config()
