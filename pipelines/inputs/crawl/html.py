"""The images of an HTML page, and every text that stands for one: its own, its figure's, its page's, those near it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from babelsift.pipelines.inputs.crawl.links import Base, is_no_address, largest_of_srcset
from babelsift.pipelines.inputs.crawl.tangled import tangle_of
from babelsift.schemas import InputError

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

PAGE_COLUMNS = (
    "url",
    "alt",
    "title",
    "figcaption",
    "heading",
    "text_before",
    "text_after",
    "og_title",
    "og_description",
    "lang",
    "link_path",
)
_MAX_TEXT_CHARACTERS = 2000
_NEAR_CHARACTERS = 1000
_ANCESTORS = 40
# Where a page loads an image when it comes into view, `src` holds a placeholder.
_LAZY = ("data-src", "data-original", "data-lazy-src", "data-lazy", "data-lazyload", "data-actualsrc")
_NAMES_A_FILE = re.compile(r"(?![{\[<$]).*[./]")  # such an attribute may be a flag, hold settings, or await its value
_SRCSETS = ("srcset", "data-srcset", "data-lazy-srcset")
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_SILENT = frozenset(("script", "style", "template", "title", "textarea", "noscript", "iframe", "option"))
_INLINE = frozenset(
    (
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "dfn", "em", "font", "i", "kbd"),
        *("label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var"),
    )
)
_SENTENCE_END = re.compile(r"(?<=[.!?।؟])\s+|(?<=[。！？])|\n+")


@dataclass(frozen=True)
class PageContent:
    """What a page holds.

    Attributes:
        images: of each the values of PAGE_COLUMNS.
        metas: (name, content) of its `meta` elements.
        language: `lang` of `html`.
        title: of the page.
        license: the target of its first link with `rel=license`.
    """

    images: list[tuple[str | None, ...]]
    metas: list[tuple[str, str]]
    language: str | None = None
    title: str | None = None
    license: str | None = None


@dataclass
class _Image:
    """An image as it was met: `position` is that in the page's text, in characters."""

    values: dict[str, str | None]
    position: int


def read_page(text: str, page_url: str) -> PageContent:
    """Returns the images of a page and what it says of itself.

    Args:
        text: HTML, of any kind; nothing in it is run or loaded.
        page_url: what its URLs are relative to.
    Raises:
        InputError: the package that reads HTML is missing.
        ValueError: it would cost the parser what no page is worth.
    """
    if tangle := tangle_of(text):
        raise ValueError(tangle)
    try:
        from selectolax.lexbor import LexborHTMLParser
    except ImportError as error:
        raise InputError("WARC files need selectolax: pip install 'babelsift[crawl]'") from error
    tree = LexborHTMLParser(text)
    metas = list(_metas(tree))
    base = Base(page_url, _attribute(tree.css_first("base[href]"), "href"))
    language = _attribute(tree.css_first("html"), "lang") or _attribute(tree.css_first("html"), "xml:lang")
    licensed = _attribute(tree.css_first("[rel~=license][href]"), "href")
    title = tree.css_first("title")
    images = _Reader(base, has_languages=len(tree.css("[lang]")) > 1, language=language).images(tree)
    return PageContent(
        _with_open_graph(images, dict(reversed(metas)), base),
        metas,
        language,
        _clean(title.text()) if title is not None else None,
        base.absolute(licensed) if licensed else None,
    )


def _metas(tree: LexborHTMLParser) -> Iterator[tuple[str, str]]:
    for node in tree.css("meta[content]"):
        attributes = node.attributes
        name = attributes.get("property") or attributes.get("name") or attributes.get("http-equiv")
        if name:
            yield name.strip().lower(), (attributes.get("content") or "").strip()


