"""Find Triton's own environment, and the variables that its process needs."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from asl_pkg.errors import ServingError

TRITON_ENV_VARIABLE = "ASL_TRITON_ENV"
FOLDER = ".triton"


@dataclass(frozen=True)
class TritonEnvironment:
    """The parts of the wheel nvidia-pytriton that a server needs.

    Args:
        folder: The virtual environment.
        site_packages: Folder of its packages.
        libpython: Folder of the shared Python library that Triton's Python stub is linked to.
    """

    folder: Path
    site_packages: Path
    libpython: Path

    @property
    def program(self) -> Path:
        """The server executable."""
        return self.site_packages / "pytriton/tritonserver/bin/tritonserver"

    @property
    def python_backend(self) -> list[Path]:
        """The files of Triton's Python backend, including the stub for this Python version."""
        root = self.site_packages / "pytriton/tritonserver"
        version = self.site_packages.parent.name.removeprefix("python")
        stub = root / "python_backend_stubs" / version / "triton_python_backend_stub"
        # files only: pip leaves a __pycache__ there
        return [*sorted(path for path in (root / "backends/python").iterdir() if path.is_file()), stub]

    def variables(self) -> dict[str, str]:
        """The environment variables of the server."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
        libraries = [str(self.site_packages / "nvidia_pytriton.libs"), str(self.libpython)]
        return kept | {
            "LD_LIBRARY_PATH": ":".join(libraries),
            "PATH": f"{self.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": str(self.site_packages),
            "PYTHONNOUSERSITE": "1",
            # the backend uses the CPU; Triton would reserve memory on every visible GPU
            "CUDA_VISIBLE_DEVICES": "",
        }


def find_triton() -> TritonEnvironment:
    """Find Triton's environment: $ASL_TRITON_ENV, or .triton here or beside this Python's environment.

    Returns:
        The environment.

    Raises:
        ServingError: There is no wheel for this platform, or the environment or libpython is missing.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise ServingError(
            f"Triton runs on Linux x86_64, not {platform.system()} {platform.machine()}: use `asl serve engine=kserve`"
        )
    named = os.environ.get(TRITON_ENV_VARIABLE)
    folders = [Path(named)] if named else [Path(FOLDER), Path(sys.prefix).parent / FOLDER]
    for folder in folders:
        for site_packages in folder.absolute().glob("lib/python3*/site-packages"):
            if (site_packages / "pytriton/tritonserver/bin/tritonserver").is_file():
                return TritonEnvironment(folder.absolute(), site_packages, _libpython(folder))
    raise ServingError(f"no Triton in {' or '.join(map(str, folders))}: `make install` installs it")


def _libpython(folder: Path) -> Path:
    """The folder of the shared Python library of an environment; on Debian it is a separate package."""
    question = """if True:
        import sys, sysconfig
        print("libpython%d.%d.so.1.0" % sys.version_info[:2])
        print(sysconfig.get_config_var("LIBDIR"))
        print(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("MULTIARCH") or "", sep="/")
        print(sys.base_prefix, "lib", sep="/")
    """
    asked = subprocess.run([folder / "bin/python", "-I", "-c", question], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise ServingError(f"the Python of {folder} does not run: `make install` installs it again")
    library, *folders = asked.stdout.splitlines()
    for candidate in folders:
        if (Path(candidate) / library).is_file():
            return Path(candidate)
    package = library.partition(".so")[0]
    raise ServingError(f"{library} is missing, which Triton's Python backend needs: `apt-get install {package}`")
