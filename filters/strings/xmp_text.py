"""XMP packets as text, in whichever of XMP's encodings they are."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator


def xmp_texts(packets: Iterable[bytes], *, naming: bytes) -> Iterator[str]:
    """Yields the packets that name a property, as text without comments and with entities resolved.

    Args:
        packets: in UTF-8, UTF-16 or UTF-32, of which ASCII alone is read.
        naming: ASCII; packets without it are passed over, which is most of them and takes no time.

    >>> list(xmp_texts([b"<a>b&amp;c<!-- b --></a>", b"<d/>"], naming=b"b"))
    ['<a>b&c</a>']
    """
    for packet in packets:
        plain = packet.replace(b"\0", b"") if b"\0" in packet else packet
        if naming in plain:
            before, *commented = plain.decode("utf-8", errors="replace").split("<!--")
            yield html.unescape(before + "".join(rest.partition("-->")[2] for rest in commented))
