"""Which weights are pruned: matrices by name, each whole or by its gates."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from asr.errors import InputError

# Weights of one type share a threshold (arXiv 1704.05119, section 3.1).
WEIGHT_TYPES = {
    "input": re.compile(r"\.weight_ih_l0$"),
    "recurrent": re.compile(r"\.weight_hh_l0$"),
    "fully_connected": re.compile(r"^projection\.linear\.weight$"),
}
OTHER = "other"  # type of what the papers do not prune
# In the order in which torch stacks them, by their number.
_GATES = {
    1: ("",),
    3: ("reset", "update", "new"),
    4: ("input_gate", "forget", "cell", "output_gate"),
}


@dataclass(frozen=True)
class Part:
    """Some rows of a weight matrix that have a block grid and a sparsity of their own.

    `label` is the weight's name, with `/gate` where gates are pruned separately.
    """

    label: str
    weight: str
    first: int  # row, and the one after the last
    last: int
    weight_type: str  # of WEIGHT_TYPES, or OTHER
    diagonal: bool  # whether the weights of a unit on itself are kept

    def of(self, weight: Tensor) -> Tensor:
        """The rows of the whole matrix that are this part, as a view."""
        return weight[self.first : self.last]

    def kept_diagonal(self, like: Tensor) -> Tensor | None:
        """(rows, columns), True where a unit acts on itself; None where that is pruned too."""
        if not self.diagonal:
            return None
        rows, columns = like.shape
        units = torch.eye(columns, dtype=torch.bool, device=like.device)
        return units.repeat(-(-rows // columns), 1)[:rows]


@dataclass(frozen=True)
class Selection:
    """What of a model to prune.

    Args:
        patterns: regular expressions searched in parameter names; each must match one at least.
        gates: `separate` gives each gate of a recurrent matrix a grid and a sparsity of its own,
            as WaveRNN and LPCNet do; `together` takes the stacked matrix, as the papers do.
        keep_diagonal: of recurrent matrices, unpruned and outside the scores (LPCNet).
    """

    patterns: Sequence[str]
    gates: Literal["separate", "together"]
    keep_diagonal: bool

    def parts(self, weights: Mapping[str, Tensor]) -> tuple[Part, ...]:
        """The selected parts, in the model's order.

        Raises:
            InputError: a pattern that is none, or matches no parameter, or one that is no matrix.
        """
        patterns = [_compiled("sparsity.select.patterns", pattern) for pattern in self.patterns]
        for pattern in patterns:
            if not any(map(pattern.search, weights)):
                raise InputError(
                    "sparsity.select.patterns",
                    expected="patterns that each match a parameter of the model",
                    got=f"{pattern.pattern!r}, which matches none",
                    remedy=f"Its weights are: {', '.join(n for n in weights if 'bias' not in n)}.",
                )
        chosen = [n for n in weights if any(pattern.search(n) for pattern in patterns)]
        return tuple(part for name in chosen for part in self._split(name, weights))

    def _split(self, name: str, weights: Mapping[str, Tensor]) -> list[Part]:
        weight = weights[name]
        if weight.dim() != 2:
            raise InputError(
                "sparsity.select.patterns",
                expected="weight matrices",
                got=f"{name} of shape {tuple(weight.shape)}",
                remedy="Blocks are of matrices: narrow the pattern.",
            )
        kind = weight_type(name)
        recurrent = weights.get(name.replace("weight_ih", "weight_hh"))
        count = len(recurrent) // recurrent.shape[1] if recurrent is not None else 1
        gates = _GATES[count] if kind in ("input", "recurrent") and count in _GATES else ("",)
        if self.gates == "together":
            gates = ("",)
        rows = len(weight) // len(gates)
        diagonal = self.keep_diagonal and kind == "recurrent"
        return [
            Part(f"{name}/{g}" if g else name, name, i * rows, (i + 1) * rows, kind, diagonal)
            for i, g in enumerate(gates)
        ]


def _compiled(setting: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InputError(
            setting,
            expected="regular expressions",
            got=f"{pattern!r} ({error})",
            remedy="A backslash before (, [, *, + or ? makes it the character itself.",
        ) from error


def weight_type(name: str) -> str:
    """The type of a parameter by its name, `OTHER` for what the papers do not prune."""
    return next((kind for kind, pattern in WEIGHT_TYPES.items() if pattern.search(name)), OTHER)


def sparsity_by_part(
    parts: Sequence[Part], sparsity: float, exceptions: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """The sparsity asked of each part, by label.

    Args:
        parts: all that are pruned.
        sparsity: of parts without an exception.
        exceptions: `{match: pattern, sparsity: number}` each; the last that matches a label
            counts, so that a gate, a weight type or a layer may differ.

    Raises:
        InputError: an exception that is malformed or matches nothing, or no fraction.
    """
    asked = {part.label: sparsity for part in parts}
    for exception in exceptions:
        match, share = exception.get("match"), exception.get("sparsity")
        if len(exception) != 2 or not isinstance(match, str) or not isinstance(share, int | float):
            raise InputError(
                "sparsity.exceptions",
                expected="{match: PATTERN, sparsity: NUMBER}",
                got=str(dict(exception)),
                remedy="For example {match: /new$, sparsity: 0.8}.",
            )
        pattern = _compiled("sparsity.exceptions", match)
        matched = [label for label in asked if pattern.search(label)]
        if not matched and parts:
            raise InputError(
                "sparsity.exceptions",
                expected="patterns that each match a pruned part",
                got=f"{match!r}, which matches none",
                remedy=f"The parts are: {', '.join(asked)}.",
            )
        asked.update(dict.fromkeys(matched, float(share)))
    for label, value in asked.items():
        if not 0 <= value <= 1:
            raise InputError(
                f"sparsity of {label}",
                expected="a fraction from 0 to 1",
                got=str(value),
                remedy="0.9 prunes nine blocks of ten.",
            )
    return asked
