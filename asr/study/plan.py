"""What the study compares: which kept runs are whose, by their settings alone."""

from asr.study.setting import Setting

REAL = "amazon_queen"  # the corpus that questions are answered on
CHEAP = "synthetic"  # that methods are compared on first
WIDTH = 256  # units of each direction of the models that are pruned at equal width
EXPERIMENT = "study"  # runs of the grid; tuning has experiments of its own
STANDARD = {"score": "l2", "regrow": 0.0}  # of gradual pruning, where it is not in question


def in_grid(setting: Setting) -> bool:
    """Whether it belongs to the grid on real speech."""
    return setting.corpus == REAL and setting.system.results[0].experiment == EXPERIMENT


def is_reference(setting: Setting) -> bool:
    """The dense model that others are compared with."""
    return in_grid(setting) and setting.dense and setting.hidden == WIDTH


def is_standard(setting: Setting) -> bool:
    """Pruned gradually, as in every question but that of the method."""
    return (
        in_grid(setting)
        and setting.method == "gradual_block"
        and all(setting.pruning[key] == value for key, value in STANDARD.items())
    )
