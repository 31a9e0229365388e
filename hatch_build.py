"""Compiles the inference kernel where there is a C++ compiler; the install works without one."""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = [
    *("-std=c++17", "-O3", "-fPIC", "-shared", "-ffp-contract=fast", "-pthread"),
    *("-fno-math-errno", "-fno-trapping-math"),
]
X86 = {"avx2": ["-march=x86-64-v3"], "avx512": ["-march=x86-64-v4", "-mprefer-vector-width=512"]}


class KernelBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """One library for each instruction set, beside its sources."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compiler = shlex.split(os.environ.get("CXX", "")) or _first("g++", "c++", "clang++")
        core = Path(self.root) / "asr" / "inference" / "core"
        # A library of an older source must not outlive it.
        for library in core.glob("*.so"):
            library.unlink()
        if not compiler or sys.platform == "win32":
            self.app.display_warning("No C++ compiler: inference will run in numpy, slowly.")
            return
        sources = sorted(map(str, core.glob("*.cpp")))
        x86 = platform.machine() in {"x86_64", "AMD64"}
        for name, flags in {"portable": [], **(X86 if x86 else {})}.items():
            library = core / f"block_sparse_{name}.so"
            # Of this process: another build's, or one that was killed, is no result of this one.
            partial = library.with_suffix(f".{os.getpid()}.partial")
            command = [*compiler, *FLAGS, *flags, *sources, "-o", str(partial)]
            try:
                done = subprocess.run(command, capture_output=True, text=True)
                made = done.returncode == 0 and partial.is_file()
                reason = done.stderr
            except OSError as error:
                made, reason = False, str(error)
            if not made:
                partial.unlink(missing_ok=True)
                self.app.display_warning(f"The {name} kernel was not built:\n{reason}")
                continue
            partial.replace(library)
            build_data["artifacts"].append(f"/asr/inference/core/{library.name}")
            build_data["pure_python"] = False
            build_data["infer_tag"] = True


def _first(*names: str) -> list[str]:
    return next(([found] for name in names if (found := shutil.which(name))), [])
