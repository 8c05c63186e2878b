"""Tracks of all agents over time, from the detections of any number of sensors."""
