"""Compiles the inference kernel where there is a C++ compiler; the install works without one."""

import os
import platform
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
    """One library for each instruction set, beside its source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
        if compiler is None or sys.platform == "win32":
            self.app.display_warning("No C++ compiler: inference will run in numpy, slowly.")
            return
        core = Path(self.root) / "asr" / "inference" / "core"
        x86 = platform.machine() in {"x86_64", "AMD64"}
        for name, flags in {"portable": [], **(X86 if x86 else {})}.items():
            library = core / f"block_sparse_{name}.so"
            command = [compiler, *FLAGS, *flags, str(core / "block_sparse.cpp"), "-o"]
            partial = library.with_suffix(".partial")
            done = subprocess.run([*command, str(partial)], capture_output=True, text=True)
            if done.returncode:
                self.app.display_warning(f"The {name} kernel was not built:\n{done.stderr}")
                continue
            partial.replace(library)
            build_data["artifacts"].append(f"/asr/inference/core/{library.name}")
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
