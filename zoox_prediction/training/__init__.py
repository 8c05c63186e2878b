"""Fitting models to recordings."""
