"""Turns declared knobs with guarded experiments: change, measure, keep or revert."""
