"""What the nodes share: strict parameters, message types, QoS profiles, diagnostics, transforms, life cycle.

Only this package and `zoox_prediction.nodes` import rclpy or generated messages.
"""
