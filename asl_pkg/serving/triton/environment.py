"""Where Triton's own environment lies, and what a process needs from it."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from asl_pkg.errors import ServingError

VARIABLE = "ASL_TRITON_ENV"
FOLDER = ".triton"


@dataclass(frozen=True)
class TritonEnvironment:
    """The parts of the wheel nvidia-pytriton that a server is started from.

    Args:
        folder: the virtual environment.
        site_packages: its packages.
        libpython: the folder of the shared Python library that Triton's Python stub is linked to.
    """

    folder: Path
    site_packages: Path
    libpython: Path

    @property
    def program(self) -> Path:
        """The server."""
        return self.site_packages / "pytriton/tritonserver/bin/tritonserver"

    @property
    def python_backend(self) -> list[Path]:
        """The files of Triton's Python backend, the stub for this Python included."""
        root = self.site_packages / "pytriton/tritonserver"
        version = self.site_packages.parent.name.removeprefix("python")
        stub = root / "python_backend_stubs" / version / "triton_python_backend_stub"
        # files only: pip leaves a __pycache__ among them
        return [*sorted(path for path in (root / "backends/python").iterdir() if path.is_file()), stub]

    def variables(self) -> dict[str, str]:
        """The process environment of the server."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
        libraries = [str(self.site_packages / "nvidia_pytriton.libs"), str(self.libpython)]
        return kept | {
            "LD_LIBRARY_PATH": ":".join(libraries),
            "PATH": f"{self.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": str(self.site_packages),
            "PYTHONNOUSERSITE": "1",
            # the backend computes on the CPU; Triton would reserve memory on every GPU it sees
            "CUDA_VISIBLE_DEVICES": "",
        }


def find() -> TritonEnvironment:
    """Find Triton's environment: $ASL_TRITON_ENV, else .triton here, else .triton beside the running Python's.

    Returns:
        The environment, complete.

    Raises:
        ServingError: this platform has no wheel, or the environment or libpython is missing.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise ServingError(
            f"no Triton for {platform.system()} {platform.machine()}, only for Linux x86_64: `asl serve engine=kserve`"
        )
    named = os.environ.get(VARIABLE)
    places = [Path(named)] if named else [Path(FOLDER), Path(sys.prefix).parent / FOLDER]
    for folder in places:
        for site_packages in folder.absolute().glob("lib/python3*/site-packages"):
            if (site_packages / "pytriton/tritonserver/bin/tritonserver").is_file():
                return TritonEnvironment(folder.absolute(), site_packages, _libpython(folder))
    raise ServingError(f"no Triton in {' or '.join(map(str, places))}: `make install` installs it")


def _libpython(folder: Path) -> Path:
    """The folder of the shared library of an environment's Python, which Debian keeps in a package of its own."""
    question = """if True:
        import sys, sysconfig
        print("libpython%d.%d.so.1.0" % sys.version_info[:2])
        print(sysconfig.get_config_var("LIBDIR"))
        print(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("MULTIARCH") or "", sep="/")
        print(sys.base_prefix, "lib", sep="/")
    """
    asked = subprocess.run([folder / "bin/python", "-I", "-c", question], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise ServingError(f"the Python of {folder} does not run: `make install` installs it anew")
    library, *places = asked.stdout.splitlines()
    for place in places:
        if (Path(place) / library).is_file():
            return Path(place)
    package = library.partition(".so")[0]
    raise ServingError(f"{library} is missing, Triton's Python backend needs it: `apt-get install {package}`")
