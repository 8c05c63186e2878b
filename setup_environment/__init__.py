"""Makes `.venv`: everything that a checkout of zoox_prediction needs to run, from an almost bare machine.

Only the standard library is used. `python3 -m setup_environment --help` says how to call it; `make` does.
"""
