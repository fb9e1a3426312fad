"""The devices that a model runs on, and its precision there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from babelsift.schemas import ModelError, one_line

_FEW_DIMENSIONS = 256


def devices_for(name: str | None) -> list[Any]:
    """Returns the torch devices that a setting names: None, all GPUs where there are any, else the CPU.

    Raises:
        ModelError: there is no such device here.
    """
    import torch

    if name is None:
        gpus = [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
        return gpus or [torch.device("cpu")]
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ModelError(
            f"device {name!r} cannot be used here: {one_line(error)}; leave device out to take what there is"
        ) from error
    return [device]


def lanes_of(devices: Sequence[Any]) -> list[int]:
    """Returns the index in `devices` of the device that each thread feeds, in the order in which they take batches.

    A GPU is fed by two threads: while the batch of one is computed, that of the other is copied there. A CPU is fed by
    one: a second would only slow it.
    """
    second = [index for index, device in enumerate(devices) if device.type == "cuda"]
    return [*range(len(devices)), *second]


def computes_bf16(device: Any) -> bool:
    """Returns whether a GPU or CPU computes in bf16 natively: emulated, it is slower than fp16."""
    import torch

    if device.type == "cuda":
        with torch.cuda.device(device):  # torch's own question is about the current device
            return torch.cuda.is_bf16_supported(including_emulation=False)
    # Torch has no public way to ask for x86; on ARM its own check decides which kernels oneDNN takes.
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported", "_is_arm_sve_bf16_supported")
    return device.type == "cpu" and any(bool(getattr(torch.cpu, name, bool)()) for name in names)


def resolve_precision(
    precision: str,
    device: Any,
    architecture: Mapping[str, Any],
    *,
    more_devices: Sequence[Any] = (),
    has_bf16: Callable[[Any], bool] = computes_bf16,
) -> str:
    """Returns fp32, bf16 or fp16: the meaning of `auto` for a model on its devices, any other precision as it is.

    `auto` is the fastest precision that keeps similarities within 0.002 of fp32's: bf16 on GPUs and CPUs that all
    compute in it natively, fp16 on other GPUs; fp32 elsewhere, and for the models that need it, see `_needs_fp32`.

    Args:
        precision: a precision, or auto.
        device: a torch device.
        more_devices: the other torch devices of that type that the model runs on.
        architecture: open_clip's settings of the model.
        has_bf16: returns whether a device computes in bf16 natively.
    """
    if precision != "auto":
        return precision
    if _needs_fp32(architecture):
        return "fp32"
    if device.type == "cuda":
        return "bf16" if all(has_bf16(each) for each in (device, *more_devices)) else "fp16"
    return "bf16" if device.type == "cpu" and has_bf16(device) else "fp32"


def _needs_fp32(architecture: Mapping[str, Any]) -> bool:
    """Returns whether a model's similarities are known to go astray by more than 0.002 in lower precision.

    A ResNet adds up the errors of all its convolutions, and short embeddings have few numbers for errors to cancel out:
    the demo's model, which is both, is 0.03 off in bf16.
    """
    is_resnet = isinstance(architecture.get("vision_cfg", {}).get("layers"), (list, tuple))
    return is_resnet or architecture.get("embed_dim", _FEW_DIMENSIONS) < _FEW_DIMENSIONS
