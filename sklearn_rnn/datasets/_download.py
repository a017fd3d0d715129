"""One file from the network: whole and verified, or not there at all."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from .._utils.files import atomic_write
from ..exceptions import DatasetError


def download(url: str, md5: str, file: Path, *, caller: str, progress: bool) -> Path:
    """Download `url` to `file`, which appears only once its checksum is verified.

    Parameters
    ----------
    url : str
        Where the file is.
    md5 : str
        Its checksum, in hexadecimal digits.
    file : Path
        Where it goes; the folder is made if need be.
    caller : str
        Who speaks in the error message.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Path
        `file`.

    Raises
    ------
    DatasetError
        If the file cannot be had. Nothing is left in the folder then.
    """
    import pooch  # lazily: whoever has the data needs no network stack

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # What pooch writes can be read by its owner only, and takes the place of a link.
        with TemporaryDirectory(prefix=".download-", dir=file.parent) as folder:
            with _talking(pooch.get_logger(), aloud=progress):
                pooch.retrieve(
                    url,
                    known_hash=f"md5:{md5}",
                    fname=file.name,
                    path=folder,
                    progressbar=progress,
                )
            with Path(folder, file.name).open("rb") as whole, atomic_write(file) as written:
                copyfileobj(whole, written)
    except (OSError, ValueError) as error:  # network and disk; checksum
        raise DatasetError(
            f"{caller}: expected {url} to give a file with MD5 {md5}, got: "
            f"{str(error).rstrip('.')}. Nothing was kept. Try again, or download it by hand "
            f"and put it into '{file.parent}'."
        ) from error
    return file


@contextmanager
def _talking(logger: logging.Logger, *, aloud: bool) -> Iterator[None]:
    """Let pooch's logger, which writes to stderr unasked, speak only when wanted."""
    level = logger.level
    logger.setLevel(level if aloud else logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
