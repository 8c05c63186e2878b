"""The replay node as a process, heard and commanded over DDS."""

from __future__ import annotations

import re
import signal
import threading
import time

import numpy as np
import pytest
import yaml
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosbag2_interfaces.srv import (
    Burst,
    GetRate,
    IsPaused,
    Pause,
    Play,
    PlayNext,
    Resume,
    Seek,
    SetRate,
    Stop,
    TogglePaused,
)
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header, String

from zoox_prediction.config import flatten
from zoox_prediction.recording.bag import BagWriter, Topic, qos_profile
from zoox_prediction.recording.messages import stamp_ns
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.resources import resource_path
from zoox_prediction.ros.qos import LATCHED
from zoox_prediction.ros.recorded_topics import publisher_qos
from zoox_prediction.ros.replay import Replay, ReplayConfig

START_NS = 1_700_000_000_000_000_000
STEP_NS = 50_000_000
SWEEP_BYTES = 1_900_000


def write_bag(path, *, steps: int = 40, sweeps: bool = False):
    """A latched /map at the start, /count with its own stamp every 50 ms, and on request lidar sweeps at 10 Hz."""
    types = RosbagsTypes()
    random = np.random.default_rng(0)
    with BagWriter(path) as bag:
        bag.write("/map", types["std_msgs/msg/String"](data="here"), START_NS, qos_profile(latched=True, depth=1))
        for step in range(steps):
            now_ns = START_NS + step * STEP_NS
            header = types.new("std_msgs/msg/Header")
            header.stamp.sec, header.stamp.nanosec = divmod(now_ns, 1_000_000_000)
            header.frame_id = str(step)
            bag.write("/count", header, now_ns)
            if sweeps and step % 2 == 0:
                cloud = types.new("sensor_msgs/msg/PointCloud2")
                cloud.header = header
                cloud.data = random.integers(0, 255, SWEEP_BYTES, dtype=np.uint8)
                cloud.width = cloud.row_step = SWEEP_BYTES
                bag.write("/points", cloud, now_ns)
    return path


class Listener(Node):
    """Keeps what it hears, in the order of arrival."""

    def __init__(self) -> None:
        super().__init__("listener")
        self.counts: list[int] = []
        self.maps: list[str] = []
        self.clock_ns: list[int] = []
        self.arrivals_s: list[float] = []
        self.sweeps: list[int] = []
        self.create_subscription(Header, "/count", self._on_count, QoSProfile(depth=100))
        self.create_subscription(Clock, "/clock", lambda message: self.clock_ns.append(stamp_ns(message.clock)), 100)

    def _on_count(self, message: Header) -> None:
        self.counts.append(int(message.frame_id))
        self.arrivals_s.append(time.monotonic())

    def lateness_s(self) -> np.ndarray:
        """Of each count against steps of 50 ms, from any origin."""
        return np.array(self.arrivals_s) - 0.05 * np.arange(len(self.arrivals_s))

    def listen_to_map(self) -> None:
        self.create_subscription(String, "/map", lambda message: self.maps.append(message.data), LATCHED)

    def listen_to_points(self) -> None:
        self.create_subscription(
            PointCloud2, "/points", lambda message: self.sweeps.append(len(message.data)), QoSProfile(depth=100)
        )


@pytest.fixture
def listener(spin):
    return spin(Listener())


@pytest.fixture
def replay(start_process):
    def start(bag="/bag", **parameters):
        arguments = ["-m", "zoox_prediction.nodes.replay_node", "--ros-args"]
        for key, value in ({"bag": bag} | parameters).items():
            arguments += ["-p", f"{key}:={str(value).lower() if isinstance(value, bool) else value}"]
        return start_process(*arguments)

    return start


@pytest.fixture
def call(listener, wait_for):
    """call(service_type, name, **request) calls /replay/<name> and returns its response."""
    clients = {}

    def call(service_type, name, **request):
        if name not in clients:
            clients[name] = listener.create_client(service_type, f"/replay/{name}")
        assert clients[name].wait_for_service(60.0)
        future = clients[name].call_async(service_type.Request(**request))
        wait_for(future.done, what=f"the answer of {name}")
        return future.result()

    return call


def test_plays_all_in_real_time_and_ends(tmp_path, listener, replay, wait_for):
    listener.listen_to_map()
    process = replay(write_bag(tmp_path / "bag"), wait_for_subscribers="['/count']")
    assert process.wait() == 0
    wait_for(lambda: listener.counts == list(range(40)) and listener.maps == ["here"])
    # Steps of 50 ms, each message at its time: half a step of tolerance on a busy machine, on the whole.
    assert np.median(np.abs(listener.lateness_s() - np.median(listener.lateness_s()))) < 0.025
    assert "played 41 messages" in process.output and "Traceback" not in process.output
    wait_for(lambda: listener.clock_ns[-1] == START_NS + 39 * STEP_NS)
    assert listener.clock_ns == sorted(listener.clock_ns)
    assert len(listener.clock_ns) > 100


