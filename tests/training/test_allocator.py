"""The allocator's setting, seen from outside: page faults of a process that frees what it takes."""

import ctypes
import subprocess
import sys

import pytest

FAULTS = """
import ctypes, resource, sys
import torch
from asr.training.allocator import keep_freed_memory

ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # no huge pages, whatever the machine's policy
if sys.argv[1] == "kept":
    keep_freed_memory()
torch.set_num_threads(1)


def step():
    torch.ones(1_000_000).sum()  # 4 MB, 1,000 pages
    torch.ones(20_000_000).sum()  # 80 MB, more than malloc ever keeps by itself


for _ in range(5):
    step()  # until there is room for all
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc's malloc"
)
def test_freed_memory_is_used_again() -> None:
    def faults(name: str) -> int:
        command = [sys.executable, "-c", FAULTS, name]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert 10 * faults("kept") < faults("usual")
