"""What a stage asks between two steps: whether to pause, and whether it is time to stop.

The plain pace never does either. `monitor` knows one that watches temperatures.

Shape: step -> nothing, after a pause; or an error, after a checkpoint.
"""


class Pace:
    """Go on at full speed."""

    def pause(self) -> None:
        """Wait as long as needed before the next step."""

    def check(self) -> None:
        """Raise when training must stop here; the state is saved before it is let go."""
