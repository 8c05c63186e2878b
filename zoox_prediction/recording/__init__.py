"""Recordings: rosbag2 bags, core types as messages, replay, and public datasets as bags."""
