"""A small SUMO network as text: a side road from the south joins a road of two lanes to the east.

The road passes junction A, where it only goes on, and junction J, where the side road gives way.
"""

from __future__ import annotations

from pathlib import Path

SIDE_ROAD = """<?xml version="1.0" encoding="UTF-8"?>
<net version="1.20">
    <location netOffset="-500000.00,-5427000.00" convBoundary="0.00,0.00,200.00,100.00"
        origBoundary="9.00,49.00,9.01,49.01" projParameter="+proj=utm +zone=32 +ellps=WGS84 +datum=WGS84 +units=m"/>
    <edge id=":A_0" function="internal">
        <lane id=":A_0_0" index="0" speed="20.00" length="5.00" shape="40.00,-4.80 45.00,-4.80"/>
        <lane id=":A_0_1" index="1" speed="20.00" length="5.00" shape="40.00,-1.60 45.00,-1.60"/>
    </edge>
    <edge id=":J_0" function="internal">
        <lane id=":J_0_0" index="0" speed="10.00" length="20.00" shape="90.00,-4.80 110.00,-4.80"/>
        <lane id=":J_0_1" index="1" speed="10.00" length="20.00" shape="90.00,-1.60 110.00,-1.60"/>
    </edge>
    <edge id=":J_2" function="internal">
        <lane id=":J_2_0" index="0" speed="5.00" length="0.10" shape="102.00,-20.00 102.00,-20.00"/>
    </edge>
    <edge id=":J_3" function="internal">
        <lane id=":J_3_0" index="0" speed="5.00" length="15.00" shape="102.00,-20.00 103.00,-8.00 110.00,-4.80"/>
    </edge>
    <edge id="west" from="W" to="A" priority="3">
        <lane id="west_0" index="0" speed="20.00" length="40.00" shape="0.00,-4.80 40.00,-4.80"/>
        <lane id="west_1" index="1" speed="20.00" length="40.00" shape="0.00,-1.60 40.00,-1.60"/>
    </edge>
    <edge id="middle" from="A" to="J" priority="3">
        <lane id="middle_0" index="0" speed="20.00" length="45.00" shape="45.00,-4.80 90.00,-4.80"/>
        <lane id="middle_1" index="1" speed="20.00" length="45.00" shape="45.00,-1.60 90.00,-1.60"/>
    </edge>
    <edge id="east" from="J" to="E" priority="3">
        <lane id="east_0" index="0" speed="15.00" length="90.00" shape="110.00,-4.80 200.00,-4.80"/>
        <lane id="east_1" index="1" speed="15.00" length="90.00" shape="110.00,-1.60 200.00,-1.60"/>
    </edge>
    <edge id="side" from="S" to="J" priority="1">
        <lane id="side_0" index="0" speed="8.00" length="80.00" width="4.00" shape="102.00,-100.00 102.00,-20.00"/>
    </edge>
    <junction id="A" type="priority" x="42.50" y="-3.20" incLanes="west_0 west_1" intLanes=":A_0_0 :A_0_1"
        shape="40.00,-6.40 45.00,-6.40 45.00,0.00 40.00,0.00">
        <request index="0" response="00" foes="00" cont="0"/>
        <request index="1" response="00" foes="00" cont="0"/>
    </junction>
    <junction id="J" type="priority" x="100.00" y="-5.00" incLanes="middle_0 middle_1 side_0"
        intLanes=":J_0_0 :J_0_1 :J_3_0"
        shape="90.00,0.00 90.00,-6.40 100.00,-20.00 104.00,-20.00 110.00,-6.40 110.00,0.00">
        <request index="0" response="000" foes="100" cont="0"/>
        <request index="1" response="000" foes="000" cont="0"/>
        <request index="2" response="001" foes="001" cont="0"/>
    </junction>
    <junction id="W" type="dead_end" x="0.00" y="-3.20" incLanes="" intLanes="" shape="0.00,0.00 0.00,-6.40"/>
    <junction id="E" type="dead_end" x="200.00" y="-3.20" incLanes="east_0 east_1" intLanes=""
        shape="200.00,-6.40 200.00,0.00"/>
    <junction id="S" type="dead_end" x="102.00" y="-100.00" incLanes="" intLanes=""
        shape="100.00,-100.00 104.00,-100.00"/>
    <junction id=":J_3_0" type="internal" x="102.00" y="-20.00" incLanes=":J_2_0" intLanes=":J_0_0"/>
    <connection from="west" to="middle" fromLane="0" toLane="0" via=":A_0_0" dir="s" state="M"/>
    <connection from="west" to="middle" fromLane="1" toLane="1" via=":A_0_1" dir="s" state="M"/>
    <connection from="middle" to="east" fromLane="0" toLane="0" via=":J_0_0" dir="s" state="M"/>
    <connection from="middle" to="east" fromLane="1" toLane="1" via=":J_0_1" dir="s" state="M"/>
    <connection from="side" to="east" fromLane="0" toLane="0" via=":J_2_0" dir="r" state="m"/>
    <connection from=":A_0" to="middle" fromLane="0" toLane="0" dir="s" state="M"/>
    <connection from=":A_0" to="middle" fromLane="1" toLane="1" dir="s" state="M"/>
    <connection from=":J_0" to="east" fromLane="0" toLane="0" dir="s" state="M"/>
    <connection from=":J_0" to="east" fromLane="1" toLane="1" dir="s" state="M"/>
    <connection from=":J_2" to="east" fromLane="0" toLane="0" via=":J_3_0" dir="r" state="m"/>
    <connection from=":J_3" to="east" fromLane="0" toLane="0" dir="r" state="M"/>
</net>
"""


def write_side_road(path: Path, *changes: tuple[str, str]) -> Path:
    """Writes the network with texts replaced, each of which must be in it."""
    text = SIDE_ROAD
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path
