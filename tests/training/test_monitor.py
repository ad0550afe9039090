"""Scripted sensors and a fake clock: what is recorded, when it slows, when it stops."""

import threading
import time

import pynvml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.errors import ParamsError, TooHot
from echoes_lib.params import TrainParams
from echoes_lib.params.load import validate
from echoes_lib.tracking.interface import NullRun
from echoes_lib.training.duty import Duty, Limits, limits_of
from echoes_lib.training.monitor import Monitor, describe, log_samples, open_sensors
from echoes_lib.training.sensors import GpuSensor, HostSensor, SensorLost


class Script:
    """A sensor that gives one prepared reading after another, then only the last."""

    def __init__(self, *readings):
        self.readings, self.closed = list(readings), 0

    def read(self):
        reading = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        if isinstance(reading, Exception):
            raise reading
        return dict(reading)

    def close(self):
        self.closed += 1


class Clock:
    """Seconds that pass only when somebody says so; keeps what was waited for."""

    def __init__(self):
        self.now, self.waits = 0.0, []

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        return False


def degrees(*values):
    return Script(*({"gpu_0_temperature_celsius": float(value)} for value in values))


def watch(*sensors, on_sample=lambda sample: None, clock=None, **limits):
    clock = clock or Clock()
    return Monitor(sensors, Limits(**limits), on_sample, clock, clock.wait)


def test_samples_go_to_the_callback_by_their_mlflow_names():
    seen = []
    monitor = watch(degrees(60, 61), Script({"cpu_ratio": 0.5}), on_sample=seen.append)
    monitor.sample()
    monitor.sample()
    assert [sample["system/gpu_0_temperature_celsius"] for sample in seen] == [60, 61]
    assert seen[0] == {
        "system/gpu_0_temperature_celsius": 60.0,
        "system/cpu_ratio": 0.5,
        "system/pause_ratio": 0.0,
    }


def test_it_slows_above_the_soft_limit_holds_below_it_and_recovers_when_cooled():
    temperatures = [82, 83, 84, 84, 84, 82, 81, 80, 79, 79, 79, 79]
    monitor, ratios = watch(degrees(*temperatures)), []
    for _ in temperatures:
        monitor.sample()
        ratios.append(round(monitor.pause_ratio, 4))
    slower = [0.1, 0.15, 0.225]
    assert ratios == [0, 0, *slower, 0.225, 0.225, 0.15, 0.1, 0, 0, 0]


def test_the_pause_is_a_share_of_the_step_and_is_not_counted_as_step():
    clock = Clock()
    monitor = watch(degrees(85, 85), clock=clock)
    assert monitor.pause() == 0 and clock.waits == []  # no step has been timed yet
    clock.now += 2.0
    monitor.sample()
    monitor.sample()
    assert monitor.pause() == pytest.approx(2.0 * 0.15)
    clock.now += 4.0
    assert monitor.pause() == pytest.approx(4.0 * 0.15)
    assert clock.waits == pytest.approx([0.3, 0.6])
    assert monitor.paused_s == pytest.approx(0.9)


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.floats(20, 120), max_size=60))
def test_pauses_stay_within_bounds_and_end_when_it_is_cool(temperatures):
    duty = Duty(soft_celsius=83.0)
    for celsius in temperatures:
        before = duty.pause_ratio
        duty.see(celsius)
        assert 0 <= duty.pause_ratio <= duty.most
        assert duty.pause_ratio >= before if celsius > 80 else duty.pause_ratio <= before
    for _ in range(20):
        duty.see(60.0)
    assert duty.pause_ratio == 0


def test_at_the_hard_limit_it_says_to_stop_and_does_not_take_it_back():
    clock = Clock()
    monitor = watch(degrees(89.9, 90, 60, 60), clock=clock)
    monitor.sample()
    assert not monitor.too_hot
    monitor.sample()
    monitor.sample()
    clock.now += 1
    assert monitor.too_hot and monitor.pause() == 0  # no pause before the checkpoint
    with pytest.raises(TooHot) as stopped:
        monitor.stop("stage1, step 120")
    for part in ("GPU 0 is at 90 °C", "hard_limit_celsius=90", "stage1, step 120", "run the same"):
        assert part in str(stopped.value)


