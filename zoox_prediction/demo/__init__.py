"""The demonstration: the real nodes as processes over DDS, a recording played through them, a report at the end."""
