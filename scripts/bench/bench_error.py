"""What can keep a figure from being taken."""

from scripts.launcher.launch_error import LaunchError


class MeasureError(LaunchError):
    """A server did not do what was to be measured."""