def test_the_hottest_of_several_cards_decides_and_the_cpu_does_not():
    cards = Script({"gpu_0_temperature_celsius": 50.0, "gpu_1_temperature_celsius": 95.0})
    monitor = watch(cards)
    monitor.sample()
    with pytest.raises(TooHot, match="GPU 1 is at 95"):
        monitor.stop("here")
    with pytest.raises(TooHot, match="a GPU of another process is too hot and hard_limit"):
        watch(Script({"gpu_0_temperature_celsius": 40.0})).stop("here")
    monitor = watch(Script({"cpu_temperature_celsius": 99.0}))
    monitor.sample()
    assert not monitor.too_hot and monitor.pause_ratio == 0


def test_a_sensor_that_is_lost_is_named_once_and_the_others_go_on(caplog):
    cards, host = degrees(50, 51), Script({"cpu_ratio": 0.5})
    cards.readings[1:] = [SensorLost("GPU 0 no longer answers (GPU is lost)"), {}]
    odd = Script(ValueError("wrapper's own fault"))
    monitor = watch(cards, odd, host)
    for _ in range(4):
        last = monitor.sample()
    assert last == {"system/cpu_ratio": 0.5, "system/pause_ratio": 0.0}
    assert monitor.failures == {"Script": "ValueError: wrapper's own fault"}
    assert len(caplog.records) == 1


def test_a_callback_that_fails_ends_nothing_and_is_warned_of_once(caplog):
    def full(sample):
        raise OSError("disk full")

    monitor = watch(degrees(95, 95), on_sample=full)
    monitor.sample()
    monitor.sample()
    assert monitor.too_hot
    assert monitor.failures == {"handing a sample on": "OSError"}
    assert len(caplog.records) == 1


def test_the_thread_samples_by_itself_and_is_gone_after_the_context():
    sampled = threading.Event()
    sensor = degrees(50)
    with pytest.raises(KeyError), watch(sensor, on_sample=lambda s: sampled.set()) as monitor:
        assert sampled.wait(20)
        raise KeyError("training failed")
    assert sensor.closed == 1
    assert monitor.last["system/gpu_0_temperature_celsius"] == 50
    assert "monitor" not in {thread.name for thread in threading.enumerate()}


def test_ending_does_not_wait_for_the_interval_or_for_a_pause():
    began = time.monotonic()
    monitor = Monitor([degrees(85)], Limits(interval_s=60.0))
    with monitor:
        pass
    assert monitor._wait(60.0) is True  # a pause ends with the monitor
    assert time.monotonic() - began < 20


def test_this_machines_own_sensors():
    sensors = open_sensors()
    figures = sensors[0].read()
    assert isinstance(sensors[0], HostSensor)
    assert figures["process_memory_gib"] > 0.01
    assert 0 <= figures["cpu_ratio"] <= 1 and 0 < figures["machine_memory_ratio"] <= 1
    for sensor in sensors:
        sensor.close()


def test_samples_become_a_curve_in_a_run():
    class Kept(NullRun):
        points = []

        def log_metrics(self, metrics, step=None):
            self.points.append((step, metrics))

    log = log_samples(Kept())
    log({"system/cpu_ratio": 0.1})
    log({"system/cpu_ratio": 0.2})
    assert Kept.points == [(0, {"system/cpu_ratio": 0.1}), (1, {"system/cpu_ratio": 0.2})]


def test_the_progress_line():
    sample = {
        "system/gpu_0_temperature_celsius": 84.0,
        "system/gpu_0_memory_gib": 9.24,
        "system/gpu_0_memory_total_gib": 23.99,
        "system/gpu_0_power_watts": 251.4,
        "system/pause_ratio": 0.25,
    }
    assert describe(sample) == "GPU 0 84 °C, 9.2 of 24.0 GiB, 251 W, slowed to 80%"
    assert describe({"system/cpu_ratio": 0.5, "system/pause_ratio": 0.0}) == ""