def test_latched_messages_reach_who_comes_late(tmp_path, listener, replay, wait_for):
    process = replay(write_bag(tmp_path / "bag"), exit_at_end=False, rate=10.0)
    wait_for(lambda: "played 41 messages" in process.output)
    listener.listen_to_map()
    wait_for(lambda: listener.maps == ["here"])
    assert process.end(signal.SIGTERM) == 0
    assert "Traceback" not in process.output


def test_no_sweep_is_lost_in_real_time(tmp_path, listener, replay, wait_for):
    listener.listen_to_points()
    bag = write_bag(tmp_path / "bag", sweeps=True)
    process = replay(bag, wait_for_subscribers="['/count', '/points']")
    assert process.wait() == 0
    wait_for(lambda: listener.sweeps == [SWEEP_BYTES] * 20 and listener.counts == list(range(40)))
    late_s = listener.lateness_s()
    assert late_s[-10:].min() - late_s[:10].min() < 0.25  # it does not fall behind, in 2 s


def test_waits_for_as_many_subscribers_as_it_is_told(tmp_path, listener, replay, wait_for, spin):
    process = replay(write_bag(tmp_path / "bag"), wait_for_subscribers="['/count']", min_subscribers=2)
    wait_for(lambda: listener.clock_ns)  # it has started
    time.sleep(3.0)  # several times what one subscriber would have needed
    assert not listener.counts
    second = spin(Listener())
    assert process.wait() == 0
    wait_for(lambda: listener.counts == second.counts == list(range(40)))


def test_loop_goes_back_with_clock_first(tmp_path, listener, replay, wait_for):
    process = replay(write_bag(tmp_path / "bag", steps=10), loop=True, wait_for_subscribers="['/count']")
    wait_for(lambda: listener.counts.count(0) >= 3)
    process.end()
    assert listener.counts[:20] == [*range(10), *range(10)]
    jumps = np.flatnonzero(np.diff(listener.clock_ns) < 0)
    assert len(jumps) >= 2 and listener.clock_ns[jumps[0] + 1] == START_NS


def test_services_are_those_of_rosbag2_player(tmp_path, listener, replay, call, wait_for):
    process = replay(write_bag(tmp_path / "bag"), paused=True, exit_at_end=False)
    assert call(IsPaused, "is_paused").paused
    assert call(GetRate, "get_rate").rate == 1.0
    assert call(PlayNext, "play_next").success  # the map
    assert call(Burst, "burst", num_messages=3).actually_burst == 3
    wait_for(lambda: listener.counts == [0, 1, 2])
    assert call(SetRate, "set_rate", rate=10.0).success and not call(SetRate, "set_rate", rate=-1.0).success
    assert call(GetRate, "get_rate").rate == 10.0
    call(Resume, "resume")
    assert not call(PlayNext, "play_next").success  # only while paused
    wait_for(lambda: "played 41 messages" in process.output)
    wait_for(lambda: listener.counts == list(range(40)))

    listener.counts.clear()
    request = Seek.Request()
    request.time.sec, request.time.nanosec = divmod(START_NS + 35 * STEP_NS, 1_000_000_000)
    assert call(Seek, "seek", time=request.time).success
    wait_for(lambda: listener.counts == list(range(35, 40)))
    request.time.sec = 1
    assert not call(Seek, "seek", time=request.time).success

    wait_for(lambda: process.output.count("played") == 2)
    listener.counts.clear()
    request = Play.Request()
    request.playback_duration.sec, request.playback_until_timestamp.sec = -1, -1
    assert call(Play, "play", **{name: getattr(request, name) for name in request.get_fields_and_field_types()}).success
    wait_for(lambda: len(listener.counts) == 40)
    call(TogglePaused, "toggle_paused")
    assert call(IsPaused, "is_paused").paused
    call(Pause, "pause")
    assert call(IsPaused, "is_paused").paused
    assert process.end() == 0


def test_pause_stops_the_clock_and_stop_ends(tmp_path, listener, replay, call, wait_for):
    process = replay(write_bag(tmp_path / "bag", steps=400), wait_for_subscribers="['/count']")
    wait_for(lambda: len(listener.counts) > 5)
    call(Pause, "pause")

    def stands() -> bool:
        """What was on its way has come, and nothing more comes."""
        before = len(listener.counts), listener.clock_ns[-1]
        time.sleep(0.3)
        return before == (len(listener.counts), listener.clock_ns[-1])

    wait_for(stands, what="a clock that stands")
    heard = len(listener.counts)
    assert heard < 400
    call(Resume, "resume")
    wait_for(lambda: len(listener.counts) > heard + 5)
    assert listener.counts == list(range(len(listener.counts)))
    call(Stop, "stop")
    assert process.wait() == 0
    assert len(listener.counts) < 400


