"""The error of a figure that can't be taken."""

from scripts.launcher.launch_error import LaunchError


class MeasureError(LaunchError):
    """A server did not do the work that was to be measured."""
