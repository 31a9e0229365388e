"""Run folders as a sweep leaves them for its engine, and the engine of conf/ to hand them to."""

from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir

from asr.configuration import CONFIGURATION, build, plain
from asr.sweep.job import Job
from asr.sweep.slurm import Submitit
from asr.training.run_folder import RunFolder
from asr.training.run_identity import identify
from tests.commands import tiny_run


def engine(**changes: Any) -> Submitit:
    """With the arguments of conf/hydra/launcher/slurm.yaml, on a node of four small CPUs."""
    path = CONFIGURATION / "hydra" / "launcher" / "slurm.yaml"
    arguments = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name in ("_target_", "retry_failed", "baselines"):  # of the launcher
        del arguments[name]
    small = {"nodes": 1, "tasks_per_node": 1, "cpus_per_task": 1, "mem_gb": None}
    return Submitit(**{**arguments, **small, **changes})


def queued_run(runs: Path, name: str, **hardware: int) -> Path:
    """A run folder that waits, with as much of a configuration as an engine looks at."""
    folder = runs / "default" / name
    RunFolder(folder, {"run_key": name}).queue()
    settings = {"hardware": {"nodes": 1, "devices": 1, **hardware}}
    (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


def queued_training(data: Path, runs: Path, *overrides: str) -> Path:
    """A run folder that waits to be trained, with the settings of `tests.commands.tiny_run`."""
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        cfg = compose("train", tiny_run(data, runs, *overrides)[2:])
    needs = getattr(build(cfg.sparsity), "needs_dense_run", False)
    identity = identify(plain(cfg), needs_dense_run=needs)
    RunFolder(identity.folder, {"run_key": identity.keys.run_key}).queue()
    text = yaml.safe_dump(identity.settings, sort_keys=False, allow_unicode=True)
    (identity.folder / "config.yaml").write_text(text, encoding="utf-8")
    return identity.folder


def submit(folder: Path, **arguments: object) -> tuple[dict[Job, str], str]:
    """Hand over one run; returns what `settle` takes, and the id of its job."""
    handed: dict[Job, str] = {}
    submitted = engine(partition="low", wait=False, **arguments)
    submitted.run([Job(folder)], lambda path, job: handed.update({Job(path): job}))
    return handed, handed[Job(folder)]
