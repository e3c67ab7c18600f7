"""What this machine has: memory, devices, packages. Nothing heavy is imported to find out."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_SMI_TIMEOUT_S = 5.0

EXTRAS: dict[str, tuple[tuple[str, str], ...]] = {
    "transformers": (
        ("torch", "torch"),
        ("transformers", "transformers"),
        ("accelerate", "accelerate"),
        ("llguidance", "llguidance"),
    ),
    "llamacpp": (("xllamacpp", "xllamacpp"),),
    "cloud": (("openai", "openai"), ("anthropic", "anthropic")),
    "sentience": (("predicate-runtime", "predicate"),),
    "train": (("torch", "torch"), ("peft", "peft"), ("onnx", "onnx")),
}
"""Extra -> (distribution, module) of what it installs."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One accelerator."""

    name: str
    memory_bytes: int | None
    kind: str
    """`cuda` or `mps`."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor, memory and accelerators."""

    system: str
    n_cores: int
    memory_bytes: int | None
    """What this process may use in all: the container's limit where there is one; None: unknown."""
    free_bytes: int | None
    gpus: tuple[Gpu, ...]
    fast_bf16: bool
    """Whether the processor computes in bfloat16; without, transformers takes float32."""

    @property
    def model_bytes(self) -> int | None:
        """Memory of the largest device that a model could go to; None: unknown."""
        sizes = [g.memory_bytes for g in self.gpus if g.memory_bytes]
        known = [*sizes, *([self.free_bytes] if self.free_bytes else [])]
        return max(known, default=None)


def this_machine() -> Machine:
    """Return what this machine has."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    total, free = _memory()
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        n_cores=cores or 1,
        memory_bytes=total,
        free_bytes=free,
        gpus=(*_nvidia(), *_apple(total)),
        fast_bf16=_has_bf16(),
    )


def versions_of(extra: str) -> dict[str, str | None]:
    """Return the installed version of each package of an extra, None for a missing one."""
    return {
        name: (version_of(name) if importlib.util.find_spec(module) else None)
        for name, module in EXTRAS[extra]
    }


def version_of(distribution: str) -> str | None:
    """Return the installed version, None if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _memory() -> tuple[int | None, int | None]:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None, None
    free = _meminfo("MemAvailable") or total
    limit = _number(Path("/sys/fs/cgroup/memory.max"))
    if limit is not None and limit < total:
        used = _number(Path("/sys/fs/cgroup/memory.current")) or 0
        return limit, min(free, max(0, limit - used))
    return total, free


def _meminfo(key: str) -> int | None:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:  # not Linux
        return None
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) * 1024
    return None


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:  # no control groups here
        return None
    return int(text) if text.isdigit() else None


def _nvidia() -> tuple[Gpu, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    ask = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(
            ask, capture_output=True, text=True, timeout=_SMI_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parse_nvidia(said.stdout) if said.returncode == 0 else ()


def parse_nvidia(text: str) -> tuple[Gpu, ...]:
    """Read lines like `NVIDIA L4, 23034`, the memory in MiB."""
    found = []
    for line in text.splitlines():
        name, _, size = line.rpartition(",")
        if name:
            mib = size.strip()
            found.append(Gpu(name.strip(), int(mib) * 2**20 if mib.isdigit() else None, "cuda"))
    return tuple(found)


def _apple(total: int | None) -> tuple[Gpu, ...]:
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return (Gpu("Apple", total, "mps"),)
    return ()


def _has_bf16() -> bool:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return False
    flags = next((x for x in text.splitlines() if x.startswith(("flags", "Features"))), "").split()
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)
