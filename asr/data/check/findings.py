"""What a check of manifests can find, and which of it must be mended."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

# Whether a careful user mends it before training: what makes training or scoring stop, learn
# something wrong or score what it has learned. The rest may be meant.
MUST_BE_FIXED = {
    "bad line": True,
    "unreadable audio": True,
    "empty audio": True,
    "silent audio": True,
    "wrong duration": True,
    "empty text": True,
    "outside the vocabulary": True,
    "not alignable": True,
    "same audio in two splits": True,
    "same text in two splits": False,  # short sentences recur
    "clipped audio": False,
    "mixed sample rates": False,  # training resamples
    "too short": False,  # left out by training
    "too long": False,  # left out by training
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found."""

    kind: str  # a key of `MUST_BE_FIXED`
    manifest: str  # empty where it concerns all
    subject: str  # utterance id, or line
    detail: str
    seconds: float = 0.0  # of audio
    other: str = ""  # the counterpart in another manifest, "MANIFEST: utterance id"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything found in manifests that are used together."""

    utterances: Mapping[str, int]  # in each manifest, bad lines left out
    seconds: float  # of all
    findings: Sequence[Finding]
    unknown: Counter[str]  # characters outside the vocabulary

    @property
    def must_be_fixed(self) -> bool:
        return any(MUST_BE_FIXED[finding.kind] for finding in self.findings)

    def by_kind(self) -> dict[str, list[Finding]]:
        """The findings of each kind that occurs, in the order of `MUST_BE_FIXED`."""
        groups: dict[str, list[Finding]] = {kind: [] for kind in MUST_BE_FIXED}
        for finding in self.findings:
            groups[finding.kind].append(finding)
        return {kind: findings for kind, findings in groups.items() if findings}

    def plain(self) -> dict[str, Any]:
        """Everything as dicts, lists, numbers and strings."""
        kinds = {
            kind: {
                "must_be_fixed": MUST_BE_FIXED[kind],
                "count": len(findings),
                "seconds": round(sum(finding.seconds for finding in findings), 3),
            }
            for kind, findings in self.by_kind().items()
        }
        return {
            "must_be_fixed": self.must_be_fixed,
            "utterances": dict(self.utterances),
            "seconds": round(self.seconds, 3),
            "kinds": kinds,
            "unknown_characters": dict(self.unknown.most_common()),
            "findings": [asdict(finding) for finding in self.findings],
        }
