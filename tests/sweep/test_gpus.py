"""One GPU has one name, however the user calls it."""

import os
import stat
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.sweep.gpus import listed, usable

# As nvidia-smi prints it: two whole GPUs, and one in two instances.
LIST = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-e86cb44c-6756-fd30-cd4a-1e6da3caf9b0)
GPU 2: NVIDIA A100-SXM4-40GB (UUID: GPU-c7384736-a75d-5afc-978f-d2f1294409fd)
  MIG 3g.20gb     Device  0: (UUID: MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d)
  MIG 3g.20gb     Device  1: (UUID: MIG-8c4ed1d9-2f5a-5e6e-9a6e-0c3a5d2f9b10)
"""
WHOLE = ["GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77", "GPU-e86cb44c-6756-fd30-cd4a-1e6da3caf9b0"]
PARTS = ["MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d", "MIG-8c4ed1d9-2f5a-5e6e-9a6e-0c3a5d2f9b10"]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose nvidia-smi prints LIST."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f'#!/bin/sh\n[ "$1" = -L ] && cat <<EOF\n{LIST}EOF\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without nvidia-smi."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_a_list() -> None:
    assert list(listed(LIST).values()) == [WHOLE[:1], WHOLE[1:], PARTS]
    assert listed("No devices were found\n") == {}


@pytest.mark.usefixtures("machine")
def test_all_of_a_machine() -> None:
    assert usable(None) == WHOLE + PARTS


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("1,0", [WHOLE[1], WHOLE[0]]),
        ("GPU-e86c, 0", [WHOLE[1], WHOLE[0]]),
        (f"0,{WHOLE[0]}", WHOLE[:1]),
        ("2", PARTS),
        (PARTS[1], PARTS[1:]),
        ("", []),
        ("-1", []),
        ("0,-1,1", WHOLE[:1]),
    ],
)
def test_those_of_cuda_visible_devices(
    variable: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert usable(None) == expected


@pytest.mark.usefixtures("machine")
def test_named_ones_come_before_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert usable([1, "GPU-5d5b"]) == [WHOLE[1], WHOLE[0]]


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("name", ["3", "GPU-", "GPU-ffff", "cuda:0"])
def test_no_such_gpu(name: str) -> None:
    with pytest.raises(InputError, match=f"expected GPUs of this machine: 0 to 2.*got '{name}'"):
        usable([name])


@pytest.mark.usefixtures("bare")
def test_without_a_driver_names_are_taken_as_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable(None) == []
    assert usable([0, 1]) == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert usable(None) == ["2", "3"]
