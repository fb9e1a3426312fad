"""A small ONNX model, written as the format's protobuf: the mean of each channel, as logits of three labels."""

import struct

_FLOAT = 1


def _varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _field(number, value):
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _shaped(name, shape):
    dims = b"".join(_field(1, _field(2, side) if isinstance(side, str) else _field(1, side)) for side in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, _FLOAT) + _field(2, dims)))


def channel_means(shape=("batch", 3, 8, 8), axes=(2, 3)):
    """Returns the bytes of a model whose output is an image's mean over `axes`, times ten."""
    ints = b"".join(_field(8, axis) for axis in axes)
    reduce = _field(1, "pixels") + _field(2, "means") + _field(4, "ReduceMean")
    reduce += _field(5, _field(1, "axes") + ints + _field(20, 7)) + _field(
        5, _field(1, "keepdims") + _field(3, 0) + _field(20, 2)
    )
    scale = _field(1, "means") + _field(1, "ten") + _field(2, "logits") + _field(4, "Mul")
    ten = _field(1, 1) + _field(2, _FLOAT) + _field(8, "ten") + _field(9, struct.pack("<f", 10))
    graph = _field(1, reduce) + _field(1, scale) + _field(2, "means of channels") + _field(5, ten)
    graph += _field(11, _shaped("pixels", shape)) + _field(12, _shaped("logits", (shape[0], 3)))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))
