"""The picture of the world that the network looks at: 60 channels around the ego, from one table of channels."""
