"""What made an image, as programs write it into PNG, JPEG and WebP files."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from babelsift.filters.image import process_image
from babelsift.filters.image.container import MetadataBlocks, open_image
from babelsift.filters.provenance import ImageProvenance, digital_source_type, provenance_of
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import encoded, photo
from tests.support.image_files import jpeg_segment, jpeg_with, png_with

PICTURE = photo(3, (64, 48))
JPEG, PNG = encoded(PICTURE), encoded(PICTURE, "PNG")
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
A1111 = "a red fox\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"
WORKFLOW = b'{"last_node_id": 9, "last_link_id": 9, "nodes": [' + b'{"id": 1},' * 100_000 + b"]}"


def cbor_text(text):
    content = text.encode()
    head = bytes([0x60 + len(content)]) if len(content) < 24 else bytes([0x78, len(content)])
    return head + content


def store(*parts):
    """A manifest store of these parts: (key, value), as maps of CBOR have them."""
    return b"jumbc2pa" + b"".join(cbor_text(key) + cbor_text(value) for key, value in parts)


@pytest.mark.parametrize(
    ("content", "term"),
    [
        (f'<r Iptc4xmpExt:DigitalSourceType="{IPTC}trainedAlgorithmicMedia"/>', "trainedAlgorithmicMedia"),
        (f"<r I:DigitalSourceType='{IPTC}digitalCapture'/>", "digitalCapture"),
        (f"<I:DigitalSourceType>{IPTC}digitalCapture</I:DigitalSourceType>", "digitalCapture"),
        (f'<I:DigitalSourceType rdf:resource="{IPTC}compositeSynthetic"/>', "compositeSynthetic"),
        ("<I:DigitalSourcetype>TRAINEDALGORITHMICMEDIA</I:DigitalSourcetype>", "trainedAlgorithmicMedia"),
        ("<I:DigitalSourceType><rdf:Bag><rdf:li>composite</rdf:li></rdf:Bag></I:DigitalSourceType>", "composite"),
        (f'<r I:DigitalSourceType="{IPTC}somethingNew"/>', "somethingNew"),
        ('<r I:DigitalSourceType="iptc:digitalCapture"/>', "digitalCapture"),
        (f'<r I:DigitalSourceType="{IPTC}digitalCapture&#47;"/>', "digitalCapture"),
        # one that says that it is generated holds
        (
            f'<r I:DigitalSourceType="{IPTC}algorithmicMedia"/><r I:DigitalSourceType="{IPTC}print"/>',
            "algorithmicMedia",
        ),
        (f'<!-- I:DigitalSourceType="{IPTC}print" -->', None),
        ('<r I:DigitalSourceType=""/>', None),
        ('<r I:DigitalSourceType="<>"/>', None),
        ('<r I:DigitalSourceType="12"/>', None),
        (f'<r I:Other="{IPTC}print"/>', None),
        ("", None),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32-be"])
def test_iptcs_source_type(content, term, encoding):
    packet = f"<x:xmpmeta>{content}</x:xmpmeta>".encode(encoding)
    assert digital_source_type([packet]) == term


@pytest.mark.parametrize(
    ("c2pa", "expected"),
    [
        (
            store(("digitalSourceType", IPTC + "trainedAlgorithmicMedia"), ("description", "x")),
            ImageProvenance(True, "trainedAlgorithmicMedia", None, True),
        ),
        (
            store(("digitalSourceType", IPTC + "digitalCapture"), ("claim_generator", "Leica M11-P")),
            ImageProvenance(False, "digitalCapture", None, True),
        ),
        (store(("softwareAgent", "Adobe Firefly")), ImageProvenance(True, None, "Adobe Firefly", True)),
        (
            b"jumb" + cbor_text("claim_generator_info") + b"\x81\xa1" + cbor_text("name") + cbor_text("ChatGPT"),
            ImageProvenance(True, None, "OpenAI", True),
        ),
        (
            b'{"digitalSourceType": "' + IPTC.encode() + b'digitalArt"}',
            ImageProvenance(False, "digitalArt", None, True),
        ),
        # an ingredient's counts
        (
            store(("digitalSourceType", IPTC + "trainedAlgorithmicMedia"), ("digitalSourceType", IPTC + "print")),
            ImageProvenance(True, "trainedAlgorithmicMedia", None, True),
        ),
        (b"anything", ImageProvenance(None, None, None, True)),
        (cbor_text("digitalSourceType") + b"\x79\xff\xffdigital", ImageProvenance(None, "digital", None, True)),
    ],
)
def test_c2pa_is_read_without_its_library(c2pa, expected):
    assert provenance_of(MetadataBlocks(c2pa=c2pa)) == expected


def exif(tag, value):
    block = Image.Exif()
    if tag == 0x9286:
        block.get_ifd(0x8769)[tag] = value
    else:
        block[tag] = value
    return block


def with_xmp(content):
    return jpeg_with(JPEG, jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + content.encode()))


@pytest.mark.parametrize(
    ("body", "generator"),
    [
        (png_with(PNG, [(b"tEXt", b"parameters\0" + A1111.encode())]), "Stable Diffusion"),
        (png_with(PNG, [(b"iTXt", b"parameters\0\0\0\0\0" + A1111.encode())]), "Stable Diffusion"),
        (png_with(PNG, [(b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress(A1111.encode()))]), "Stable Diffusion"),
        (png_with(PNG, [(b"zTXt", b"parameters\0\0" + zlib.compress(A1111.encode()))]), "Stable Diffusion"),
        (png_with(PNG, [(b"tEXt", b'prompt\0{"3": {"class_type": "KSampler"}}')]), "ComfyUI"),
        (png_with(PNG, [(b"tEXt", b"workflow\0" + WORKFLOW)]), "ComfyUI"),
        (png_with(PNG, [(b"tEXt", b"invokeai_metadata\0{}")]), "InvokeAI"),
        (png_with(PNG, [(b"tEXt", b"Software\0NovelAI")]), "NovelAI"),
        (
            png_with(PNG, [(b"tEXt", b"Description\0a fox --v 6 Job ID: 0f8b6a1c-1234-4a5b-8c9d-000000000000")]),
            "Midjourney",
        ),
        (encoded(PICTURE, exif=exif(0x9286, b"UNICODE\0" + A1111.encode("utf-16-le"))), "Stable Diffusion"),
        (encoded(PICTURE, "WEBP", exif=exif(0x0110, 'prompt:{"3":{"class_type": "KSampler"}}')), "ComfyUI"),
        (encoded(PICTURE, exif=exif(0x010F, "Black Forest Labs")), "Black Forest Labs"),
        (with_xmp('<r xmp:CreatorTool="Adobe Firefly"/>'), "Adobe Firefly"),
        (with_xmp("<photoshop:Credit>Made with Google AI</photoshop:Credit>"), "Google"),
        (with_xmp("<photoshop:Credit>Image Creator from Microsoft Designer</photoshop:Credit>"), "Microsoft"),
        # of photographs and drawings
        (with_xmp("<photoshop:Credit>Ann, image creator in residence</photoshop:Credit>"), None),
        (JPEG, None),
        (png_with(PNG, [(b"tEXt", b"Software\0Adobe ImageReady")]), None),
        (png_with(PNG, [(b"tEXt", b"parameters\0width=3")]), None),
        (png_with(PNG, [(b"tEXt", b"Description\0how Midjourney works")]), None),
        (png_with(PNG, [(b"tEXt", b"Comment\0" + A1111.encode())]), None),
        (png_with(PNG, [(b"zTXt", b"parameters\0\0no stream")]), None),
        (png_with(PNG, [(b"tEXt", b"parameters")]), None),
        (png_with(PNG, [(b"iTXt", b"parameters\0\1")]), None),
        (encoded(PICTURE, exif=exif(0x010E, "Steps: 20 to the door")), None),
        (encoded(PICTURE, exif=exif(0x010F, "NIKON CORPORATION")), None),
        (with_xmp('<r xmp:CreatorTool="Adobe Photoshop 25.0"/>'), None),
    ],
)
def test_generators_are_known_by_what_they_write(body, generator):
    found = process_image(body, DownloadSettings(extract_provenance=True)).provenance
    assert (found.image_generator, found.image_generated) == (generator, True if generator else None)


def test_texts_are_bounded():
    chunks = [
        (b"tEXt", b"prompt\0" + b"x" * 10_000_000),
        *[(b"zTXt", b"prompt\0\0" + zlib.compress(b"y" * 10**7))] * 99,
    ]
    texts = open_image(png_with(PNG, chunks)).metadata.texts
    assert sum(len(text) for _, text in texts) <= 2**16


def test_nothing_is_looked_for_unless_asked():
    body = png_with(PNG, [(b"tEXt", b"Software\0NovelAI")])
    assert process_image(body, DownloadSettings()).provenance == ImageProvenance()


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_any_bytes_are_read(block, further):
    found = provenance_of(
        MetadataBlocks(
            exif=block,
            xmp=(block, b"DigitalSourceType=" + block, b"CreatorTool>" + further),
            c2pa=block + b"digitalSourceType" + further,
            texts=(("Software", block), ("prompt", further)),
        ),
        [further.decode("latin-1")],
    )
    assert found.image_c2pa