@dataclass
class _Reader:
    """Goes once through a page, in its order."""

    base: Base
    has_languages: bool
    language: str | None
    heading: str | None = None
    _pieces: list[str] = field(default_factory=list)
    _length: int = 0
    _block: int = 0
    _blocks: dict[int, tuple[int, bool]] = field(default_factory=dict)
    _images: list[_Image] = field(default_factory=list)
    # Of each figure and picture that images are in, looked for once however many these are.
    _captions: dict[int, str | None] = field(default_factory=dict)
    _sources: dict[int, tuple[str, str] | None] = field(default_factory=dict)

    def images(self, tree: LexborHTMLParser) -> list[dict[str, str | None]]:
        """Returns the images, each with the texts around it."""
        if tree.root is None or tree.css_first("img") is None:
            return []
        for node in tree.root.traverse(include_text=True):
            tag = node.tag
            if tag == "-text":
                self._add_text(node)
            elif tag == "img":
                self._add_image(node)
            elif tag in _HEADINGS:
                self.heading = _clean(node.text()) or self.heading
        text = "".join(self._pieces)
        for image in self._images:
            image.values["text_before"] = _last_sentence(
                text[max(0, image.position - _NEAR_CHARACTERS) : image.position]
            )
            image.values["text_after"] = _first_sentence(text[image.position : image.position + _NEAR_CHARACTERS])
        return [image.values for image in self._images]

    def _add_text(self, node: LexborNode) -> None:
        block, is_silent = self._block_of(node.parent)
        text = node.text_content
        if is_silent or not text:
            return
        if block != self._block:
            self._block = block
            text = "\n" + text
        self._pieces.append(text)
        self._length += len(text)

    def _block_of(self, node: LexborNode | None) -> tuple[int, bool]:
        """Returns (which block an element's text is in, whether nobody sees it)."""
        key = node.mem_id if node is not None else 0
        if key not in self._blocks:
            tag, steps, is_silent = "", 0, False
            while node is not None and steps < _ANCESTORS:
                tag = node.tag or ""
                is_silent = is_silent or tag in _SILENT or tag in _HEADINGS or tag == "figcaption"
                if tag not in _INLINE:
                    break
                node, steps = node.parent, steps + 1
            self._blocks[key] = (node.mem_id if node is not None else 0, is_silent)
        return self._blocks[key]

    def _add_image(self, node: LexborNode) -> None:
        attributes = node.attributes
        figure, picture, language = self._around(node)
        link_path, url = _address(attributes) or self._source_of(picture) or _no_address(attributes)
        values = {
            "url": self.base.absolute(url) if url else None,
            "alt": _clean(attributes.get("alt")),
            "title": _clean(attributes.get("title")),
            "figcaption": self._caption_of(figure),
            "heading": self.heading,
            "lang": language,
            "link_path": link_path,
        }
        self._images.append(_Image(values, self._length))

    def _caption_of(self, figure: LexborNode | None) -> str | None:
        if figure is None:
            return None
        if figure.mem_id not in self._captions:
            caption = figure.css_first("figcaption")
            self._captions[figure.mem_id] = _clean(caption.text()) if caption is not None else None
        return self._captions[figure.mem_id]

    def _source_of(self, picture: LexborNode | None) -> tuple[str, str] | None:
        """Returns (where the URL of a picture's first source that has one stands, the URL)."""
        if picture is None:
            return None
        if picture.mem_id not in self._sources:
            self._sources[picture.mem_id] = next(filter(None, map(_source_address, picture.css("source"))), None)
        return self._sources[picture.mem_id]

    def _around(self, node: LexborNode) -> tuple[LexborNode | None, LexborNode | None, str | None]:
        """Returns (the figure that an image is in, its picture element, its language)."""
        figure = picture = None
        language = _attribute(node, "lang") if self.has_languages else self.language
        parent, steps = node.parent, 0
        while parent is not None and steps < _ANCESTORS:
            tag = parent.tag
            if tag == "figure" and figure is None:
                figure = parent
            elif tag == "picture" and picture is None:
                picture = parent
            if language is None:
                language = _attribute(parent, "lang")
            parent, steps = parent.parent, steps + 1
        return figure, picture, language or self.language


def _address(attributes: dict[str, str | None]) -> tuple[str, str] | None:
    """Returns (where an image's URL stands, the URL); None where it has none itself."""
    for name in (*_LAZY, "src"):
        url = (attributes.get(name) or "").strip()
        if not is_no_address(url) and (name == "src" or _NAMES_A_FILE.match(url)):
            return f"IMG@/{name}", url
    for name in _SRCSETS:
        if url := largest_of_srcset(attributes.get(name) or "") or "":
            return f"IMG@/{name}", url
    return None


def _no_address(attributes: dict[str, str | None]) -> tuple[str, str | None]:
    """Returns (where an image's content stands that has no address on the web, what stands there)."""
    said = ((name, (attributes.get(name) or "").strip()) for name in ("src", *_LAZY))
    return next(((f"IMG@/{name}", url) for name, url in said if url), ("IMG@/src", None))


def _source_address(source: LexborNode) -> tuple[str, str] | None:
    for name in _SRCSETS:
        if url := largest_of_srcset(_attribute(source, name) or ""):
            return f"SOURCE@/{name}", url
    return None


def _with_open_graph(
    images: list[dict[str, str | None]], metas: dict[str, str], base: Base
) -> list[tuple[str | None, ...]]:
    """Returns the images with what Open Graph says of the page's main one, which is one of them or another."""
    url = metas.get("og:image") or metas.get("og:image:url") or metas.get("og:image:secure_url")
    if url:
        said = {"og_title": _clean(metas.get("og:title")), "og_description": _clean(metas.get("og:description"))}
        address = base.absolute(url)
        shown = [image for image in images if image["url"] == address]
        for image in shown:
            image.update(said)
        if not shown:
            alt = _clean(metas.get("og:image:alt"))
            images.append({"url": address, "alt": alt, **said, "link_path": "META@/og:image"})
    return [tuple(image.get(name) or None for name in PAGE_COLUMNS) for image in images]


def _attribute(node: LexborNode | None, name: str) -> str | None:
    value = node.attributes.get(name) if node is not None else None
    return value.strip() or None if value else None


def _clean(text: str | None) -> str | None:
    """Returns a text with its blanks as single ones; None where nothing is left."""
    return " ".join((text or "")[:_MAX_TEXT_CHARACTERS].split()) or None


def _last_sentence(text: str) -> str | None:
    sentences = [sentence for sentence in map(_clean, _SENTENCE_END.split(text)) if sentence]
    return sentences[-1] if sentences else None


def _first_sentence(text: str) -> str | None:
    sentences = (sentence for sentence in map(_clean, _SENTENCE_END.split(text)) if sentence)
    return next(sentences, None)
