"""Pictures, films and RViz markers of scenes and predictions."""
