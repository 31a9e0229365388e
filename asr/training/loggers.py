"""Where metrics go besides `metrics.csv`, which every run has."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger

from asr import wandb_account
from asr.training.run_folder import RunFolder


def no_loggers(folder: RunFolder, settings: dict[str, Any]) -> list[Logger]:
    """Only the CSV."""
    return []


def tensorboard_logger(folder: RunFolder, settings: dict[str, Any]) -> list[Logger]:
    """Event files under `tensorboard/` of the run folder (extra `tensorboard`)."""
    return [TensorBoardLogger(folder.path, name="tensorboard", version="")]


def wandb_logger(folder: RunFolder, settings: dict[str, Any], project: str) -> list[Logger]:
    """Weights & Biases: online where there is a key, else offline; the run key is its id.

    It never asks and never ends a training: without a key, or without an answer within
    half a minute, the run is written to disk for a later `wandb sync`. Where wandb cannot do that
    either, training goes on without it, and says why.
    """
    import wandb  # several seconds to import, for those who ask for it

    def start(mode: str) -> Any:
        return wandb.init(
            project=project,
            id=folder.identity["run_key"],
            name=f"{folder.identity['experiment']}-{folder.identity['run_key']}",
            group=folder.identity["group_key"],
            config=settings,
            dir=folder.path,
            resume="allow",
            mode=mode,  # type: ignore[arg-type]
            settings=wandb.Settings(init_timeout=30, silent=True),
        )

    mode = wandb_account.mode()
    # Any exception: beside its own, wandb raises those of the disk and of the reader of settings.
    if mode != "offline":
        try:
            return [WandbLogger(experiment=start(mode))]
        except Exception as error:
            print(f"warning: wandb is out of reach, writing an offline run ({_in_a_line(error)})")
    try:
        return [WandbLogger(experiment=start("offline"))]
    except Exception as error:
        print(f"warning: no wandb for this run ({_in_a_line(error)})")
        return []


def log_pictures(loggers: Sequence[Logger], pictures: Sequence[Path]) -> None:
    """Send PNG files to wandb, if it is among the loggers."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            for picture in pictures:
                logger.log_image(f"masks/{picture.stem}", [str(picture)])


def close(exit_code: int) -> None:
    """End the wandb run, if there is one, in the state that the training ended in."""
    if (wandb := sys.modules.get("wandb")) is not None and wandb.run is not None:
        wandb.finish(exit_code=exit_code)


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
