"""What a stage asks between two steps: whether to pause, and whether it is time to stop.

The plain pace never does either; `monitor.Monitor` is one that watches temperatures.

Shape: step -> nothing, after a pause; or an error, after a checkpoint.
"""


class Pace:
    """Go on at full speed."""

    too_hot = False

    def pause(self) -> float:
        """Wait as long as needed before the next step, and return the seconds."""
        return 0.0

    def stop(self, where: str) -> None:
        """Raise: training must stop, at the stage and step that `where` names."""

    def line(self) -> str:
        """Say in a few words how the machine is, for the progress line."""
        return ""
