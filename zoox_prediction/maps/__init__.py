"""The semantic road map and its readers."""
