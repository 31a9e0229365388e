"""Which run a command line is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

if TYPE_CHECKING:
    from asr.training.run_identity import RunIdentity


def identity_of(
    context: HydraContext, config: DictConfig, overrides: Sequence[str]
) -> "RunIdentity":
    """The run of one command line of a sweep.

    Raises:
        InputError: it is no configuration of `train.py`; Hydra's own errors say so too.
    """
    from asr.configuration import build, check, plain
    from asr.training.run_identity import identify

    cfg = context.config_loader.load_sweep_config(config, list(overrides))
    name = cfg.hydra.job.config_name
    with open_dict(cfg):
        del cfg["hydra"]
    check(cfg, name)
    needs = getattr(build(cfg.sparsity), "needs_dense_run", False)
    return identify(plain(cfg), needs_dense_run=needs)
