import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from asr.errors import InputError
from asr.sparsity.selection import sparsity_by_part
from asr.sparsity.zeros import zeros_by_matrix
from tests.finished_run import REPOSITORY
from tests.model.small_models import FORMS, build, name
from tests.sparsity.plain import gradual, idle, select

PAPERS = yaml.safe_load(
    (REPOSITORY / "conf/sparsity/select/recurrent_and_projection.yaml").read_text()
)["patterns"]
GATES = {
    "gru": ["reset", "update", "new"],
    "lstm": ["input_gate", "forget", "cell", "output_gate"],
    "rnn": [],
}


def weights(**form: Any) -> dict[str, Tensor]:
    return dict(build(**form).named_parameters())


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_the_preset_takes_what_the_papers_prune_and_nothing_else(form: dict[str, Any]) -> None:
    # Written out from the form, not read off the names.
    ways = ["left_to_right"] + ["right_to_left"] * (form["directions"] != "one")
    expected = {
        f"recurrent.layers.{layer}.{way}.weight_{matrix}_l0"
        for layer in (0, 1)
        for way in ways
        for matrix in (["hh"] if form["shared_input"] else ["ih", "hh"])
    }
    if form["shared_input"]:
        expected |= {f"recurrent.layers.{layer}.shared.weight_ih_l0" for layer in (0, 1)}
    if form["projection"]:
        expected.add("projection.linear.weight")
    found = weights(**form)
    parts = select(*PAPERS).parts(found)
    assert {part.weight for part in parts} == expected
    assert [part.label for part in parts] == [n for n in found if n in expected]  # model's order
    kinds = {part.weight: part.weight_type for part in parts}
    for weight, kind in kinds.items():
        assert kind == (
            "fully_connected"
            if weight.startswith("projection")
            else {"ih": "input", "hh": "recurrent"}[re.findall("_([ih]h)_", weight)[0]]
        )


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_separate_gates_are_equal_rows_in_torchs_order(form: dict[str, Any]) -> None:
    found = weights(**form)
    gates = GATES[form["cell"]]
    parts = select(*PAPERS, gates="separate").parts(found)
    for weight in {part.weight for part in parts}:
        own = [part for part in parts if part.weight == weight]
        # Together they are the whole matrix, each row once.
        rows = torch.cat([part.of(found[weight]) for part in own])
        assert torch.equal(rows, found[weight])
        if weight.startswith("projection") or not gates:
            assert [part.label for part in own] == [weight]
        else:
            assert [part.label for part in own] == [f"{weight}/{gate}" for gate in gates]
            assert {len(part.of(found[weight])) for part in own} == {6}  # hidden


@pytest.mark.parametrize(("cell", "gate", "index"), [("gru", "new", 2), ("lstm", "forget", 1)])
def test_a_gates_rows_are_that_gates_in_the_cell(cell: str, gate: str, index: int) -> None:
    # A new gate of GRU that sees only its own biases: the rows named so are what makes it so.
    torch.manual_seed(0)
    kind = torch.nn.GRU if cell == "gru" else torch.nn.LSTM
    module = kind(3, 4).double()
    own = {f"x.{key}": value for key, value in module.named_parameters()}
    parts = select("weight", gates="separate").parts(own)
    x, h = torch.randn(3, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    state = h.view(1, 1, 4)
    memory = torch.randn(1, 1, 4, dtype=torch.float64)
    with torch.no_grad():
        rows = {
            part.weight[-9:-3]: part.of(own[part.weight]) for part in parts if gate in part.label
        }
        wi, wh = rows["ght_ih"], rows["ght_hh"]
        bi, bh = (module.get_parameter(b).chunk(3 + (cell == "lstm"))[index]
                  for b in ("bias_ih_l0", "bias_hh_l0"))  # fmt: skip
        i, z = wi @ x + bi, wh @ h + bh
        if cell == "gru":
            # h' = (1 - z) n + z h, solved for n with the module's h' under an update gate of 0.
            module.bias_ih_l0[4:8] = -1e9
            reset = torch.sigmoid(
                module.weight_ih_l0[:4] @ x + module.bias_ih_l0[:4]
                + module.weight_hh_l0[:4] @ h + module.bias_hh_l0[:4]
            )  # fmt: skip
            got = module(x.view(1, 1, 3), state)[0].flatten()
            torch.testing.assert_close(got, torch.tanh(i + reset * z))
        else:
            # c' = f c + i g, with an input gate of 0.
            module.bias_ih_l0[:4] = -1e9
            got = module(x.view(1, 1, 3), (state, memory))[1][1].flatten()
            torch.testing.assert_close(got, torch.sigmoid(i + z) * memory.flatten())


@pytest.mark.parametrize("patterns", [["nothing_like_it"], [PAPERS[0], "projection"]])
def test_a_pattern_without_a_match_is_refused_by_name(patterns: list[str]) -> None:
    found = weights(cell="gru", projection=0, shared_input=False, nonlinearity="tanh")
    with pytest.raises(InputError, match=patterns[-1]) as raised:
        select(*patterns).parts(found)
    assert "left_to_right.weight_hh_l0" in str(raised.value)  # what there is instead


@pytest.mark.parametrize("pattern", ["bias_ih_l0", r"front_end.*weight"])
def test_what_is_no_matrix_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(InputError, match="weight matrices"):
        select(pattern).parts(weights(cell="lstm", nonlinearity="tanh"))


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match=r"sparsity\.select\.patterns: .*'weight\(' \(missing \)"):
        select("weight(").parts(weights(cell="gru", nonlinearity="tanh"))


