"""One suite for the stand-in and, wherever it can be imported, the distribution's own message_filters."""

from __future__ import annotations

import importlib
import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

import zoox_prediction.ros.synchronizers

STANDIN = "zoox_prediction.ros.standins.message_filters"


# A distribution has the real one; the head of the test report says which were found.
@pytest.fixture(params=[STANDIN, *["message_filters"] * bool(importlib.util.find_spec("message_filters"))])
def filters(request):
    return importlib.import_module(request.param)


def message(stamp_s, name=""):
    return SimpleNamespace(header=Header(stamp=Time(nanoseconds=round(stamp_s * 1e9)).to_msg(), frame_id=name))


class Synchronized:
    """A synchronizer with inputs `send(index, stamp)` and the stamps that came out."""

    def __init__(self, filters, make, count):
        self.inputs = [filters.SimpleFilter() for _ in range(count)]
        self.out = []
        make(self.inputs).registerCallback(
            lambda *messages: self.out.append(
                tuple(round(Time.from_msg(each.header.stamp).nanoseconds * 1e-9, 6) for each in messages)
            )
        )

    def send(self, index, stamp_s):
        self.inputs[index].signalMessage(message(stamp_s))


def test_the_switch_takes_the_real_one_where_there_is_one():
    try:
        expected = importlib.import_module("message_filters")
    except ImportError:
        expected = importlib.import_module(STANDIN)
    assert zoox_prediction.ros.synchronizers.Subscriber is expected.Subscriber


def test_callbacks_get_messages_then_their_own_arguments(filters):
    source, heard = filters.SimpleFilter(), []
    source.registerCallback(lambda *arguments: heard.append(arguments))
    source.registerCallback(lambda *arguments: heard.append(arguments), "extra", 2)
    source.signalMessage("message")
    assert heard == [("message",), ("message", "extra", 2)]


def test_exact_synchronizer_waits_for_all(filters):
    sync = Synchronized(filters, lambda inputs: filters.TimeSynchronizer(inputs, 10), 3)
    sync.send(0, 1.0)
    sync.send(1, 1.0)
    assert sync.out == []
    sync.send(2, 1.000001)
    assert sync.out == []
    sync.send(2, 1.0)
    assert sync.out == [(1.0, 1.0, 1.0)]
    sync.send(2, 1.0)
    assert len(sync.out) == 1  # the partners are used up


def test_exact_synchronizer_forgets_the_oldest(filters):
    sync = Synchronized(filters, lambda inputs: filters.TimeSynchronizer(inputs, 2), 2)
    for stamp in (1.0, 2.0, 3.0):
        sync.send(0, stamp)
    for stamp in (1.0, 2.0, 3.0):
        sync.send(1, stamp)
    assert sync.out == [(2.0, 2.0), (3.0, 3.0)]


def test_approximate_synchronizer_takes_the_nearest_within_slop(filters):
    sync = Synchronized(filters, lambda inputs: filters.ApproximateTimeSynchronizer(inputs, 10, 0.05), 2)
    sync.send(0, 1.00)
    sync.send(0, 1.04)
    sync.send(1, 1.06)
    assert sync.out == [(1.04, 1.06)]
    sync.send(1, 1.03)
    assert sync.out[1:] == [(1.00, 1.03)]
    sync.send(0, 2.0)
    sync.send(1, 2.06)
    assert len(sync.out) == 2


def test_approximate_synchronizer_bounds_the_whole_spread(filters):
    sync = Synchronized(filters, lambda inputs: filters.ApproximateTimeSynchronizer(inputs, 10, 0.05), 3)
    sync.send(0, 1.00)
    sync.send(1, 1.08)
    sync.send(2, 1.04)  # within slop of both, which are not within slop of one another
    assert sync.out == []
    sync.send(1, 1.02)
    assert sync.out == [(1.00, 1.02, 1.04)]


def test_real_rates_all_pair_up(filters):
    """A camera at 10 Hz and a lidar at 10 Hz, 20 ms apart with jitter, in any order of arrival."""
    random = np.random.default_rng(0)
    sync = Synchronized(filters, lambda inputs: filters.ApproximateTimeSynchronizer(inputs, 5, 0.04), 2)
    events = [(0, 0.1 * i + random.normal(0, 0.002)) for i in range(1, 60)]
    events += [(1, 0.1 * i + 0.02 + random.normal(0, 0.002)) for i in range(1, 60)]
    for index, stamp in sorted(events, key=lambda event: event[1] + random.uniform(0, 0.08)):
        sync.send(index, stamp)
    assert len(sync.out) == 59
    assert max(abs(a - b) for a, b in sync.out) < 0.04


def test_subscribers_over_the_wire(filters, spin, wait_for):
    from geometry_msgs.msg import PointStamped

    node = spin(Node("filters"))
    sources = [filters.Subscriber(node, PointStamped, f"/filtered_{name}", qos_profile=10) for name in "ab"]
    heard = []
    sync = filters.ApproximateTimeSynchronizer(sources, 10, 0.1)
    sync.registerCallback(lambda *messages: heard.append([each.point.x for each in messages]))
    publishers = [node.create_publisher(PointStamped, f"/filtered_{name}", 10) for name in "ab"]
    wait_for(lambda: all(each.get_subscription_count() for each in publishers))
    for x, publisher in enumerate(publishers):
        point = PointStamped()
        point.header.stamp.sec = 5
        point.point.x = float(x)
        publisher.publish(point)
    wait_for(lambda: heard == [[0.0, 1.0]])
    assert sources[0].getTopic() == "/filtered_a"
