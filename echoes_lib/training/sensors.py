"""Read what a machine shows of itself: GPUs through NVML, the rest through psutil.

A field that a card does not support is left out; a missing driver or one that is lost on the
way ends the sensor with a reason, never the training. Decides nothing.

Shape: a card or a machine -> {name: value} per reading, names as MLflow shows them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

GIB = 2**30
HOTTEST_POSSIBLE = 150  # a broken sensor says 255; no card lives at that


class SensorLost(Exception):
    """A sensor has nothing more to say; its message says why."""


class Sensor(Protocol):
    """A source of figures."""

    def read(self) -> dict[str, float]:
        """Return the figures of this moment.

        Raises:
            SensorLost: there will be no more.
        """

    def close(self) -> None:
        """Let go of the driver."""


class GpuSensor:
    """Memory, utilization, power and temperature of the GPUs that this process uses."""

    def __init__(self, uuids: Sequence[str] = (), nvml: Any = None):
        """Open the driver.

        Args:
            uuids: of the cards to watch, as NVML names them; all cards when there are none.
            nvml: the module pynvml; imported when omitted.

        Raises:
            SensorLost: there is no driver, no card, or none that may be read.
        """
        if nvml is None:
            import pynvml as nvml
        self._nvml = nvml
        self._unsupported: set[tuple[int, str]] = set()
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            raise SensorLost(f"no NVIDIA driver answers ({error})") from None
        try:
            self._cards = list(self._open(uuids))
        except nvml.NVMLError as error:
            self.close()
            raise SensorLost(f"the NVIDIA driver shows no card ({error})") from None
        if not self._cards:
            self.close()
            raise SensorLost("the NVIDIA driver shows no card")

    def read(self) -> dict[str, float]:
        """Return the figures of all cards, such as `gpu_0_temperature_celsius`.

        Raises:
            SensorLost: a card or the driver is gone.
        """
        figures = {}
        for index, card in enumerate(self._cards):
            for name, ask in self._questions(card).items():
                value = self._ask(index, name, ask)
                if value is not None:
                    figures[f"gpu_{index}_{name}"] = value
        return figures

    def close(self) -> None:
        """Let go of the driver; it may be gone already."""
        try:
            self._nvml.nvmlShutdown()
        except self._nvml.NVMLError:
            return

    def _open(self, uuids: Sequence[str]) -> Iterator[Any]:
        if uuids:
            yield from (self._nvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in uuids)
            return
        for index in range(self._nvml.nvmlDeviceGetCount()):
            yield self._nvml.nvmlDeviceGetHandleByIndex(index)

    def _questions(self, card: Any) -> dict[str, Callable[[], float]]:
        nvml = self._nvml
        return {
            "temperature_celsius": lambda: nvml.nvmlDeviceGetTemperature(
                card, nvml.NVML_TEMPERATURE_GPU
            ),
            "memory_gib": lambda: nvml.nvmlDeviceGetMemoryInfo(card).used / GIB,
            "memory_total_gib": lambda: nvml.nvmlDeviceGetMemoryInfo(card).total / GIB,
            "utilization_ratio": lambda: nvml.nvmlDeviceGetUtilizationRates(card).gpu / 100,
            "power_watts": lambda: nvml.nvmlDeviceGetPowerUsage(card) / 1000,
        }

    def _ask(self, index: int, name: str, ask: Callable[[], float]) -> float | None:
        """Ask for one figure; one that is not supported is not asked for again."""
        if (index, name) in self._unsupported:
            return None
        nvml = self._nvml
        try:
            value = float(ask())
        except (nvml.NVMLError_NotSupported, nvml.NVMLError_NoPermission):
            self._unsupported.add((index, name))
            return None
        except nvml.NVMLError as error:
            raise SensorLost(f"GPU {index} no longer answers ({error})") from None
        if name == "temperature_celsius" and not 0 < value < HOTTEST_POSSIBLE:
            return None
        return value


class HostSensor:
    """CPU, memory and load of this machine, and the CPU's temperature where it is known."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        self._process = psutil.Process()
        psutil.cpu_percent()  # the first call has nothing to compare with and says 0

    def read(self) -> dict[str, float]:
        """Return the figures of this moment, such as `process_memory_gib`."""
        figures = {
            "cpu_ratio": self._psutil.cpu_percent() / 100,
            "process_memory_gib": self._process.memory_info().rss / GIB,
            "machine_memory_ratio": self._psutil.virtual_memory().percent / 100,
            "load_1min": self._psutil.getloadavg()[0],
        }
        hottest = self._hottest()
        return figures if hottest is None else figures | {"cpu_temperature_celsius": hottest}

    def close(self) -> None:
        """Do nothing: psutil holds nothing open."""

    def _hottest(self) -> float | None:
        read = getattr(self._psutil, "sensors_temperatures", None)  # Linux and FreeBSD only
        chips = read() if read else {}
        known = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "acpitz")
        values = [part.current for chip in known for part in chips.get(chip, [])]
        plausible = [value for value in values if value and 0 < value < HOTTEST_POSSIBLE]
        return max(plausible, default=None)


def used_gpus() -> list[str]:
    """Name the cards that PyTorch sees here, as NVML names them; none without CUDA."""
    import torch

    if not torch.cuda.is_available():
        return []
    cards = (torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count()))
    return [f"GPU-{card.uuid}" for card in cards]
