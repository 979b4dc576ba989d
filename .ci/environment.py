"""Make `.venv` hold exactly what `requirements.lock` pins, from a bare Debian with Python 3.11 or later.

Usage: python3 .ci/environment.py [EXTRA ...]

Every distribution is checked against the hashes in the lock; the project itself is installed editable, last. The extra
`dev` also needs a browser, which root gets from Debian.
Does nothing when `.venv` already matches the lock, the project file and the extras asked for.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
PROJECT = ROOT / "pyproject.toml"
STAMP = VENV / "tokumei-environment"
PYTHON = VENV / "bin" / "python"
BROWSER = ("chromium", "fonts-ipafont-gothic")  # the tests of pages draw them, Japanese too


def main(extras: list[str]) -> int:
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        return fail(f"Python {sys.version.split()[0]} is not supported", "use Python 3.11, 3.12 or 3.13")
    installed = set(STAMP.read_text().split()[1:]) if STAMP.exists() else set()
    wanted = installed | set(extras)
    if "dev" in extras and not shutil.which(BROWSER[0]) and not install_packages(*BROWSER):
        return fail("there is no Chromium for the tests of pages", f"install it: apt-get install {' '.join(BROWSER)}")
    stamp = " ".join([fingerprint(), *sorted(wanted)])
    if STAMP.exists() and STAMP.read_text() == stamp:
        return 0
    print("tokumei: installing the locked environment into .venv (a few minutes, once)", flush=True)
    if not PYTHON.exists() and not create_venv():
        return 1
    bootstrap = VENV / "bootstrap.txt"
    bootstrap.write_text(locked("pip"))
    steps = [
        pip("install", "--require-hashes", "--no-deps", "--requirement", bootstrap),
        pip("install", "--require-hashes", "--constraint", LOCK, *requirements(wanted)),
        pip("install", "--no-deps", "--no-build-isolation", "--editable", ROOT),
    ]
    for step in steps:
        if subprocess.run(step, check=False).returncode:
            return fail("an installation step failed, see above", "check the network and free disk, then run it again")
    STAMP.write_text(stamp)
    return 0


def fingerprint() -> str:
    return hashlib.sha256(LOCK.read_bytes() + PROJECT.read_bytes()).hexdigest()


def locked(name: str) -> str:
    """The lock's lines for one distribution; the pip that venv brings is too old to take hashes from a constraint."""
    found = re.search(rf"^{name}==.*(?:\n[ \t]+.*)*\n", LOCK.read_text(), re.MULTILINE)
    return found.group() if found else ""


def requirements(extras: set[str]) -> list[str]:
    settings = tomllib.loads(PROJECT.read_text())
    project, optional = settings["project"], settings["project"]["optional-dependencies"]
    chosen = (line for extra in sorted(extras) for line in optional[extra])
    return [*settings["build-system"]["requires"], *project["dependencies"], *chosen]


def create_venv() -> bool:
    """Debian ships venv without pip unless python3-venv is installed; root can add it, others are told how."""
    if subprocess.run([sys.executable, "-c", "import ensurepip"], check=False, capture_output=True).returncode:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        if not install_packages(package):
            fail("this Python cannot create virtual environments", f"install it with: apt-get install {package}")
            return False
    return subprocess.run([sys.executable, "-m", "venv", VENV], check=False).returncode == 0


def install_packages(*packages: str) -> bool:
    """Debian's packages, which only root can install."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *packages]):
        found = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=environment)
    return found.returncode == 0


def pip(*arguments: object) -> list[str]:
    return [str(part) for part in (PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)]


def fail(what: str, hint: str) -> int:
    print(f"tokumei: {what}; {hint}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
