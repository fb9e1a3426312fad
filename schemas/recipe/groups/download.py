"""How a recipe fetches and stores images, and what it asks of them as they were served."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import AfterValidator, Field, model_validator

from babelsift.schemas.columns import IMAGE_FACES, IMAGE_PROVENANCE
from babelsift.schemas.recipe.groups.faces import FacesAtDownload
from babelsift.schemas.recipe.groups.hash_lists import HashListSettings
from babelsift.schemas.recipe.groups.numbers import Count, PositiveInt, Ratio
from babelsift.schemas.recipe.groups.opt_outs import OptOutSettings
from babelsift.schemas.recipe.groups.settings import Settings

_BESIDE_IMG2DATASETS = ("noml",)


def _ip_and_port(value: str) -> str:
    """Returns a name server's address as c-ares takes it.

    Raises:
        ValueError: it is none.
    """
    address, port = value, "53"
    if match := re.fullmatch(r"\[(.+)\]:(\d{1,5})", value) or re.fullmatch(r"([^:]+):(\d{1,5})", value):
        address, port = match.groups()
    try:
        ipaddress.ip_address(address.strip("[]"))
    except ValueError as error:
        raise ValueError(f"{value!r} is no address of a name server; write 192.0.2.53 or 192.0.2.53:5353") from error
    if not 1 <= int(port) <= 65_535:
        raise ValueError(f"{value!r}: no port {port}; ports are 1 to 65535")
    return value


NameServer = Annotated[str, AfterValidator(_ip_and_port)]
HashName = Literal["md5", "sha256", "sha512"]


class DownloadSettings(Settings):
    """How images are fetched and stored. Names that img2dataset has are img2dataset's, with its meaning.

    Attributes:
        image_size: px, of the side that `resize_mode` is about
        resize_mode: no, border, keep_ratio (shorter side), keep_ratio_largest (longer side), center_crop
        resize_only_if_bigger: smaller images stay as they are
        skip_reencode: bytes as served where nothing has to be changed
        exact_pixels: img2dataset's very pixels, not ones within 38 dB: decoded at full scale, resized by OpenCV
        auto_orient: turn images upright by their EXIF orientation
        encode_format: jpg, png, webp
        encode_quality: 0 to 100; for png a compression level, 0 to 9
        min_image_size: px, shorter side as served
        max_image_area: px, as served; null: no limit
        max_aspect_ratio: longer by shorter side, as served; null: no limit
        compute_hash: md5, sha256, sha512 or null; sha256 is kept whatever this says
        verify_hash: [COLUMN, md5, sha256 or sha512]: what the input says that the bytes as served hash to
        extract_exif: keep EXIF as a column
        extract_provenance: columns of what the image's metadata says of how it came to be: `image_generated`,
            `image_source_type`, `image_generator`, `image_c2pa`; see [rights](rights.md#generated-images)
        bbox_col: column of boxes to blur: lists of [x_min, y_min, x_max, y_max], fractions of the sides
        faces: find faces before an image is stored, and `blur`, `count` or `drop`, or a group: see
            [`download.faces`](#downloadfaces); null: none are looked for
        timeout_s: of a look-up, of connecting, and between two reads
        total_timeout_s: of a URL, with its retries and redirects, from its first request
        decode_timeout_s: CPU seconds that an image may take; five times as long by the clock
        retries: of timeouts, 408, 425, 429, 5xx and resets, with backoff
        thread_count: URLs in flight at once in a process
        connections_per_host: at once, of a process
        requests_per_host_per_s: of a host, which one process asks; null: no limit
        name_servers: addresses of name servers, IP or IP:PORT, to ask in the place of the system's
        max_redirects: each is checked as the URL was
        max_body_bytes: larger bodies are cut off and left out
        max_source_pixels: larger images are not decoded
        max_missing_rows: share of a JPEG's rows; one that lacks as many or more is undecodable, 0: one that lacks any
        ports: null: any port
        allow_addresses: networks (CIDR) to reach although they are private, for tests and intranets
        verify_tls: check certificates
        user_agent_token: named in the user agent, and looked for in robots.txt and X-Robots-Tag
        contact: address or page named in the user agent
        disallowed_header_directives: of X-Robots-Tag: images served with one are left out
        robots_txt: ask each host's robots.txt, and heed it; a request a host
        opt_outs: which opt-outs are heard: see [`download.opt_outs`](#downloadopt_outs)
        hash_lists: known images that are not stored: see [`download.hash_lists`](#downloadhash_lists)
        max_failure_rate: of the URLs of `failure_window`: a run in which more fail stops; null: none does
        failure_window: URLs, the latest of a process
        samples_per_staging_shard: pairs; also decides the number of staging partitions
    """

    image_size: PositiveInt = 256
    resize_mode: Literal["no", "border", "keep_ratio", "keep_ratio_largest", "center_crop"] = "keep_ratio"
    resize_only_if_bigger: bool = True
    skip_reencode: bool = False
    exact_pixels: bool = False
    auto_orient: bool = True
    encode_format: Literal["jpg", "png", "webp"] = "jpg"
    encode_quality: Count = 95
    min_image_size: Count = 0
    max_image_area: Annotated[float, Field(gt=0)] | None = None
    max_aspect_ratio: Annotated[float, Field(ge=1)] | None = None
    compute_hash: HashName | None = "sha256"
    verify_hash: tuple[str, HashName] | None = None
    extract_exif: bool = True
    extract_provenance: bool = False
    bbox_col: str | None = None
    faces: FacesAtDownload = None
    timeout_s: float = Field(default=10.0, gt=0)
    total_timeout_s: float = Field(default=30.0, gt=0)
    decode_timeout_s: float = Field(default=60.0, gt=0, le=86_400)
    retries: Count = 2
    thread_count: PositiveInt = 64
    connections_per_host: PositiveInt = 8
    requests_per_host_per_s: float | None = Field(default=None, gt=0)
    name_servers: Annotated[tuple[NameServer, ...], Field(strict=False)] = ()
    max_redirects: Count = 5
    max_body_bytes: PositiveInt = 50_000_000
    max_source_pixels: PositiveInt = 100_000_000
    max_missing_rows: Ratio = 0.0625
    ports: tuple[int, ...] | None = (80, 443, 8080, 8443)
    allow_addresses: tuple[str, ...] = ()
    verify_tls: bool = True
    user_agent_token: str | None = None
    contact: str | None = None
    disallowed_header_directives: tuple[str, ...] = ("noai", "noimageai", "noindex", "noimageindex")
    robots_txt: bool = False
    opt_outs: OptOutSettings = OptOutSettings()
    hash_lists: Annotated[tuple[HashListSettings, ...], Field(strict=False)] = ()
    max_failure_rate: Ratio | None = 0.98
    failure_window: PositiveInt = 500
    samples_per_staging_shard: Annotated[int, Field(ge=1, le=1_000_000)] = 5_000

    @property
    def forbidding_directives(self) -> tuple[str, ...]:
        """The directives of X-Robots-Tag by which an image is left out; none where the recipe names none."""
        named = self.disallowed_header_directives if self.opt_outs.x_robots_tag else ()
        return (*named, *_BESIDE_IMG2DATASETS) if named else ()

    @property
    def further_columns(self) -> tuple[pa.Field, ...]:
        """The columns that downloaded rows have beside those of DOWNLOAD_SCHEMA."""
        found_faces = () if self.faces is None else IMAGE_FACES
        return (*(IMAGE_PROVENANCE if self.extract_provenance else ()), *found_faces)

    @model_validator(mode="after")
    def _lists_differ_by_name(self) -> DownloadSettings:
        names = [one.name for one in self.hash_lists]
        if repeated := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"hash_lists: two lists are named {repeated!r}; the ledger tells them by their names")
        return self

    @model_validator(mode="after")
    def _quality_fits(self) -> DownloadSettings:
        highest = 9 if self.encode_format == "png" else 100
        if self.encode_quality > highest:
            meaning = "is a compression level" if self.encode_format == "png" else "is"
            raise ValueError(
                f"encode_quality {meaning} from 0 to {highest} for {self.encode_format}, found {self.encode_quality}"
            )
        return self


class ImageRules(Settings):
    """Rules on the image as it was served; a rule that is null is off.

    Attributes:
        min_bytes: of the file
        min_side_px: of the shorter side
        max_aspect_ratio: longer by shorter side
    """

    min_bytes: Count | None = None
    min_side_px: Count | None = None
    max_aspect_ratio: Annotated[float, Field(ge=1)] | None = None
