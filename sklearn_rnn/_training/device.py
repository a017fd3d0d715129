"""Which device a network is trained on, and which one it predicts on."""

from __future__ import annotations

import torch

from .processes import current_process_group

__all__ = ["training_device", "usable_device"]


def training_device(who: str, device: str | torch.device) -> str:
    """Return the device to train on.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    device : str or torch.device
        What the estimator asks for.

    Returns
    -------
    str
        The device; of several processes that train together, this one's.

    Raises
    ------
    ValueError
        If this machine has no such device, or if the processes share another one.
    """
    device = str(device)
    shared = current_process_group().device
    if shared is not None:
        if device not in ("auto", shared, torch.device(shared).type):
            raise ValueError(
                f"{who}: expected the device on which the processes train together, {shared!r}, "
                f'got {device!r}. Set device="auto".'
            )
        return shared
    usable = usable_device(device)
    if device not in ("auto", usable):
        raise ValueError(
            f'{who}: expected a device of this machine ("auto", "cpu", or one of its '
            f"{torch.cuda.device_count()} CUDA devices), got {device!r}."
        )
    return usable


def usable_device(device: str | torch.device) -> str:
    """Return a device to predict on: a model that was trained on a GPU opens without one.

    Parameters
    ----------
    device : str or torch.device
        What the estimator asks for.

    Returns
    -------
    str
        That device, or the CPU.
    """
    device = str(device)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros((), device=device).item()  # torch's "meta" device has no numbers
    except Exception:  # each back end raises its own kind
        return "cpu"
    return device
