"""Where metrics go besides `metrics.csv`, which every run has."""

import hashlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.loggers import WandbLogger as LightningWandbLogger

from asr import wandb_account
from asr.errors import InputError
from asr.training.run_folder import RunFolder
from asr.training.telling import say

# Seconds at the end of a run for what is not sent yet: without a limit, wandb would wait for a
# server that is away for hours. What is left stays in the run folder, for `wandb sync`.
_PATIENCE = 60.0


class WandbLogger(LightningWandbLogger):
    """Lightning's, which may fail: what wandb raises is told once, and training goes on."""

    _lost = False

    def _attempt(self, action: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        if self._lost:
            return
        try:
            action(*arguments, **options)
        except Exception as error:  # of its service's connection, of the disk, of its own kinds
            self._lost = True
            say(f"warning: wandb has failed, going on without it ({_in_a_line(error)})")

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self._attempt(super().log_metrics, metrics, step)

    def log_hyperparams(self, params: Any) -> None:
        self._attempt(super().log_hyperparams, params)

    def log_image(self, key: str, images: list[Any], **options: Any) -> None:  # type: ignore[override]
        self._attempt(super().log_image, key, images, **options)

    def finalize(self, status: str) -> None:
        self._attempt(super().finalize, status)


def no_loggers(folder: RunFolder, settings: dict[str, Any]) -> list[Logger]:
    """Only the CSV."""
    return []


def tensorboard_logger(folder: RunFolder, settings: dict[str, Any]) -> list[Logger]:
    """Event files under `tensorboard/` of the run folder (extra `tensorboard`)."""
    try:
        return [TensorBoardLogger(folder.path, name="tensorboard", version="")]
    except ImportError as error:
        raise InputError(
            "logger=tensorboard",
            expected="the package tensorboard",
            got="no such package",
            remedy="Install the extra: pip install -e '.[tensorboard]'.",
        ) from error


def run_id(identity: Mapping[str, Any]) -> str:
    """What wandb knows a run by, so that one that continues is one run there too.

    Two experiments may train one run key, each its own run. wandb takes 128 characters, and not
    all that a folder may be called by: a name that it might refuse goes by its hash.
    """
    experiment = str(identity["experiment"])
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", experiment):
        experiment = hashlib.sha256(experiment.encode()).hexdigest()[:12]
    return f"{experiment}-{identity['run_key']}"


def wandb_logger(folder: RunFolder, settings: dict[str, Any], project: str) -> list[Logger]:
    """Weights & Biases: online where there is a key, else offline.

    It never asks and never ends a training: without a key, or without an answer within
    half a minute, the run is written to disk for a later `wandb sync`. Where wandb cannot do that
    either, training goes on without it, and says why.
    """
    import wandb  # several seconds to import, for those who ask for it

    def start(mode: str) -> Any:
        return wandb.init(
            project=project,
            id=run_id(folder.identity),
            name=f"{folder.identity['experiment']}-{folder.identity['run_key']}",
            group=folder.identity["group_key"],
            config=settings,
            dir=folder.path,
            resume="allow",
            mode=mode,  # type: ignore[arg-type]
            settings=wandb.Settings(init_timeout=30, finish_timeout=_PATIENCE, silent=True),
        )

    mode = wandb_account.mode()
    # Any exception: beside its own, wandb raises those of the disk and of the reader of settings.
    if mode != "offline":
        try:
            return [WandbLogger(experiment=start(mode))]
        except Exception as error:
            say(f"warning: wandb is out of reach, writing an offline run ({_in_a_line(error)})")
    try:
        return [WandbLogger(experiment=start("offline"))]
    except Exception as error:
        say(f"warning: no wandb for this run ({_in_a_line(error)})")
        return []


def log_pictures(loggers: Sequence[Logger], pictures: Sequence[Path]) -> None:
    """Send PNG files to wandb, if it is among the loggers."""
    for logger in loggers:
        if isinstance(logger, LightningWandbLogger):
            for picture in pictures:
                logger.log_image(f"masks/{picture.stem}", [str(picture)])


def close(exit_code: int) -> None:
    """End the wandb run, if there is one, in the state that the training ended in."""
    if (wandb := sys.modules.get("wandb")) is None or wandb.run is None:
        return
    try:
        wandb.finish(exit_code=exit_code)
    except Exception as error:  # its service is gone; the training is what it is
        say(f"warning: the run of wandb has no end ({_in_a_line(error)})")


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
