"""CLIP scoring on this machine's GPU, part by part, each printed as it ends; needs no Beam.

`python -m benchmarks clip_gpu`

    ceilings       what the device does of matrix products, copies and launches a second
    bare           passes of tensors that are in its memory, by rows, eager, compiled and as a CUDA graph; peak memory
    feed           images decoded a second, by threads and by processes, and this process's share of a core
    resize         the ways to resize, and whether each is Pillow's to the level
    end_to_end     from tar to stored embeddings, as before and as now, and the share of bare passes
    bits           whether a pair's embeddings are the same bits in 20 companies
    little_memory  scoring with 2 GiB left on the device

On a CPU each part is tried with sizes that it can do, and what needs a GPU is left out. `PARTS` names some of them;
`MODELS`, with random weights, ViT-B-32,ViT-L-14; `PAIRS` of end_to_end; `ROWS` of bare; `PRECISION`, auto; `PHOTOS=DIR`
real photographs, which are made 256 px first. It takes less than 8 minutes on one GPU.
"""

from benchmarks.clip_gpu.parts import run

__all__ = ["run"]
