"""How hard the GPU may work: its temperature limits, and the pauses that keep it below them.

Only arithmetic: reads no sensor and sleeps nowhere (see `monitor.py`).

Shape: temperatures, one per sample -> seconds of pause per second of step.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limits:
    """Temperatures in degrees Celsius, and how often to look, in seconds."""

    soft_celsius: float = 83.0
    hard_celsius: float = 90.0
    interval_s: float = 2.0


@dataclass
class Duty:
    """How long to pause after a step, as a multiple of the step: 0 is full speed.

    It begins at a tenth, grows by half with every sample above the soft limit, up to three
    (a quarter of the work), and shrinks likewise only once the card is `cooled` below the
    limit; in between it stays, or the card would swing about the limit.
    """

    soft_celsius: float
    cooled: float = 3.0
    first: float = 0.1
    factor: float = 1.5
    most: float = 3.0
    pause_ratio: float = 0.0

    def see(self, celsius: float) -> None:
        """Take a temperature into account."""
        if celsius > self.soft_celsius:
            self.pause_ratio = min(self.most, max(self.first, self.pause_ratio * self.factor))
        elif celsius <= self.soft_celsius - self.cooled:
            eased = self.pause_ratio / self.factor
            self.pause_ratio = eased if eased >= self.first else 0.0


def limits_of(params: Any) -> Limits:
    """Take the limits out of a step's parameters (`schema.Lora`)."""
    return Limits(params.soft_limit_celsius, params.hard_limit_celsius, params.sample_interval_s)
