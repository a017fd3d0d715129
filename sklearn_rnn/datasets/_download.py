"""Downloading one file: complete and verified, or not at all."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from .._utils.files import atomic_write
from ..exceptions import DatasetError

__all__ = ["download"]


def download(url: str, md5: str, file: Path, *, caller: str, progress: bool) -> Path:
    """Download `url` to `file`, which appears only after its checksum has been verified.

    Parameters
    ----------
    url : str
        Where the file is.
    md5 : str
        Its checksum, in hexadecimal digits.
    file : Path
        Where it goes; the folder is created if need be.
    caller : str
        Name of the function, for the error message.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Path
        `file`.

    Raises
    ------
    DatasetError
        If the download fails. Nothing is left in the folder then.
    """
    import pooch  # here: with the data on disk, no network stack is needed

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # What pooch writes is readable by its owner only, and would replace a symbolic link.
        with TemporaryDirectory(prefix=".download-", dir=file.parent) as folder:
            with _log_level(pooch.get_logger(), verbose=progress):
                pooch.retrieve(
                    url,
                    known_hash=f"md5:{md5}",
                    fname=file.name,
                    path=folder,
                    progressbar=progress,
                )
            with Path(folder, file.name).open("rb") as source, atomic_write(file) as target:
                copyfileobj(source, target)
    except (OSError, ValueError) as error:  # network and disk; checksum
        raise DatasetError(
            f"{caller}: expected {url} to give a file with MD5 {md5}, got: "
            f"{str(error).rstrip('.')}. Nothing was kept. Try again, or download it by hand "
            f"and put it into '{file.parent}'."
        ) from error
    return file


@contextmanager
def _log_level(logger: logging.Logger, *, verbose: bool) -> Iterator[None]:
    """Silence pooch's logger, which writes to stderr by default, unless `verbose`."""
    level = logger.level
    logger.setLevel(level if verbose else logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
