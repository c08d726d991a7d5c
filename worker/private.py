"""Files and folders that only their owner can read: what is kept of cases, and addresses with passwords."""

import contextlib
import os
import stat
from pathlib import Path
from typing import BinaryIO, Literal

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(folder: Path) -> Path:
    """Make a folder, with those above it, that only its owner can look into; one that exists becomes so.

    One of somebody else, or that many use (such as ``/tmp``), and a person's home stay as they are: what Milepost
    writes there is private by itself.
    """
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    if folder.resolve() not in {Path.home().resolve(), Path(folder.resolve().anchor)}:
        make_private(folder)
    return folder


def make_private(path: Path) -> None:
    """Take a file or folder of ours away from group and others. Nothing is done where the system has no such rights."""
    with contextlib.suppress(OSError):
        found = path.stat()
        shared = found.st_mode & (stat.S_ISVTX | stat.S_IWOTH)
        if os.name == "posix" and found.st_uid == os.geteuid() and found.st_mode & _OTHERS and not shared:
            path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)


def write_private(file: Path, text: str) -> None:
    """Write a text file that only its owner can read, also where it was readable before."""
    with _opened(file, "wb", os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as written:
        make_private(file)
        written.write(text.encode())


def appended_private(file: Path) -> BinaryIO:
    """Open a file to add to it; one that this makes is its owner's alone."""
    return _opened(file, "ab", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def _opened(file: Path, mode: Literal["ab", "wb"], flags: int) -> BinaryIO:
    return os.fdopen(os.open(file, flags | getattr(os, "O_BINARY", 0), 0o600), mode)
