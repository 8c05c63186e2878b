"""Heuristic predictors: physics, lanes and pedestrians' habits, and their calibrated mixture."""
