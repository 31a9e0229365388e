"""How long, how precise, on what: the settings of a run, and the Lightning trainer they make."""

import logging
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from lightning.pytorch.strategies import DDPStrategy

from asr.errors import InputError
from asr.training.checkpoints import AtomicCheckpointIO, Checkpoints
from asr.training.mask_record import MaskRecord
from asr.training.memory_scan import WorstBatchScan
from asr.training.metrics_csv import MetricsCsv
from asr.training.module import OnNonFinite, SpeechModule
from asr.training.processes import environment
from asr.training.report import EpochReport, progress_bars
from asr.training.run_folder import RunFolder
from asr.training.telling import say

# Anything else is a typing error; 16-mixed silently runs in bf16 on a CPU, hence only on a GPU.
_PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
# Lightning's words on its own use of torch, and on choices that we make on purpose.
_NOISE = (
    ".*LeafSpec.*",
    ".*smaller than the logging interval.*",
    ".*many workers.*",
    ".*`training_step` returned `None`.*",
    ".*when logging on epoch level in distributed setting.*",
    "The `srun` command is available.*",
)


@dataclass(frozen=True)
class Recipe:
    """What affects the result besides data, model and optimizer.

    Args:
        epochs: passes over the training set.
        precision: 32-true, bf16-mixed, or 16-mixed (GPU only).
        gradient_clip: largest global norm of the gradient; null clips nothing.
        accumulate: batches an optimizer step.
        ema_decay: decay a step of an exponential moving average of the weights, which validation
            and checkpoints then use; null keeps none.
        on_non_finite: `stop` or `skip` on a loss or gradient that is not finite.
    """

    epochs: int
    precision: str
    gradient_clip: float | None
    accumulate: int
    ema_decay: float | None
    on_non_finite: OnNonFinite

    def __post_init__(self) -> None:
        for name, value, legal in (
            ("precision", self.precision, _PRECISIONS),
            ("on_non_finite", self.on_non_finite, ("stop", "skip")),
        ):
            if value not in legal:
                raise InputError(
                    f"training.{name}",
                    expected=" or ".join(legal),
                    got=repr(value),
                    remedy="Choose one of them.",
                )
        _check_least("training", 1, epochs=self.epochs, accumulate=self.accumulate)
        if self.gradient_clip is not None and self.gradient_clip <= 0:
            raise InputError(
                "training.gradient_clip",
                expected="a number above 0, or null",
                got=str(self.gradient_clip),
                remedy="Usual are 1 to 100; null clips nothing.",
            )
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise InputError(
                "training.ema_decay",
                expected="a number between 0 and 1, or null",
                got=str(self.ema_decay),
                remedy="Usual are 0.99 to 0.9999; null keeps no average.",
            )


@dataclass(frozen=True)
class Hardware:
    """Where it runs; of it only the number of processes, above 1, is part of the run key.

    Args:
        accelerator: cpu, gpu or auto.
        devices: processes of this node, one a device.
        nodes: machines.
        threads: of each process on the CPU.
        workers: loader processes of each process.
        keep_gigabytes: of features that each process keeps in memory, of the training and of the
            validation set, instead of computing them in every epoch; half a gigabyte holds four
            hours of 80 bins. Needs workers=0, since loader processes live for an epoch, and an
            augmentation that leaves waveforms as they are.
        checkpoint_minutes: between two saves inside an epoch.
        scan_worst_batch: try the largest batches for memory before epoch 1.
    """

    accelerator: Literal["cpu", "gpu", "auto"]
    devices: int
    nodes: int
    threads: int
    workers: int
    keep_gigabytes: float
    checkpoint_minutes: float
    scan_worst_batch: bool

    def __post_init__(self) -> None:
        _check_least("hardware", 1, devices=self.devices, nodes=self.nodes, threads=self.threads)
        numbers = {"workers": self.workers, "keep_gigabytes": self.keep_gigabytes}
        _check_least("hardware", 0, **numbers, checkpoint_minutes=self.checkpoint_minutes)
        if self.keep_gigabytes and self.workers:
            raise InputError(
                "hardware.keep_gigabytes",
                expected="hardware.workers=0, whose memory outlives an epoch",
                got=f"{self.workers} loader processes",
                remedy="Set hardware.workers=0, or hardware.keep_gigabytes=0.",
            )


