"""PLUS' Data Mining property in XMP, as writers write it and as they do not."""

from __future__ import annotations

import pytest

from babelsift.filters.opt_outs import prohibited_data_mining

VOCABULARY = "http://ns.useplus.org/ldf/vocab/"


def packet(content):
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/">{content}</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


@pytest.mark.parametrize(
    ("content", "term"),
    [
        (f'<rdf:Description plus:DataMining="{VOCABULARY}DMI-PROHIBITED"/>', "DMI-PROHIBITED"),
        (f"<plus:DataMining>{VOCABULARY}DMI-PROHIBITED-AIMLTRAINING</plus:DataMining>", "DMI-PROHIBITED-AIMLTRAINING"),
        (
            f'<plus:DataMining rdf:resource="{VOCABULARY}DMI-PROHIBITED-GENAIMLTRAINING"/>',
            "DMI-PROHIBITED-GENAIMLTRAINING",
        ),
        (
            f"<plus:DataMining>{VOCABULARY}DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING</plus:DataMining>",
            "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING",
        ),
        ("<p:DataMining>DMI-PROHIBITED-SEECONSTRAINT</p:DataMining>", "DMI-PROHIBITED-SEECONSTRAINT"),
        ("<rdf:Description plus:DataMining='dmi-prohibited'/>", "DMI-PROHIBITED"),
        ("<plus:DataMining><rdf:Bag><rdf:li>DMI-PROHIBITED</rdf:li></rdf:Bag></plus:DataMining>", "DMI-PROHIBITED"),
        ("<plus:DataMining>DMI&#45;PROHIBITED</plus:DataMining>", "DMI-PROHIBITED"),
        ("<plus:DataMining>DMI-PROHIBITED", "DMI-PROHIBITED"),
        # both: what forbids holds
        ('<a plus:DataMining="DMI-ALLOWED"/><b plus:DataMining="DMI-PROHIBITED"/>', "DMI-PROHIBITED"),
        # what permits
        (f'<rdf:Description plus:DataMining="{VOCABULARY}DMI-ALLOWED"/>', None),
        (f'<rdf:Description plus:DataMining="{VOCABULARY}DMI-UNSPECIFIED"/>', None),
        ('<rdf:Description plus:DataMining="prohibited"/>', None),
        ('<rdf:Description plus:DataMining=""/>', None),
        ('<rdf:Description plus:LicensorID="DMI-PROHIBITED"/>', None),
        ('<rdf:Description plus:DataMining="DMI-ALLOWED"/><!-- DMI-PROHIBITED -->', None),
        ("<!-- plus:DataMining DMI-PROHIBITED", None),
    ],
)
def test_term(content, term):
    assert prohibited_data_mining([packet(content).encode()]) == term
    assert prohibited_data_mining([b"<x/>", packet(content).encode("utf-16")]) == term
    assert prohibited_data_mining([packet(content).encode("utf-32")]) == term


def test_without_packets():
    assert prohibited_data_mining([]) is None
    assert prohibited_data_mining([b"", b"\xff\0DataMining\xfe"]) is None


def test_what_is_nested_without_end_takes_no_time():
    assert prohibited_data_mining([b"<!--DataMining" * 70_000]) is None
