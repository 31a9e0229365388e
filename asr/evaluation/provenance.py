"""Which code produced a number: the commit, and the versions of what it stands on."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    *("torch", "torchaudio", "lightning", "numpy", "soundfile", "jiwer"),
    "ctc-beam-decoder",  # an extra
)


def commit(folder: Path = Path(__file__).parent) -> str:
    """The git commit of the code in `folder`, `-dirty` behind it where files were changed.

    "unknown" without git, or where the code is not a tracked part of the repository around it, as
    in an environment below somebody else's.
    """
    described = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    for command in (("ls-files", "--error-unmatch", "."), described):
        try:
            ended = subprocess.run(
                ["git", *command], cwd=folder, capture_output=True, text=True, timeout=60
            )
        except (OSError, subprocess.TimeoutExpired):
            return "unknown"
        if ended.returncode != 0:
            return "unknown"
    return ended.stdout.strip()


def versions() -> str:
    """Python and the packages that numbers depend on, as one line."""
    named = [f"python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            named.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # inference installs without some of them
            continue
    return ", ".join(named)
