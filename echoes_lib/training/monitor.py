"""Watch the machine while it trains; slow down when the GPU is hot, stop when it is too hot.

A thread reads the sensors every few seconds and hands each sample on, to MLflow and to the
progress line. Above the soft limit the trainer pauses between optimizer steps, longer with
every sample that stays hot and shorter again once it has cooled; at the hard limit it is told
to save and stop. Limits are for GPUs: CPUs slow themselves down, and their temperature is only
recorded. A monitor that fails says so once, keeps the reason, and leaves the training alone.

    with Monitor(open_sensors(), limits_of(params), log_samples(run)) as monitor:
        for step in steps:
            ...
            monitor.pause()
            if monitor.too_hot:
                save(); monitor.stop("stage1, step 120")

Shape: sensors -> samples {"system/gpu_0_temperature_celsius": 71.0, ...}, pauses, TooHot.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from echoes_lib.errors import TooHot
from echoes_lib.training.duty import Duty, Limits
from echoes_lib.training.sensors import GpuSensor, HostSensor, Sensor, SensorLost, used_gpus

LOG = logging.getLogger(__name__)
PATIENCE_S = 10.0
Sample = dict[str, float]
Callback = Callable[[Sample], None]


@dataclass
class Monitor:
    """A context in which the machine is watched.

    Args:
        sensors: what is read; one that is lost is left out from then on.
        limits: soft and hard limit, interval.
        on_sample: called with every sample, from the monitor's thread.
        clock: seconds, for the length of steps.
        wait: sleeps for seconds at most and says whether the monitor has ended meanwhile.
    """

    sensors: Sequence[Sensor]
    limits: Limits = Limits()
    on_sample: Callback = lambda sample: None
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], bool] | None = None
    last: Sample = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    paused_s: float = 0.0

    def __post_init__(self) -> None:
        self._duty = Duty(self.limits.soft_celsius)
        self._hottest: tuple[str, float] | None = None
        self._step_began: float | None = None
        self._living = list(self.sensors)
        self._ended = threading.Event()
        self._wait = self.wait or self._ended.wait
        self._thread = threading.Thread(target=self._follow, name="monitor", daemon=True)

    def __enter__(self) -> "Monitor":
        self._step_began = self.clock()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=PATIENCE_S)
        if self._thread.is_alive():  # a driver that hangs must not hold the training's end
            self._note("ending its thread", f"a sensor did not answer for {PATIENCE_S:.0f} s")
            return
        for sensor in self._living:
            self._guarded(f"closing {type(sensor).__name__}", sensor.close)

    @property
    def too_hot(self) -> bool:
        """Whether a GPU has reached the hard limit; it stays so, cooled down or not."""
        return self._hottest is not None

    @property
    def pause_ratio(self) -> float:
        """Seconds of pause per second of step; 0 when nothing is hot."""
        return self._duty.pause_ratio

    def pause(self) -> float:
        """Wait between two optimizer steps, as long as the temperature asks for.

        Returns:
            The seconds asked for; 0 at full speed.
        """
        step_s = 0.0 if self._step_began is None else self.clock() - self._step_began
        seconds = 0.0 if self.too_hot else step_s * self._duty.pause_ratio
        if seconds > 0:
            self._wait(seconds)
            self.paused_s += seconds
        self._step_began = self.clock()
        return seconds

    def stop(self, where: str) -> None:
        """Stop the training, which has saved itself.

        Args:
            where: stage or trial and step, in words that the person will recognise.

        Raises:
            TooHot: always; ask before whether this GPU, or another process's, is too hot.
        """
        hot = "a GPU of another process is too hot"
        if self._hottest:
            hot = f"{self._hottest[0]} is at {self._hottest[1]:.0f} °C"
        raise TooHot(
            f"{hot} and hard_limit_celsius={self.limits.hard_celsius:.0f}: "
            f"training stopped at {where} and what was done is saved. Let it cool, clear its air, "
            "then run the same command again to go on; a lower soft_limit_celsius slows it down "
            "earlier"
        )

    def sample(self) -> Sample:
        """Read all sensors once, act on temperatures, and hand the sample on.

        Returns:
            The sample; what could not be read is missing from it.
        """
        figures: Sample = {}
        for sensor in list(self._living):
            figures |= self._read(sensor)
        hottest = hottest_gpu(figures)
        if hottest is not None:
            self._duty.see(hottest[1])
            if hottest[1] >= self.limits.hard_celsius and self._hottest is None:
                self._hottest = hottest
        figures["pause_ratio"] = self._duty.pause_ratio
        self.last = {f"system/{name}": value for name, value in figures.items()}
        self._guarded("handing a sample on", lambda: self.on_sample(self.last))
        return self.last

    def line(self) -> str:
        """Say the GPU's state in a few words for a progress line; empty without a GPU."""
        return describe(self.last)

    def _follow(self) -> None:
        self._guarded("sampling", self.sample)
        while not self._ended.wait(self.limits.interval_s):
            self._guarded("sampling", self.sample)

    def _read(self, sensor: Sensor) -> Sample:
        name = type(sensor).__name__
        try:
            return sensor.read()
        except SensorLost as lost:
            self._note(name, str(lost))
        except Exception as error:  # a driver's wrapper may raise anything; training goes on
            self._note(name, f"{type(error).__name__}: {error}")
        self._living.remove(sensor)
        return {}

    def _guarded(self, what: str, act: Callable[[], Any]) -> None:
        try:
            act()
        except Exception as error:  # watching must never end what is watched
            self._note(what, type(error).__name__)

    def _note(self, what: str, reason: str) -> None:
        """Keep the first reason of a failure, and warn of it once."""
        if what not in self.failures:
            self.failures[what] = reason
            LOG.warning("the monitor goes on without %s: %s", what, reason)


