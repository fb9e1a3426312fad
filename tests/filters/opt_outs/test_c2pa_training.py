"""C2PA's assertion on training."""

import json
import time

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.opt_outs import c2pa_training_opt_out

NO, YES, MAYBE = {"use": "notAllowed"}, {"use": "allowed"}, {"use": "constrained", "constraint_info": "ask"}


def box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def superbox(label: bytes, *boxes: bytes, kind: bytes = b"cbor", more: bytes = b"") -> bytes:
    described = kind + bytes.fromhex("00110010800000aa00389b71") + b"\x03" + label + b"\0" + more
    return box(b"jumb", box(b"jumd", described) + b"".join(boxes))


def store(*assertions: bytes) -> bytes:
    return superbox(b"c2pa", superbox(b"urn:uuid:1", superbox(b"c2pa.assertions", *assertions)), kind=b"c2pa")


def training(entries: object, label: bytes = b"cawg.training-mining") -> bytes:
    # c2patool writes a salt behind the label
    return superbox(label, box(b"cbor", cbor2.dumps({"entries": entries})), more=box(b"c2sh", bytes(16)))


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"cawg.ai_training": NO}, "cawg.ai_training: notAllowed"),
        ({"cawg.ai_generative_training": NO, "cawg.ai_training": NO}, "cawg.ai_training: notAllowed"),
        ({"c2pa.ai_generative_training": NO}, "c2pa.ai_generative_training: notAllowed"),
        ({"c2pa.data_mining": MAYBE}, "c2pa.data_mining: constrained"),
        ({"c2pa.ai_training": YES, "cawg.ai_training": NO}, "cawg.ai_training: notAllowed"),
        # training as such decides, before generative training and data mining
        ({"cawg.ai_training": YES, "cawg.ai_generative_training": NO, "cawg.data_mining": NO}, None),
        ({"cawg.ai_generative_training": YES, "cawg.data_mining": NO}, None),
        ({"cawg.ai_inference": NO}, None),
        ({"cawg.ai_training": YES}, None),
        ({"cawg.ai_training": {"use": "never"}}, None),
        ({"cawg.ai_training": {"use": ["notAllowed"]}}, None),
        ({"cawg.ai_training": "notAllowed"}, None),
        ({7: NO}, None),
        ({}, None),
        ([NO], None),
    ],
)
def test_what_the_entries_say(entries, said):
    assert c2pa_training_opt_out(store(training(entries))) == said


def test_labels_kinds_of_boxes_and_ingredients():
    no = {"cawg.ai_training": NO}
    expected = "cawg.ai_training: notAllowed"
    assert c2pa_training_opt_out(store(training(no, b"cawg.training-mining__2"))) == expected
    assert c2pa_training_opt_out(store(training({"cawg.ai_training": YES}), training(no))) == expected
    as_json = superbox(
        b"c2pa.training-mining", box(b"json", json.dumps({"entries": {"c2pa.ai_training": NO}}).encode())
    )
    assert c2pa_training_opt_out(store(as_json)) == "c2pa.ai_training: notAllowed"
    long = training(no)
    long = (1).to_bytes(4, "big") + long[4:8] + (len(long) + 8).to_bytes(8, "big") + long[8:]
    assert c2pa_training_opt_out(store(long)) == expected
    open_ended = store(training(no))
    assert c2pa_training_opt_out(bytes(4) + open_ended[4:]) == expected
    two = superbox(
        b"c2pa", superbox(b"urn:uuid:1"), superbox(b"urn:uuid:2", superbox(b"c2pa.assertions", training(no)))
    )
    assert c2pa_training_opt_out(two) == expected
    assert c2pa_training_opt_out(store(training(no, b"other.training-mining"))) is None


@pytest.mark.parametrize(
    "damage", [b"", b"\x9b" + b"\xff" * 8, b"\x81" * 5000, b"\xa1\x67entries", b"{", b"[" * 100_000]
)
@pytest.mark.parametrize("kind", [b"cbor", b"json"])
def test_an_assertion_that_makes_no_sense_says_nothing(kind, damage):
    assert c2pa_training_opt_out(store(superbox(b"cawg.training-mining", box(kind, damage)))) is None


@given(st.binary(max_size=300), st.integers(0, 200))
def test_any_bytes(content, cut):
    whole = store(training({"cawg.ai_training": NO}))
    c2pa_training_opt_out(whole[:cut] + content + whole[cut:])
    c2pa_training_opt_out(content + b".training-mining")


def test_a_million_bytes_of_boxes_take_no_time():
    nested = training({"cawg.ai_training": YES})
    for _ in range(10_000):
        nested = box(b"jumb", nested)
    many = box(b"jumb", box(b"free", b"") * 125_000) + b".training-mining"
    started = time.process_time()
    assert c2pa_training_opt_out(nested) is None
    assert c2pa_training_opt_out(many) is None
    assert time.process_time() - started < 10  # some tenths of a second
