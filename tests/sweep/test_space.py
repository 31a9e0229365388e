"""Hydra's sweep syntax as Optuna's distributions, and back as overrides."""

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from asr.errors import InputError
from hydra_plugins.asr_sweep.space import as_overrides, split

DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "choice([4,4],[16,16])": CategoricalDistribution(["[4,4]", "[16,16]"]),
    "[4,4],[12,2]": CategoricalDistribution(["[4,4]", "[12,2]"]),
    "a,b,a": CategoricalDistribution(["a", "b"]),
    "choice(0.5,null_run,true)": CategoricalDistribution(["0.5", "null_run", "True"]),
    "range(1,4)": IntDistribution(1, 3),  # Hydra's own meaning: the end is not included
    "range(10,41,10)": IntDistribution(10, 40, step=10),
    "range(9,0,-3)": IntDistribution(3, 9, step=3),
    "range(0.5,1.0,0.25)": FloatDistribution(0.5, 0.75, step=0.25),
    "range(0.1,0.35,0.1)": FloatDistribution(0.1, 0.3, step=0.1),
    "interval(0.7,0.95)": FloatDistribution(0.7, 0.95),
    "interval(1,5)": FloatDistribution(1.0, 5.0),
    "int(interval(1,5))": IntDistribution(1, 5),
    "tag(int,interval(1,5))": IntDistribution(1, 5),
    "tag(log,interval(1e-4,1e-2))": FloatDistribution(1e-4, 1e-2, log=True),
    "tag(log,int,interval(16,512))": IntDistribution(16, 512, log=True),
    "tag(log,range(16,512))": IntDistribution(16, 511, log=True),
}


def parsed(*overrides: str) -> Any:
    return OverridesParser.create().parse_overrides(list(overrides))


@pytest.mark.parametrize(("text", "distribution"), DISTRIBUTIONS.items())
def test_hydras_syntax_is_optunas_distributions(text: str, distribution: BaseDistribution) -> None:
    fixed, space = split(parsed("seed=3", f"model.hidden={text}"))
    assert (fixed, space) == (["seed=3"], {"model.hidden": distribution})


def test_the_last_word_on_a_setting_counts() -> None:
    given = ["a=1,2", "b=choice(1,2)", "+c=x", "b=3", "a=4,5", "~d"]
    fixed, space = split(parsed(*given))
    assert fixed == ["b=3", "+c=x", "~d"]
    assert space == {"a": CategoricalDistribution(["4", "5"])}


@pytest.mark.parametrize(
    "text",
    ["interval(5,1)", "range(3,3)", "tag(log,interval(0,1))", "tag(log,range(1,9,2))"],
)
def test_what_is_no_distribution_is_told(text: str) -> None:
    with pytest.raises(InputError, match=r"model\.hidden: expected choice.*got model\.hidden="):
        split(parsed(f"model.hidden={text}"))
    with pytest.raises(InputError, match="settings to search"):
        split(parsed("seed=3"))


def test_what_is_drawn_comes_back_as_it_was_meant() -> None:
    settings = {"a": "[4,4]", "b": 1e-5, "c": 12, "+d": "'x y'", "e": "True", "f": 0.1 + 0.7}
    read = {o.get_key_element(): o.value() for o in parsed(*as_overrides(settings))}
    assert read == {"a": [4, 4], "b": 1e-5, "c": 12, "+d": "x y", "e": True, "f": 0.8}