def hottest_gpu(figures: Mapping[str, float]) -> tuple[str, float] | None:
    """Find the hottest card in a sample: its name and degrees; None where none is known."""
    ending = "_temperature_celsius"
    found = [
        (f"GPU {name.removeprefix('gpu_').removesuffix(ending)}", value)
        for name, value in figures.items()
        if name.startswith("gpu_") and name.endswith(ending)
    ]
    return max(found, key=lambda card: card[1], default=None)


def describe(sample: Mapping[str, float]) -> str:
    """Say a sample in a few words: temperature, memory, power, and whether it is slowed."""
    figures = {name.removeprefix("system/"): value for name, value in sample.items()}
    hottest = hottest_gpu(figures)
    parts = [f"{hottest[0]} {hottest[1]:.0f} °C"] if hottest else []
    if {"gpu_0_memory_gib", "gpu_0_memory_total_gib"} <= figures.keys():
        used, total = figures["gpu_0_memory_gib"], figures["gpu_0_memory_total_gib"]
        parts.append(f"{used:.1f} of {total:.1f} GiB")
    if "gpu_0_power_watts" in figures:
        parts.append(f"{figures['gpu_0_power_watts']:.0f} W")
    if figures.get("pause_ratio", 0.0) > 0:
        parts.append(f"slowed to {1 / (1 + figures['pause_ratio']):.0%}")
    return ", ".join(parts)


def open_sensors() -> list[Sensor]:
    """Open the sensors of this machine: its host, and the GPUs that training uses, if any."""
    sensors: list[Sensor] = [HostSensor()]
    cards, reason = used_gpus(), ""
    for wanted in (cards, ()) if cards else ():  # a slice of a card is not found by its name
        try:
            return [*sensors, GpuSensor(wanted)]
        except SensorLost as lost:
            reason = str(lost)
    if reason:
        LOG.warning("GPU figures are not recorded: %s", reason)
    return sensors


def log_samples(run: Any) -> Callback:
    """Return a callback that logs samples into a tracking run, one step of the curve each."""
    counted = iter(range(2**62))
    return lambda sample: run.log_metrics(sample, step=next(counted))
