"""One run of a sweep: a run folder whose `config.yaml` says all that training needs."""

from dataclasses import dataclass
from pathlib import Path

from asr.configuration import CONFIGURATION
from asr.training.run_folder import TRAIN

# In the environment of a run's process: the folder that it was planned for. It takes its key anew
# from the manifests, and if they have changed that would lead it elsewhere without a word.
PLANNED = "ASR_PLANNED_RUN"
# A run's own configuration is resolved: it names no groups of conf/, not Hydra's either.
_HYDRA = (
    "hydra.run.dir=.",
    "hydra.output_subdir=null",
    "hydra/job_logging=disabled",
    "hydra/hydra_logging=disabled",
)


@dataclass(frozen=True)
class Job:
    """A run to be trained, and the run that must be done before it."""

    folder: Path
    after: Path | None = None


def arguments(folder: Path) -> list[str]:
    """What follows `python` on the command line that trains the run of a folder.

    To be run in the directory that the sweep was submitted from: paths in a configuration are
    relative to it.
    """
    run = ("--config-path", str(folder.resolve()), "--config-name", "config")
    # Hydra itself looks for its launcher, although there is nothing to launch.
    return [str(TRAIN), *run, "--config-dir", str(CONFIGURATION), *_HYDRA]
