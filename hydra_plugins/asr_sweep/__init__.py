"""Hydra's view of asr.sweep: it finds launchers and sweepers only in a package of this name."""
