"""Where a fit is computed."""

from __future__ import annotations

from pgmlang.diagnostics import Diagnostic, PgmError

KINDS = ("cpu", "cuda", "mps")


def check_device(device: str) -> None:
    """Raises PgmError PGM0612 for what is no device, or is not there."""
    if device == "cpu":
        return
    import torch

    kind, _, index = device.partition(":")
    if kind not in KINDS or (index and not index.isdecimal()):
        raise PgmError(
            Diagnostic("PGM0612", f"`{device}` is no device", help="`cpu`, `cuda`, or `cuda:1` for the second")
        )
    number = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[kind]
    if int(index or 0) >= number:
        raise PgmError(
            Diagnostic("PGM0612", f"there is no `{device}` here", help="leave `--device` out, or `--device cpu`")
        )
