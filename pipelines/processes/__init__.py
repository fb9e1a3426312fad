"""Processes that a run starts, and that end with it.

`child`: starting one, and ending with the process that started it; from here import `start_child` in the one and
`end_with_parent` in the other, or `end_soon_after_parent` where something else starts it. `server`: one that serves
sockets; from here import `ServerProcess` and `RunningServer`. `channel`: what they receive by sockets, and how long
they wait. `messages`: objects and bytes that go by sockets. `beam_worker`: Beam's own worker as such a process.
"""

from babelsift.pipelines.processes.child import end_soon_after_parent, end_with_parent, start_child
from babelsift.pipelines.processes.server import RunningServer, ServerProcess

__all__ = ["RunningServer", "ServerProcess", "end_soon_after_parent", "end_with_parent", "start_child"]
