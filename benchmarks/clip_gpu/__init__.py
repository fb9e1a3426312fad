"""CLIP scoring on this machine's GPU, part by part, each printed as it ends; needs no Beam.

`python -m benchmarks clip_gpu`

    ceilings       what the device does of matrix products, copies and launches a second
    bare           passes of tensors that are in its memory, by rows: eager, captions packed, both as CUDA graphs,
                   compiled; peak memory
    feed           images decoded a second, by threads and by processes, and this process's share of a core; by nvJPEG,
                   and how many of its levels are not Pillow's
    resize         the ways to resize, and whether each is Pillow's to the level
    end_to_end     from tar to stored embeddings, as before and as now, and the share of bare passes
    steps          reading, tokenizing, decoding, copying, resizing, both towers, results, storing: milliseconds of each
                   a batch while all go on at once, and the GPU's busy share
    bits           whether a pair's embeddings are the same bits in 20 companies
    little_memory  scoring with 2 GiB left on the device, and whether scores are the same

On a CPU each part is tried with sizes that it can do; what needs a GPU is left out or played, and says so. `PARTS`
names some of them; `MODELS`, with random weights, ViT-B-32,ViT-L-14; `PAIRS` of end_to_end and steps; `ROWS` and `WAYS`
of bare; `PRECISION`, auto; `PHOTOS=DIR` real photographs, which are made 256 px first. A part that fails says why, and
the others go on. It takes less than 8 minutes on one GPU.
"""

from benchmarks.clip_gpu.parts import run

__all__ = ["run"]
