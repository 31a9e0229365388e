"""Which GPUs a sweep may use, each under one name however the user names it."""

import os
import re
import subprocess
from collections.abc import Sequence

from asr.errors import InputError

_SECONDS = 60  # a node without persistence mode takes its time to wake the driver


def usable(named: Sequence[int | str] | None) -> list[str]:
    """Names for `CUDA_VISIBLE_DEVICES`, each of them a thing that one run can have.

    UUIDs where `nvidia-smi` tells them, so that two sweeps mean the same GPU by the same name,
    else what was named. A GPU that is split into instances stands for all of them.

    Args:
        named: numbers as `nvidia-smi` counts (that is `CUDA_DEVICE_ORDER=PCI_BUS_ID`) or UUIDs;
            None for those of `CUDA_VISIBLE_DEVICES`, without which all.

    Raises:
        InputError: there is no such GPU.
    """
    machine = listed(_nvidia_smi())
    if named is None:
        variable = os.environ.get("CUDA_VISIBLE_DEVICES")
        if variable is None:
            return [unit for units in machine.values() for unit in units]
        named = [name.strip() for name in variable.split(",")]
        if "-1" in named:  # CUDA ends the list there
            named = named[: named.index("-1")]
    found = [unit for name in named if name != "" for unit in _units(str(name), machine)]
    return list(dict.fromkeys(found))


def listed(text: str) -> dict[str, list[str]]:
    """By UUID of a GPU, in order, the UUIDs of its instances; its own where it has none.

    Args:
        text: what `nvidia-smi -L` prints.
    """
    gpus: dict[str, list[str]] = {}
    for line in text.splitlines():
        if gpu := re.match(r"GPU \d+: .*\(UUID: (\S+)\)", line):
            gpus[gpu[1]] = []
        elif instance := re.match(r"\s+MIG .*\(UUID: (\S+)\)", line):
            gpus[list(gpus)[-1]].append(instance[1])
    return {gpu: instances or [gpu] for gpu, instances in gpus.items()}


def _units(name: str, machine: dict[str, list[str]]) -> list[str]:
    if not machine or name.startswith("MIG-"):
        return [name]
    if name.isdecimal() and int(name) < len(machine):
        return list(machine.values())[int(name)]
    matching = [units for gpu, units in machine.items() if gpu.startswith(name)]
    if name.startswith("GPU-") and len(matching) == 1:  # CUDA takes an unambiguous beginning
        return matching[0]
    raise InputError(
        "hydra.launcher.gpus, or CUDA_VISIBLE_DEVICES",
        expected=f"GPUs of this machine: 0 to {len(machine) - 1}, or {', '.join(machine)}",
        got=repr(name),
        remedy="nvidia-smi -L lists them.",
    )


def _nvidia_smi() -> str:
    try:
        return subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""  # no NVIDIA driver; what is named is taken by its name