def make_trainer(recipe: Recipe, hardware: Hardware, folder: RunFolder) -> lightning.Trainer:
    """The trainer of a run: everything it needs to save, resume, report and stop."""
    on_cpu = hardware.accelerator == "cpu" or not torch.accelerator.is_available()
    if recipe.precision == "16-mixed" and on_cpu:
        raise InputError(
            "training.precision",
            expected="bf16-mixed on a CPU",
            got="16-mixed, which a CPU would silently run in bf16",
            remedy="Set training.precision=bf16-mixed.",
        )
    if recipe.precision == "bf16-mixed" and on_cpu and folder.leader and not _cpu_multiplies_bf16():
        say(
            "warning: this processor has no bf16 instructions; where one had no AVX-512 either, "
            "bf16-mixed was ten times as slow as training.precision=32-true (another run key)"
        )
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for noise in _NOISE:
        warnings.filterwarnings("ignore", message=noise)
    callbacks: list[Callback] = [EpochReport(), *progress_bars()]
    if hardware.scan_worst_batch:
        callbacks.append(WorstBatchScan())
    if recipe.ema_decay is not None:
        callbacks.append(_Average(decay=recipe.ema_decay))
    callbacks.append(MaskRecord(folder.masks))
    callbacks.append(Checkpoints(folder, hardware.checkpoint_minutes))
    processes = hardware.devices * hardware.nodes
    strategy: Any = DDPStrategy() if processes > 1 else "auto"
    plugins: list[Any] = [AtomicCheckpointIO()]
    if (starter := environment(hardware.devices, hardware.nodes)) is not None:
        plugins.append(starter)
    try:
        return lightning.Trainer(
            accelerator=hardware.accelerator,
            devices=hardware.devices,
            num_nodes=hardware.nodes,
            strategy=strategy,
            precision=recipe.precision,  # type: ignore[arg-type]  # checked by Recipe
            max_epochs=recipe.epochs,
            gradient_clip_val=recipe.gradient_clip,
            accumulate_grad_batches=recipe.accumulate,
            callbacks=callbacks,
            logger=[MetricsCsv(folder.metrics)],
            plugins=plugins,
            default_root_dir=folder.path,
            use_distributed_sampler=False,  # ours shards without repeats
            # Lightning asks a loader for its length once; ours has another one in every epoch.
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,  # it would draw from the random numbers of a resumed run
            enable_progress_bar=bool(progress_bars()),
            enable_model_summary=False,
            log_every_n_steps=10,
        )
    except MisconfigurationException as error:
        raise InputError(
            "hardware",
            expected="devices that this machine has",
            got=f"{hardware.devices} of {hardware.accelerator} ({error})",
            remedy="Set hardware=cpu, or hardware.devices to what there is.",
        ) from error


def _cpu_multiplies_bf16() -> bool:
    """Where torch cannot tell, true."""
    tell = getattr(torch.cpu, "get_capabilities", None)  # not in every torch that we take
    told = tell() if tell else {}
    known = [told[name] for name in ("avx512_bf16", "amx_bf16", "bf16") if name in told]
    return not known or any(known)


class _Average(EMAWeightAveraging):
    """Keeps the average on the model's device; Lightning sets it up before it moves the model.

    It starts again whenever masks change: weights of before them belong to another network, and
    at a usual decay their share would spoil the average for epochs.
    """

    _began: int | None = None  # the step of the masks that it is of

    def setup(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str
    ) -> None:
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *rest: Any
    ) -> None:
        assert isinstance(pl_module, SpeechModule)
        assert self._average_model is not None
        pruner = pl_module.pruner
        if pruner.changed == pruner.step != self._began:  # once, however many batches a step has
            self._average_model.n_averaged.zero_()  # the next one is copied
            self._began = pruner.step
        super().on_train_batch_end(trainer, pl_module, *rest)


def _check_least(group: str, least: int, **values: float) -> None:
    for name, value in values.items():
        if value < least:
            raise InputError(
                f"{group}.{name}",
                expected=f"{least} or more",
                got=str(value),
                remedy=f"The choices in conf/{group} are numbers to start from.",
            )
