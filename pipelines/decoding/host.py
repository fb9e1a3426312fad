"""The process that forks decoders: it has imported and compiled what they need, and never decodes anything itself.

A process that decodes begins in a millisecond so, and shares its memory with the others; to start one anew takes two
seconds. It has one thread: a process with several cannot be forked.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import struct
import traceback
from typing import NoReturn

from babelsift.pipelines.decoding.decoder import serve_decoder
from babelsift.pipelines.processes import end_with_parent

PID, STATUS = struct.Struct("<q"), struct.Struct("<q")  # what its file says of a decoder, first and last
_FDS_A_DECODER = 2


def serve(control_fd: int) -> None:
    """Forks a decoder for each socket that comes in over the control socket, until that is closed.

    Args:
        control_fd: of the control socket. With a decoder's socket comes a pipe, which is sent the decoder's process id
            when it begins, and its exit code, as `os.waitstatus_to_exitcode` says it, when it has ended.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches whoever asks, too, and their end is seen
    _prepare()
    woken, waker = socket.socketpair()
    for end in (woken, waker):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    control, decoders = socket.socket(fileno=control_fd), dict[int, int]()
    inherited = (control, woken, waker)
    while True:
        readable, _, _ = select.select([control, woken], [], [])
        if woken in readable:
            woken.recv(4096)
            _reap(decoders)
        if control in readable:
            fds = _received(control)
            if len(fds) < _FDS_A_DECODER:
                break
            _fork((fds[0], fds[1]), decoders, inherited)
    for pid in decoders:
        os.kill(pid, signal.SIGKILL)
    for pid in decoders:
        os.waitpid(pid, 0)


def _prepare() -> None:
    import cv2

    from babelsift.filters.image.compile_kernels import compile_all

    cv2.setNumThreads(1)  # images side by side, not parts of one
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # each broken image would print a line
    compile_all()
    gc.freeze()  # a collection in a decoder would copy the pages of what it only looks at


def _received(control: socket.socket) -> list[int]:
    try:
        return socket.recv_fds(control, 1, _FDS_A_DECODER)[1]
    except OSError:
        return []


def _fork(fds: tuple[int, int], decoders: dict[int, int], inherited: tuple[socket.socket, ...]) -> None:
    (channel_fd, status_fd), host = fds, os.getpid()
    pid = os.fork()
    if pid == 0:
        _decode(channel_fd, [status_fd, *decoders.values()], inherited, host)
    os.close(channel_fd)
    decoders[pid] = status_fd
    with contextlib.suppress(OSError):  # who asked for it is gone
        os.write(status_fd, PID.pack(pid))


def _decode(channel_fd: int, status_fds: list[int], inherited: tuple[socket.socket, ...], host: int) -> NoReturn:
    """Is a decoder, from its first moment to its last."""
    exit_code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        end_with_parent(host)
        for fd in status_fds:
            os.close(fd)
        for end in inherited:
            end.close()
        serve_decoder(socket.socket(fileno=channel_fd))
        exit_code = 0
    except BrokenPipeError:
        exit_code = 0  # nobody wants the last image any more
    except BaseException:  # noqa: BLE001 the process ends here: nobody above is to see it
        traceback.print_exc()
    finally:
        os._exit(exit_code)


def _reap(decoders: dict[int, int]) -> None:
    """Tells of the decoders that have ended how they did."""
    for pid, status_fd in list(decoders.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            del decoders[pid]
            with contextlib.suppress(OSError):
                os.write(status_fd, STATUS.pack(os.waitstatus_to_exitcode(status)))
            os.close(status_fd)
