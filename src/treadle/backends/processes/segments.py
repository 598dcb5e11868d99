"""Anonymous shared memory: a file without a name, so that nothing is left behind by any death.

The descriptor travels over the channel; the memory is freed by the kernel with the last descriptor
or mapping. No resource tracker, no ``/dev/shm`` entry, nothing to clean up.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
from collections.abc import Sequence

OPEN: set[int] = set()  # descriptors of the segments that there are in this process
_POPULATE_READ = 22  # MADV_POPULATE_READ, which ``mmap`` does not name

ALIGNMENT = 64  # bytes; a cache line, which is also what vectorised code likes best


def anonymous_file(size: int) -> int:
    """Return the descriptor of a new file of *size* zero bytes that has no name."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("treadle", os.MFD_CLOEXEC)
    else:
        import tempfile  # late: only where there are no anonymous files

        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd


class Segment:
    """
    Buffers side by side in an anonymous file.

    Attributes:
        fd: The file. Closed with the object.
        extents: ``(offset, length, read-only)`` of each buffer.
    """

    __slots__ = ("extents", "fd")

    def __init__(self, buffers: Sequence[memoryview]) -> None:
        self.extents: list[tuple[int, int, bool]] = []
        offset = 0
        for buffer in buffers:
            self.extents.append((offset, buffer.nbytes, buffer.readonly))
            offset += -(-buffer.nbytes // ALIGNMENT) * ALIGNMENT
        self.fd = anonymous_file(max(offset, 1))
        OPEN.add(self.fd)
        # Written, not mapped and copied: the kernel need not zero and fault in each page first.
        for (start, _, _), buffer in zip(self.extents, buffers, strict=True):
            _write_all(self.fd, buffer, start)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(length for _, length, _ in self.extents)

    def __del__(self) -> None:
        fd, self.fd = getattr(self, "fd", -1), -1
        if fd >= 0:
            OPEN.discard(fd)
            os.close(fd)


def _write_all(fd: int, buffer: memoryview, offset: int) -> None:
    flat = buffer.cast("B") if buffer.nbytes else buffer
    while flat.nbytes:
        written = os.pwrite(fd, flat[: 1 << 30], offset)  # Linux writes 2 GiB at most in one go
        flat = flat[written:]
        offset += written


def map_buffers(fd: int, extents: Sequence[tuple[int, int, bool]]) -> list[memoryview]:
    """
    Return the buffers of a segment without copying them; closes *fd*.

    The mapping is private: what the receiver writes into a buffer stays with the receiver, so that
    a second attempt sees the argument as it was, and a fork of the driver does not write into the
    driver's results.
    """
    try:
        size = max((offset + length for offset, length, _ in extents), default=0)
        if size == 0:
            return [memoryview(bytearray()) for _ in extents]
        access = mmap.PROT_READ | mmap.PROT_WRITE
        mapping = mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=access)
        if sys.platform == "linux":
            # One call instead of a fault for every few pages. MAP_POPULATE would do it for writing,
            # which copies all of it: a page that is only read is there once.
            with contextlib.suppress(OSError):  # Linux before 5.14
                mapping.madvise(_POPULATE_READ)
        whole = memoryview(mapping)
    finally:
        os.close(fd)
    parts = [(whole[start : start + length], readonly) for start, length, readonly in extents]
    return [part.toreadonly() if readonly else part for part, readonly in parts]
