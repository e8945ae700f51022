"""What the agent says of a machine, and how it tells an emulated processor from a real one."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest

from latency_tables import agent

X86 = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\nflags\t\t: fpu sse2 avx2 hypervisor\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd crc32\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n"
STATUS, STARTED = "proc/self/status", "proc/thread-self/cmdline"
MODALIAS = "sys/devices/system/cpu/modalias"
CLOCKS = "sys/devices/system/clocksource/clocksource0/available_clocksource"


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_this_machine_is_described() -> None:
    machine = agent.describe_machine()
    assert machine["processor"]
    assert machine["cores"] >= 1
    assert machine["architecture"] == platform.machine()
    assert machine["memory_bytes"] > 2**28
    assert machine["numpy"]
    assert (machine["emulated"], machine["emulation"]) == (False, None)


def test_an_arm_board_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    cpu = "sys/devices/system/cpu/cpu0/cpufreq"
    files = {
        "proc/cpuinfo": ARM,
        "proc/meminfo": "MemTotal:        3884360 kB\nMemFree: 1 kB\n",
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        f"{cpu}/cpuinfo_max_freq": "1500000\n",
        f"{cpu}/scaling_cur_freq": "600000\n",
        f"{cpu}/scaling_governor": "ondemand\n",
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
        "sys/class/thermal/thermal_zone1/temp": "51000\n",
        "sys/class/thermal/thermal_zone2/temp": "-274000\n",
        "sys/class/thermal/thermal_zone3/temp": "500000\n",
    }
    machine = agent.describe_machine(system(tmp_path, files))
    assert machine["processor"] == "Arm Cortex-A72"
    assert machine["board"] == "Raspberry Pi 4 Model B Rev 1.4"
    assert (machine["frequency_mhz"], machine["frequency_now_mhz"], machine["governor"]) == (1500.0, 600.0, "ondemand")
    assert machine["features"] == ["asimd"]
    assert machine["temperature_c"] == 51.0
    assert machine["memory_bytes"] == 3884360 * 1024


def test_an_emulated_board_is_described_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    machine = agent.describe_machine(system(tmp_path, {"proc/cpuinfo": ARM, STATUS: "Name:\tqemu-aarch64-st\n"}))
    assert machine["processor"] == "Arm Cortex-A72, emulated by qemu-user"
    assert (machine["emulated"], machine["emulation"]) == (True, "qemu-user")


def test_a_machine_that_tells_nothing_is_described_as_unknown(tmp_path: Path) -> None:
    machine = agent.describe_machine(tmp_path)
    silent = ("board", "frequency_mhz", "frequency_now_mhz", "governor", "temperature_c", "memory_bytes", "emulation")
    assert [machine[name] for name in silent] == [None] * len(silent)
    assert machine["features"] == []
    assert machine["processor"]


@pytest.mark.parametrize("text", ["", "0", "-5", "fast", "1.5"])
def test_a_frequency_that_is_none_is_not_told(tmp_path: Path, text: str) -> None:
    system(tmp_path, {"sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": text})
    assert agent.describe_machine(tmp_path)["frequency_mhz"] is None


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("cpu MHz\t\t: 2596.130\ncpu MHz\t\t: 1200.000\n", 2596.13),
        ("cpu MHz : 1800\n", 1800.0),
        ("cpu MHz\t\t: 0.000\n", None),
        ("cpu MHz\t\t: \n", None),
        ("cpu MHz\t\t: nan\n", None),
        ("cpu MHz\t\t: 1.2.3\n", None),
        ("cpu MHz dynamic : 5200\n", None),
    ],
)
def test_without_cpufreq_the_frequency_is_that_of_cpuinfo(tmp_path: Path, listed: str, expected: float | None) -> None:
    machine = agent.describe_machine(system(tmp_path, {"proc/cpuinfo": f"processor\t: 0\n{listed}flags\t: avx\n"}))
    assert (machine["frequency_mhz"], machine["frequency_now_mhz"]) == (None, expected)


def test_cpufreq_goes_before_cpuinfo(tmp_path: Path) -> None:
    now = "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
    system(tmp_path, {"proc/cpuinfo": "cpu MHz : 3000.0\n", now: "600000\n"})
    assert agent.describe_machine(tmp_path)["frequency_now_mhz"] == 600.0


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        ("model name\t: AMD EPYC\nmodel name\t: AMD EPYC\n", "AMD EPYC"),
        (
            "CPU implementer : 0x41\nCPU part : 0xd05\nCPU part : 0xd05\nCPU part : 0xd41\n",
            "Arm Cortex-A55 + Arm Cortex-A78",
        ),
        ("CPU implementer : 0x41\nCPU part : 0xfff\n", "Arm part 0xfff"),
    ],
)
def test_processors_are_named(cpuinfo: str, name: str) -> None:
    assert agent.processor_name(cpuinfo) == name


@pytest.mark.parametrize(
    ("architecture", "files", "expected"),
    [
        ("x86_64", {"proc/cpuinfo": X86, STATUS: "Name:\tpython3\n", STARTED: "python3\0agent.py\0"}, None),
        ("x86_64", {"proc/cpuinfo": X86, MODALIAS: "cpu:type:x86,ven0002:", CLOCKS: "tsc kvm-clock"}, None),
        ("AMD64", {}, None),
        ("aarch64", {"proc/cpuinfo": ARM, MODALIAS: "cpu:type:aarch64:feature:,0000"}, None),
        ("arm64", {}, None),
        ("armv7l", {"proc/cpuinfo": "model name\t: ARMv7 Processor rev 3\nFeatures\t: neon\n"}, None),
        ("armv7l", {"proc/cpuinfo": ARM, MODALIAS: "cpu:type:aarch64:feature:,0000"}, None),
        ("riscv64", {"proc/cpuinfo": "isa\t: rv64imafdc\n"}, None),
        ("x86_64", {STARTED: "python3\0qemu-aarch64-static\0agent.py\0"}, None),
        ("x86_64", {STARTED: "/usr/bin/python3\0/opt/qemu-tools/agent.py\0"}, None),
        ("aarch64", {"proc/cpuinfo": X86}, "qemu-user"),
        ("aarch64", {"proc/cpuinfo": ARM, MODALIAS: "cpu:type:x86,ven0002:"}, "qemu-user"),
        ("aarch64", {"proc/cpuinfo": ARM, STATUS: "Name:\tqemu-aarch64-st\n"}, "qemu-user"),
        ("aarch64", {STARTED: "/usr/bin/qemu-aarch64-static\0/usr/bin/python3\0agent.py\0"}, "qemu-user"),
        ("aarch64", {STARTED: "/usr/libexec/qemu-binfmt/aarch64-binfmt-P\0/usr/bin/python3\0"}, "qemu-user"),
        ("x86_64", {"proc/cpuinfo": ARM}, "qemu-user"),
        ("riscv64", {MODALIAS: "cpu:type:x86,ven0002:"}, "qemu-user"),
        ("x86_64", {"proc/cpuinfo": X86.replace("AuthenticAMD", "VirtualApple")}, "rosetta"),
        ("x86_64", {"proc/cpuinfo": X86.replace("AMD EPYC", "QEMU TCG CPU version 2.5+")}, "qemu-system"),
        ("x86_64", {"proc/cpuinfo": X86.replace("AMD EPYC", "QEMU Virtual CPU version 2.5+")}, "qemu-system"),
        (
            "x86_64",
            {"proc/cpuinfo": X86.replace("AMD EPYC", "QEMU Virtual CPU version 2.5+"), CLOCKS: "kvm-clock tsc"},
            None,
        ),
        ("aarch64", {"proc/cpuinfo": ARM.replace("0x41", "0x00")}, "qemu-system"),
    ],
)
def test_emulation_is_told_from_a_real_processor(
    architecture: str, files: dict[str, Any], expected: str | None, tmp_path: Path
) -> None:
    assert agent.emulation(architecture, system(tmp_path, files)) == expected
