"""What goes between a decoder and who asks it, as kinds of messages (`processes.messages`).

A decoder is sent SETUP once: (the function that decodes, the CPU seconds an image may take). Then, image by image, it
gets IMAGE, the function's further arguments and the file, and answers with RESULT or ERROR. In between it may send
WANTS_MEMORY, and waits for MEMORY then.
"""

from __future__ import annotations

SETUP, IMAGE, RESULT, ERROR, WANTS_MEMORY, MEMORY = b"S", b"I", b"R", b"E", b"W", b"M"
