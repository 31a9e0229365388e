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
        max_batch_size: most runs handed to the launcher at once; null: all.
        params: overrides as on the command line.
    """

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Our launchers compose every run once, and tell what is wrong with which."""
