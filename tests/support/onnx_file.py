"""Small ONNX models, written as the format's protobuf; one of them: the mean of each channel, as logits of labels."""

import struct

_FLOAT, _UINT8, _FLOAT16 = 1, 2, 10
_KINDS = {"float": _FLOAT, "uint8": _UINT8, "float16": _FLOAT16}


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


def _shaped(name, shape, kind=_FLOAT):
    dims = b"".join(_field(1, _field(2, side) if isinstance(side, str) else _field(1, side)) for side in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, dims)))


def _cast(source, target, kind):
    to = _field(1, "to") + _field(3, kind) + _field(20, 2)
    return _field(1, source) + _field(2, target) + _field(4, "Cast") + _field(5, to)


def node(kind, inputs, outputs, **lists):
    """Returns a node: its operator, names of tensors, and attributes that are lists of integers."""
    named = b"".join(_field(1, name) for name in inputs) + b"".join(_field(2, name) for name in outputs)
    for name, numbers in lists.items():
        ints = b"".join(_field(8, number) for number in numbers)
        named += _field(5, _field(1, name) + ints + _field(20, 7))
    return named + _field(4, kind)


def tensor(name, shape, content):
    """Returns a tensor of floats: its name, shape and bytes."""
    return b"".join(_field(1, side) for side in shape) + _field(2, _FLOAT) + _field(8, name) + _field(9, content)


def small_model(name, nodes, weights, *, inputs, outputs):
    """Returns the bytes of a model of floats, by {name: shape} of what it takes and gives."""
    graph = b"".join(_field(1, one) for one in nodes) + _field(2, name)
    graph += b"".join(_field(5, one) for one in weights)
    graph += b"".join(_field(11, _shaped(one, shape)) for one, shape in inputs.items())
    graph += b"".join(_field(12, _shaped(one, shape)) for one, shape in outputs.items())
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))


def channel_means(shape=("batch", 3, 8, 8), axes=(2, 3), *, kind="float", inputs=("pixels",), outputs=("logits",)):
    """Returns the bytes of a model whose output is an image's mean over `axes`, times ten.

    Args:
        kind: of what it takes: float, float16, uint8.
        inputs: `pixels`, and others that it does not need.
        outputs: of `logits`; `number`, which is of each image the first logit; `rounded`, which are the logits as uint8.
    """
    ints = b"".join(_field(8, axis) for axis in axes)
    reduce = _field(1, "floats") + _field(2, "means") + _field(4, "ReduceMean")
    reduce += _field(5, _field(1, "axes") + ints + _field(20, 7)) + _field(
        5, _field(1, "keepdims") + _field(3, 0) + _field(20, 2)
    )
    scale = _field(1, "means") + _field(1, "ten") + _field(2, "logits") + _field(4, "Mul")
    ten = _field(1, 1) + _field(2, _FLOAT) + _field(8, "ten") + _field(9, struct.pack("<f", 10))
    first = _field(1, "logits") + _field(1, "zero") + _field(2, "number") + _field(4, "Gather")
    first += _field(5, _field(1, "axis") + _field(3, 1) + _field(20, 2))
    zero = _field(1, 1) + _field(2, 7) + _field(8, "zero") + _field(9, struct.pack("<q", 0))
    further = {"number": first, "rounded": _cast("logits", "rounded", _UINT8)}
    nodes = [_cast("pixels", "floats", _FLOAT), reduce, scale, *(further[name] for name in outputs if name in further)]
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "means of channels")
    graph += _field(5, ten) + _field(5, zero)
    graph += b"".join(_field(11, _shaped(name, shape, _KINDS[kind])) for name in inputs)
    labels = {"logits": (shape[0], 3), "number": (shape[0], 1), "rounded": (shape[0], 3)}
    kinds = {"rounded": _UINT8}
    graph += b"".join(_field(12, _shaped(name, labels[name], kinds.get(name, _FLOAT))) for name in outputs)
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))
