"""Settings of launchers, checked by what takes them: Hydra itself checks no types."""

from typing import Any

from asr.errors import InputError


def check_switch(name: str, value: Any) -> None:
    """Raise InputError unless a setting is true or false."""
    if not isinstance(value, bool):
        raise InputError(
            f"hydra.launcher.{name}",
            expected="true or false",
            got=repr(value),
            remedy="Hydra takes yes, no, on and off as text.",
        )


def check_number(
    name: str, value: Any, least: int, *, whole: bool = True, optional: bool = False
) -> None:
    """Raise InputError unless a setting is a number that is large enough.

    Args:
        name: of the setting.
        value: that it has.
        least: that it may be.
        whole: whether it has to be.
        optional: it may be null.
    """
    if optional and value is None:
        return
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not is_number or not value >= least:
        raise InputError(
            f"hydra.launcher.{name}",
            expected=f"a {'whole ' * whole}number from {least}{', or null' * optional}",
            got="null" if value is None else repr(value),
            remedy="See conf/hydra/launcher.",
        )


def check_texts(name: str, value: Any) -> None:
    """Raise InputError unless a setting is a list of texts: one text alone would be its letters."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InputError(
            f"hydra.launcher.{name}",
            expected='a list of texts, as ["..."]',
            got=repr(value),
            remedy="See conf/hydra/launcher.",
        )


def check_time(timeout_min: float, signal_delay_s: Any) -> None:
    """Raise InputError unless a job has time to train before it is told to save."""
    check_number("signal_delay_s", signal_delay_s, 1)
    if signal_delay_s >= 60 * timeout_min:
        raise InputError(
            "hydra.launcher.signal_delay_s",
            expected=f"less than the {60 * timeout_min:g} s of timeout_min",
            got=str(signal_delay_s),
            remedy="A run saves within a batch; a minute or two are plenty.",
        )