def test_cut_off_recording_plays_as_far_as_it_goes(tmp_path, listener, replay, wait_for):
    bag = write_bag(tmp_path / "bag", sweeps=True)
    (file,) = bag.glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    process = replay(bag, rate=5.0, wait_for_subscribers="['/count']")
    assert process.wait() == 0
    played = int(re.search(r"played (\d+) messages", process.output)[1])
    wait_for(lambda: len(listener.counts) > 5)
    assert 15 < played < 50
    assert len(listener.counts) < 35 and listener.counts == list(range(len(listener.counts)))
    warnings = [line for line in process.output.splitlines() if "[WARN]" in line]
    assert len(warnings) == 1 and str(file) in warnings[0] and "Traceback" not in process.output


def test_unknown_types_are_left_out_with_one_line(tmp_path, listener, replay, wait_for):
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg("float64 x", "no_such_msgs/msg/Odd"))
    with BagWriter(tmp_path / "bag", store=store) as bag:
        bag.write("/odd", store.types["no_such_msgs/msg/Odd"](x=1.0), START_NS)
        header = RosbagsTypes(store).new("std_msgs/msg/Header")
        header.frame_id = "7"
        bag.write("/count", header, START_NS)
    process = replay(tmp_path / "bag", wait_for_subscribers="['/count']")
    assert process.wait() == 0
    wait_for(lambda: listener.counts == [7])
    assert process.output.count("not playing /odd: no_such_msgs/msg/Odd: no such ROS interface") == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bag": "/no/such/bag"}, "/no/such/bag: does not exist"),
        ({"loops": "true"}, "unknown parameter 'loops', did you mean 'loop'?"),
    ],
)
def test_mistakes_are_one_sentence(replay, parameters, message):
    process = replay(**parameters)
    assert process.wait() == 2
    assert message in process.output and "Traceback" not in process.output


def test_an_error_in_the_playing_thread_ends_the_node_and_is_told(tmp_path, spin, wait_for, monkeypatch, capfd):
    def fail(*_):
        raise OSError("the disk is gone")

    node, ended = spin(Node("replay")), threading.Event()
    playing = Replay(node, ReplayConfig(bag=str(write_bag(tmp_path / "bag"))), ended.set)
    monkeypatch.setattr(playing._player, "due", fail)
    playing.begin()
    wait_for(ended.is_set)
    playing.close()
    assert playing.failed and "the disk is gone" in capfd.readouterr().err


def test_one_publisher_serves_all_that_the_recorded_ones_served():
    def topic(*qos, count=100):
        return Topic("/x", "std_msgs/msg/String", count, qos, "", "cdr")

    def offered(topic, duration_s=10.0):
        qos = publisher_qos(topic, duration_s)
        return qos.reliability.name, qos.durability.name, qos.depth

    reliable, best_effort = qos_profile(depth=10), qos_profile(reliable=False, depth=5)
    latched = qos_profile(latched=True, depth=1)
    assert offered(topic(reliable)) == ("RELIABLE", "VOLATILE", 50)  # 5 s of it
    assert offered(topic(best_effort)) == ("BEST_EFFORT", "VOLATILE", 5)
    assert offered(topic(best_effort, reliable)) == ("RELIABLE", "VOLATILE", 50)
    assert offered(topic(latched, latched, latched)) == ("RELIABLE", "TRANSIENT_LOCAL", 3)
    assert offered(topic(latched)) == ("RELIABLE", "TRANSIENT_LOCAL", 1)
    assert offered(topic(qos_profile(depth=2**31 - 1)))[2] == 1000
    assert offered(topic()) == ("RELIABLE", "VOLATILE", 50)  # unknown
    assert offered(Topic("/tf_static", "tf2_msgs/msg/TFMessage", 1, (), "", "cdr"))[1] == "TRANSIENT_LOCAL"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bag": ""}, "bag must name"),
        ({"rate": -1.0}, "rate"),
        ({"rate": np.inf}, "rate"),
        ({"clock_rate_hz": -1.0}, "clock"),
    ],
)
def test_parameters_are_checked(values, message):
    with pytest.raises(ValueError, match=message):
        ReplayConfig(**({"bag": "/bag"} | values))


def test_yaml_file_lists_every_parameter_with_its_default():
    path = resource_path("config/replay_node.yaml")
    given = yaml.safe_load(path.read_text())["replay"]["ros__parameters"]
    defaults = flatten(ReplayConfig(bag="/bag"))
    assert given == {name: value for name, value in defaults.items() if name != "bag"}
    assert "# bag:" in path.read_text()
