"""Send a sweep off and return: to a cluster's queue, or to a process without a terminal."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NoReturn

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from asr.configuration import CONFIGURATION, explained, is_misconfigured
from asr.errors import InputError
from asr.sweep.detached import send_off
from asr.training.run_folder import TRAIN

_LOG = "sweep.log"
_PLANNED = re.compile(r"^\d+ to run, \d+ skipped$", re.MULTILINE)  # ends a plan
_PATIENCE = 600.0  # seconds, for the plan of a sweep that was sent off


def submit(overrides: Sequence[str], *, wait: bool) -> int:
    """Submit a sweep; returns an exit code, or becomes the sweep that is stayed for.

    A grid for a cluster is planned and queued here, and this returns. Where runs are started by a
    process of this machine, or chosen by what earlier ones reached, that process is sent off.

    Args:
        overrides: of `train.py -m`.
        wait: stay until all runs have ended.
    """
    command = [str(TRAIN), "-m", *overrides]
    if wait:
        _become(command)
    home, queues, grid = _where(overrides)
    if queues and grid:
        _become([*command, "hydra.launcher.wait=false"])
    log = home / _LOG
    start = log.stat().st_size if log.is_file() else 0
    process = send_off(command, log)
    print(f"sent off as process {process.pid}; its output: {log}", flush=True)
    ended = _plan_shown(process, log, start)
    if ended is None:
        print(f"\nlook: python -m asr.sweep status {home}")
    return ended or 0


def _become(command: Sequence[str]) -> NoReturn:
    """Go on as that command: signals are its own, and it has all its time to answer them."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *command])


def _where(overrides: Sequence[str]) -> tuple[Path, bool, bool]:
    """The experiment's folder, whether the launcher only queues, whether it is a grid."""
    try:
        with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
            cfg = compose("train", first_values(overrides), return_hydra_config=True)
    except Exception as error:
        if isinstance(error, InputError) or not is_misconfigured(error):
            raise
        raise InputError(
            " ".join(overrides),
            expected="overrides of train.py",
            got=explained(error),
            remedy="See conf/ for what can be chosen.",
        ) from error
    target = str(OmegaConf.select(cfg, "hydra.sweeper._target_"))
    home = Path(cfg.runs) / cfg.experiment_name
    return home, "wait" in cfg.hydra.launcher, target.endswith("GridSweeper")


def first_values(overrides: Sequence[str]) -> list[str]:
    """The overrides with the first of several values, which is enough to see where it goes.

    To be called where Hydra is initialised, whose groups `glob(...)` chooses from.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    first = []
    for override in parser.parse_overrides(list(overrides)):
        if not override.is_sweep_override():
            first.append(str(override.input_line))
        elif override.is_discrete_sweep():
            values = islice(override.sweep_string_iterator(), 1)  # a glob may match nothing
            first.extend(f"{override.get_key_element()}={value}" for value in values)
    return first


def _plan_shown(process: "subprocess.Popen[bytes]", log: Path, start: int) -> int | None:
    """Print the sweep's plan; returns its exit code if it has ended, None while it runs."""
    deadline = time.monotonic() + _PATIENCE
    shown, said = start, ""
    while time.monotonic() < deadline:
        ended = process.poll()
        with open(log, "rb") as file:
            file.seek(shown)
            news = file.read()
        shown += len(news)
        said += (text := news.decode("utf-8", errors="replace"))
        sys.stdout.write(text)
        sys.stdout.flush()
        if ended is not None:
            return ended
        if _PLANNED.search(said) and not news:  # a moment after, what launchers refuse is told too
            return None
        time.sleep(1)
    return None
