"""Hydra's grid of all combinations, without composing each of them twice."""

import sys
from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore

if "asr.configuration" in sys.modules:  # leave other applications of this environment alone
    # Hydra would check conf/hydra/sweeper/basic.yaml against the arguments of its own `basic`.
    ConfigStore.instance().repo["hydra"]["sweeper"].pop("basic.yaml", None)


class GridSweeper(BasicSweeper):  # type: ignore[misc]  # Hydra's classes are not typed
    """Every combination of the values on the command line and in `params`.

    Args:
        params: overrides as on the command line.
    """

    def __init__(self, params: dict[str, str] | None) -> None:
        # All at once: a launcher bounds them itself, and a failed one is no reason to stop.
        super().__init__(max_batch_size=None, params=params)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Our launchers compose every run once, and tell what is wrong with which."""