def test_one_direction_alone() -> None:
    found = weights(cell="gru", nonlinearity="tanh", directions="sum")
    parts = select(r"right_to_left\.weight").parts(found)
    assert len(parts) == 4
    assert all("right_to_left" in part.weight for part in parts)


def test_what_two_patterns_match_is_pruned_once_and_the_output_when_asked() -> None:
    parts = select("weight_hh", "layers.0.*weight_hh", r"^output\.weight$").parts(
        weights(cell="rnn", directions="one")
    )
    assert [(part.label, part.weight_type) for part in parts] == [
        ("recurrent.layers.0.left_to_right.weight_hh_l0", "recurrent"),
        ("recurrent.layers.1.left_to_right.weight_hh_l0", "recurrent"),
        ("output.weight", "other"),
    ]


# ---- exceptions ----------------------------------------------------------------------------------


def asked(*exceptions: Mapping[str, Any], gates: str = "separate") -> dict[str, float]:
    found = weights(cell="gru", nonlinearity="tanh", directions="sum")
    return sparsity_by_part(select(*PAPERS, gates=gates).parts(found), 0.9, exceptions)


@pytest.mark.parametrize(
    ("match", "has"),
    [
        ("/new$", lambda label: label.endswith("/new")),
        ("weight_ih", lambda label: "weight_ih" in label),
        (r"layers\.1\.", lambda label: "layers.1." in label),
        ("right_to_left", lambda label: "right_to_left" in label),
    ],
)
def test_an_exception_is_for_what_it_matches(match: str, has: Any) -> None:
    found = asked({"match": match, "sparsity": 0.5})
    assert {label: 0.5 if has(label) else 0.9 for label in found} == found
    assert set(found.values()) == {0.5, 0.9}


def test_of_two_exceptions_the_last_counts() -> None:
    found = asked({"match": "weight_hh", "sparsity": 0.8}, {"match": "/new$", "sparsity": 1})
    for label, sparsity in found.items():
        expected = 1.0 if label.endswith("/new") else 0.8 if "weight_hh" in label else 0.9
        assert sparsity == expected


@pytest.mark.parametrize(
    "exception",
    [
        {"match": "/none_such$", "sparsity": 0.5},
        {"match": "/new$"},
        {"match": "/new$", "sparsity": 0.5, "density": 0.5},
        {"match": "/new$", "sparsity": 1.5},
        {"match": "/new$", "sparsity": float("nan")},
        {"match": "/new$", "sparsity": None},
        {"match": "/new$", "sparsity": "much"},
        {"match": 3, "sparsity": 0.5},
        {"match": "[new", "sparsity": 0.5},
    ],
)
def test_exceptions_that_mean_nothing_are_refused(exception: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="sparsity"):
        asked(exception)


def test_a_gate_matches_nothing_when_gates_are_together() -> None:
    with pytest.raises(InputError, match="/new"):
        asked({"match": "/new$", "sparsity": 0.5}, gates="together")


# ---- what the parts are for ----------------------------------------------------------------------


@pytest.mark.parametrize("gates", ["separate", "together"])
@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("form", FORMS, ids=name)
def test_every_form_is_pruned_exactly_where_selected(
    form: dict[str, Any], diagonal: bool, gates: str
) -> None:
    """Everything but a kept diagonal goes at sparsity 1, in both directions; the rest stays."""
    model = build(**form)
    found = dict(model.named_parameters())
    before = {key: value.detach().clone() for key, value in found.items()}
    method = gradual(select=select(*PAPERS, gates=gates, diagonal=diagonal), sparsity=1.0)
    pruner = method.pruner(found, total_steps=2, epochs=1)
    pruner.after_step(idle(found))
    for key, weight in found.items():
        left = before[key].numpy().copy()
        if re.search(PAPERS[0], key):
            for row, column in np.ndindex(*left.shape):
                own = row % left.shape[1] == column  # a unit and itself, in each gate
                if not (diagonal and "weight_hh" in key and own):
                    left[row, column] = 0
        np.testing.assert_array_equal(weight.detach().numpy(), left)
    counted = zeros_by_matrix(pruner.weights, pruner.parts)
    for part in pruner.parts:
        kept = 1 / 6 if diagonal and part.weight_type == "recurrent" else 0.0  # hidden 6
        assert counted[part.label].sparsity == pytest.approx(1 - kept)
