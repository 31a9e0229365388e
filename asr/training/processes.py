"""Who started the processes of a run, and whether they are as many as the run has."""

import os

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from asr.errors import InputError


def environment(devices: int, nodes: int) -> ClusterEnvironment | None:
    """What tells a process which of the run's it is.

    Args:
        devices, nodes: processes of a node, and nodes, as the run is set.

    Returns:
        torchrun's, srun's, or that of a training which starts its other processes itself; None
        where neither has a part in it, and Lightning may look for other schedulers.

    Raises:
        InputError: torchrun or srun started another number of processes. Too few would train on a
            part of the data by schedules for all of it; too many would each write the run folder.
    """
    if TorchElasticEnvironment.detect():
        _refuse_others("torchrun", int(os.environ["WORLD_SIZE"]), devices, nodes)
        return TorchElasticEnvironment()
    if not SLURMEnvironment.detect():
        return None
    tasks = int(os.environ["SLURM_NTASKS"])
    # A batch script has the number of tasks that a later srun would start, and no step.
    if tasks == 1 or "SLURM_STEP_ID" not in os.environ:
        return LightningEnvironment()
    _refuse_others("srun", tasks, devices, nodes)
    try:
        # Lightning would save and requeue at any point of a step, where our resume cannot look.
        found = SLURMEnvironment(auto_requeue=False)
        found.validate_settings(num_devices=devices, num_nodes=nodes)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            "srun",
            expected=f"{devices} processes on each of {nodes} nodes",
            got=str(error),
            remedy=_as_many("srun", devices, nodes),
        ) from error
    return found


def _refuse_others(starter: str, started: int, devices: int, nodes: int) -> None:
    if started != devices * nodes:
        raise InputError(
            starter,
            expected=f"{devices * nodes} processes: hardware.devices={devices} on each of "
            f"hardware.nodes={nodes}",
            got=f"{started} started",
            remedy=f"{_as_many(starter, devices, nodes)} Or set hardware.devices and "
            "hardware.nodes to what was started.",
        )


def _as_many(starter: str, devices: int, nodes: int) -> str:
    options = {
        "srun": f"--nodes={nodes} --ntasks-per-node={devices}",
        "torchrun": f"--nnodes={nodes} --nproc-per-node={devices}",
    }
    return f"Start them by {starter} {options[starter]}."
