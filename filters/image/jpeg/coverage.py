"""What a JPEG's scans have of its frame."""

from __future__ import annotations

import numpy as np

from babelsift.filters.image.jpeg.structure import PROGRESSIVE, Frame, Scan

_NOT_SENT = 16  # low bits that lack of a coefficient that was not sent at all: more than there are


class Coverage:
    """What the scans so far have of a frame's coefficients."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._bits_lacking = np.full((len(frame.components), 64), _NOT_SENT)
        self._non_zero: dict[int, np.ndarray] = {}

    def units(self, scan: Scan) -> tuple[int, int]:
        """Returns how many units a scan has, and how many blocks a unit."""
        if len(scan.components) == 1:
            across, down = self.frame.blocks(scan.components[0][0])
            return across * down, 1
        parts = [self.frame.components[index] for index, _, _ in scan.components]
        return self.frame.units(), sum(part.across * part.down for part in parts)

    def layout(self, scan: Scan) -> tuple[list[int], np.ndarray]:
        """Returns the keys of a scan's tables, and int64[blocks a unit, 2]: of each block the indices of DC and AC."""
        has_dc, has_ac = scan.first == 0, scan.last > 0
        keys: list[int] = []
        layout = []
        for index, dc, ac in scan.components:
            used = [key for key, is_used in ((dc, has_dc), (16 + ac, has_ac)) if is_used]
            keys += [key for key in used if key not in keys]
            part = self.frame.components[index]
            blocks = part.across * part.down if len(scan.components) > 1 else 1
            layout += [(keys.index(used[0]), keys.index(used[-1]))] * blocks
        return keys, np.array(layout, np.int64)

    def non_zero(self, scan: Scan) -> np.ndarray:
        """Returns uint64[blocks] of a scan's one component: bits of the coefficients that are known not to be zero."""
        index = scan.components[0][0]
        across, down = self.frame.blocks(index)
        return self._non_zero.setdefault(index, np.zeros(across * down, np.uint64))

    def add(self, scan: Scan) -> None:
        """Says that a scan was read; one that refines what was not sent before it gives nothing."""
        for index, _, _ in scan.components:
            lacking = self._bits_lacking[index, scan.first : scan.last + 1]
            lacking[lacking == scan.bits_before if scan.bits_before else slice(None)] = scan.bits_after

    def is_in_one_scan(self) -> bool:
        """Whether a sequential frame's first scan had all components: libjpeg reads no other then."""
        return self.frame.marker != PROGRESSIVE and self.is_complete()

    def is_complete(self) -> bool:
        """Whether the scans have sent all that there is of the image."""
        return not self._bits_lacking.any()
