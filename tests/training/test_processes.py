"""Variables as torchrun, srun and batch scripts set them; the real srun is in tests/slurm."""

import re

import pytest
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from asr.errors import InputError
from asr.training.processes import environment

BATCH = {"SLURM_JOB_NAME": "job", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
STEP = {**BATCH, "SLURM_STEP_ID": "0"}
TORCHRUN = {"TORCHELASTIC_RUN_ID": "1", "RANK": "0", "LOCAL_RANK": "0"}


@pytest.fixture(autouse=True)
def _nobody_started_it(monkeypatch):
    for name in (*STEP, *TORCHRUN, "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "devices", "kind"),
    [
        ({}, 8, type(None)),
        # A script that asks for tasks and starts one process, or a pool of them, without srun.
        (BATCH | {"SLURM_NTASKS": "1"}, 8, LightningEnvironment),
        (BATCH | {"SLURM_NTASKS": "8"}, 1, LightningEnvironment),
        (STEP | {"SLURM_NTASKS": "1"}, 1, LightningEnvironment),
        (STEP | {"SLURM_NTASKS": "1"}, 4, LightningEnvironment),
        (STEP | {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"}, 2, SLURMEnvironment),
        # torchrun inside a job of one task a node.
        (STEP | TORCHRUN | {"SLURM_NTASKS": "1", "WORLD_SIZE": "4"}, 4, TorchElasticEnvironment),
        (TORCHRUN | {"WORLD_SIZE": "1"}, 1, TorchElasticEnvironment),
    ],
)
def test_who_started_the_processes(monkeypatch, variables, devices, kind):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert type(environment(devices, 1)) is kind


@pytest.mark.parametrize(
    ("variables", "devices", "nodes", "told"),
    [
        (
            STEP | {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"}, 1, 1,
            "srun: expected 1 processes: hardware.devices=1 on each of hardware.nodes=1, got 2 "
            "started. Start them by srun --nodes=1 --ntasks-per-node=1.",
        ),
        (
            TORCHRUN | {"WORLD_SIZE": "2"}, 4, 1,
            "torchrun: expected 4 processes: hardware.devices=4 on each of hardware.nodes=1, got 2 "
            "started. Start them by torchrun --nnodes=1 --nproc-per-node=4.",
        ),
        (STEP | {"SLURM_NTASKS": "2"}, 2, 1, "srun: expected 2 processes on each of 1 nodes, got "),
        (
            STEP | {"SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "4"}, 2, 2,
            "srun: expected 2 processes on each of 2 nodes, got ",
        ),
    ],
)  # fmt: skip
def test_another_number_of_processes_is_refused(monkeypatch, variables, devices, nodes, told):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"^{re.escape(told)}"):
        environment(devices, nodes)
