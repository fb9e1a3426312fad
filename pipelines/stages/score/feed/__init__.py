"""The feed of a model: reading and decoding ahead of it, so that a GPU does not wait; needs neither Beam nor torch.

`decode_processes`: decoders in processes of their own, `decode_worker`, which put pixels into `slabs` of shared memory.
`read_ahead`: a thread that reads ahead. From here import `DecodeProcesses` and `ReadAhead`.
"""

from babelsift.pipelines.stages.score.feed.decode_processes import DecodeProcesses
from babelsift.pipelines.stages.score.feed.read_ahead import ReadAhead

__all__ = ["DecodeProcesses", "ReadAhead"]
