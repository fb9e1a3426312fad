"""Tells a device that has no memory left from one that is broken."""

from __future__ import annotations

import torch

# The words of the CPU's allocator, of CUDA itself (beside torch's allocator) and MPS, and of cuBLAS and cuDNN; the last
# two say NOT_INITIALIZED, too, where there is no memory for their own work.
_OUT_OF_MEMORY = (
    "can't allocate memory",
    "out of memory",
    "STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_NOT_INITIALIZED",
    "cudaErrorMemoryAllocation",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether a device or the CPU had no memory left, which most libraries say in words alone."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