def test_limits_come_from_the_parameters_and_must_be_in_order():
    assert limits_of(TrainParams(sample_interval_s=5)) == Limits(83.0, 90.0, 5.0)
    with pytest.raises(ParamsError, match="soft_limit_celsius must be below hard_limit_celsius"):
        validate(TrainParams, {"soft_limit_celsius": 90, "hard_limit_celsius": 85})


class Driver:
    """NVML of one scripted card; `says` maps a question to an answer or an error to raise."""

    def __init__(self, **says):
        self.says, self.asked, self.open = says, [], 0
        for name in ("NVMLError", "NVMLError_NotSupported", "NVMLError_NoPermission"):
            setattr(self, name, getattr(pynvml, name))
        self.NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU

    def answer(self, question, usual):
        self.asked.append(question)
        found = self.says.get(question, usual)
        if isinstance(found, pynvml.NVMLError):
            raise found
        return found

    def nvmlInit(self):
        self.answer("init", None)
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlDeviceGetCount(self):
        return self.answer("count", 1)

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid):
        return self.answer("uuid", uuid)

    def nvmlDeviceGetTemperature(self, card, which):
        return self.answer("temperature", 71)

    def nvmlDeviceGetMemoryInfo(self, card):
        return self.answer("memory", pynvml.c_nvmlMemory_t(total=24 << 30, free=0, used=9 << 30))

    def nvmlDeviceGetUtilizationRates(self, card):
        return self.answer("utilization", pynvml.c_nvmlUtilization_t(gpu=97, memory=40))

    def nvmlDeviceGetPowerUsage(self, card):
        return self.answer("power", 251_400)


def fails(code):
    return pynvml.NVMLError(code)


def test_a_card_is_read_in_the_projects_units():
    sensor = GpuSensor(["GPU-1"], Driver())
    assert sensor.read() == {
        "gpu_0_temperature_celsius": 71.0,
        "gpu_0_memory_gib": 9.0,
        "gpu_0_memory_total_gib": 24.0,
        "gpu_0_utilization_ratio": 0.97,
        "gpu_0_power_watts": 251.4,
    }


def test_what_a_card_does_not_support_is_left_out_and_not_asked_for_again():
    driver = Driver(power=fails(pynvml.NVML_ERROR_NOT_SUPPORTED), temperature=255)
    sensor = GpuSensor((), driver)
    assert set(sensor.read()) == {
        "gpu_0_memory_gib",
        "gpu_0_memory_total_gib",
        "gpu_0_utilization_ratio",
    }
    sensor.read()
    assert driver.asked.count("power") == 1 and driver.asked.count("temperature") == 2


def test_a_driver_that_is_lost_on_the_way_says_so():
    driver = Driver()
    sensor = GpuSensor((), driver)
    sensor.read()
    driver.says["memory"] = fails(pynvml.NVML_ERROR_GPU_IS_LOST)
    with pytest.raises(SensorLost, match="GPU 0 no longer answers"):
        sensor.read()
    sensor.close()
    assert driver.open == 0


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ({"init": fails(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)}, "no NVIDIA driver answers"),
        ({"count": 0}, "shows no card"),
        ({"uuid": fails(pynvml.NVML_ERROR_NOT_FOUND)}, "shows no card"),
    ],
)
def test_no_driver_and_no_card(says, message):
    driver = Driver(**says)
    with pytest.raises(SensorLost, match=message):
        GpuSensor(["GPU-1"] if "uuid" in says else (), driver)
    assert driver.open == 0


def test_the_real_library_on_this_machine():
    try:
        sensor = GpuSensor()
    except SensorLost as lost:
        assert "NVIDIA driver" in str(lost)
        return
    assert sensor.read()
    sensor.close()
