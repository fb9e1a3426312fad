"""What steps make of their side inputs, made once a bundle instead of once an element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")


class OncePerBundle(Generic[Made]):
    """Keeps what a function makes of side inputs until other ones come.

    Beam hands a bundle's elements the same side input objects. What is made of them (an index of sorted digests, say)
    is made for a bundle's first element and looked up for the others.

    Args:
        make: side inputs -> what the step asks; importable, so that the DoFn that holds it pickles.

    >>> index = OncePerBundle(sorted)
    >>> side_input = [3, 1, 2]
    >>> index.of(side_input) is index.of(side_input)
    True
    """

    def __init__(self, make: Callable[..., Made]) -> None:
        self._make = make
        self._side_inputs: tuple[Any, ...] | None = None

    def of(self, *side_inputs: Any) -> Made:
        """Returns what the function makes of the side inputs; of the very same objects the same result."""
        known = self._side_inputs
        if known is None or any(ours is not theirs for ours, theirs in zip(known, side_inputs, strict=True)):
            self._made = self._make(*side_inputs)
            self._side_inputs = side_inputs
        return self._made

    def __getstate__(self) -> dict[str, Any]:
        return {"_make": self._make, "_side_inputs": None}
