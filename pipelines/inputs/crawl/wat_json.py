"""A WAT record's JSON into objects: of its links those of images are kept, the rest is passed over unread.

The annotations of this module are evaluated: the classes inside `_Decoders` are made of them.
"""

from collections.abc import Callable, Iterable
from functools import cache, reduce
from operator import or_
from typing import Any

from babelsift.schemas import InputError

IMAGE_PATHS = ("IMG@/src", "IMG@/data-src", "IMG@/srcset", "IMG@/data-srcset")
# The other links that WAT files have; of those that are found beside them some more are learned.
_OTHER_PATHS = (
    "A@/href",
    "AREA@/href",
    "AUDIO@/src",
    "BLOCKQUOTE@/cite",
    "BODY@/background",
    "BUTTON@/formaction",
    "EMBED@/src",
    "FORM@/action",
    "FRAME@/src",
    "IFRAME@/src",
    "IMG@/longdesc",
    "INPUT@/src",
    "LINK@/href",
    "OBJECT@/data",
    "Q@/cite",
    "SCRIPT@/src",
    "SOURCE@/src",
    "STYLE/#text",
    "TABLE@/background",
    "TD@/background",
    "TRACK@/src",
    "VIDEO@/poster",
    "VIDEO@/src",
)
_MOST_PATHS, _PATH_CHARACTERS = 500, 100


class WatDecoders:
    """Decodes WAT records.

    A link is an object of a class for its path, which msgspec chooses while it reads: nothing of other links than
    images' is kept. A record with a path that is not known is decoded by the slower way, which knows any.

    Attributes:
        wrong_type: what is raised at values of another type than WAT files have.
    """

    def __init__(self) -> None:
        try:
            import msgspec
        except ImportError as error:
            raise InputError("WAT files need msgspec: pip install 'babelsift[crawl]'") from error
        self.wrong_type: type[Exception] = msgspec.ValidationError
        texts = [("url", str, ""), ("alt", str | None, None), ("title", str | None, None)]
        self._classes = {path: self._link_class(path, texts) for path in IMAGE_PATHS}
        self._learn(_OTHER_PATHS)
        any_link = msgspec.defstruct("AnyLink", [("path", str, ""), *texts, ("rel", str | None, None)], gc=False)
        self._of_any_path = self._decoder(list[any_link])  # type: ignore[valid-type]
        self._head_links = msgspec.json.Decoder(list[any_link]).decode  # type: ignore[valid-type]

    def decode(self, content: bytes) -> Any:
        """Returns a record as an object.

        Raises:
            ValueError: it is no JSON.
            RecursionError: it is nested too deeply.
            msgspec.ValidationError, a ValueError: a value is of another type.
        """
        try:
            record = self._of_known_paths(content)
        except self.wrong_type:
            record = self._of_any_path(content)
            response = record.envelope.payload.response
            links = response.html.links if response is not None and response.html is not None else ()
            self._learn({link.path for link in links})
        response = record.envelope.payload.response
        if response is not None and response.html is not None and (head := response.html.head) is not None:
            # One in hundreds has a license, and all have many links.
            head.links = self._head_links(head.links) if b"license" in bytes(head.links).lower() else ()
        return record

    def _learn(self, paths: Iterable[str]) -> None:
        new = [path for path in sorted(paths) if path not in self._classes and len(path) <= _PATH_CHARACTERS]
        if new and len(self._classes) < _MOST_PATHS:
            self._classes |= {path: self._link_class(path, []) for path in new}
            self._of_known_paths = self._decoder(list[reduce(or_, self._classes.values())])  # type: ignore[misc]

    def _link_class(self, path: str, fields: list[Any]) -> Any:
        import msgspec

        return msgspec.defstruct("Link", fields, tag_field="path", tag=path, namespace={"path": path}, gc=False)

    def _decoder(self, list_of_links: Any) -> Callable[[bytes], Any]:
        import msgspec

        class MetaJson(msgspec.Struct, gc=False, rename={"http_equiv": "http-equiv"}):
            name: str | None = None
            property: str | None = None
            http_equiv: str | None = None
            content: str | None = None

        class HeadJson(msgspec.Struct, rename={"base": "Base", "title": "Title", "metas": "Metas", "links": "Link"}):
            base: str | None = None
            title: str | None = None
            metas: list[MetaJson] = msgspec.field(default_factory=list)
            links: msgspec.Raw = msgspec.Raw(b"[]")

        class HtmlJson(msgspec.Struct, rename={"head": "Head", "links": "Links"}):
            head: HeadJson | None = None
            links: list_of_links = msgspec.field(default_factory=list)

        class ResponseJson(msgspec.Struct, rename={"html": "HTML-Metadata", "headers": "Headers"}):
            html: HtmlJson | None = None
            headers: msgspec.Raw = msgspec.Raw(b"{}")

        class PayloadJson(msgspec.Struct, rename={"response": "HTTP-Response-Metadata"}):
            response: ResponseJson | None = None

        class HeaderJson(msgspec.Struct, rename={"page_url": "WARC-Target-URI"}):
            page_url: str = ""

        class EnvelopeJson(msgspec.Struct, rename={"payload": "Payload-Metadata", "header": "WARC-Header-Metadata"}):
            payload: PayloadJson
            header: HeaderJson

        class ContainerJson(msgspec.Struct, rename={"filename": "Filename", "offset": "Offset"}):
            filename: str | None = None
            offset: str | int | None = None

        class RecordJson(msgspec.Struct, rename={"envelope": "Envelope", "container": "Container"}):
            envelope: EnvelopeJson
            container: ContainerJson = msgspec.field(default_factory=ContainerJson)

        return msgspec.json.Decoder(RecordJson).decode


@cache
def wat_decoders() -> WatDecoders:
    """Returns the decoders of this process.

    Raises:
        InputError: the package that reads JSON is missing.
    """
    return WatDecoders()
