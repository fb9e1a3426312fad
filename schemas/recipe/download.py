"""How a recipe fetches and stores images, and what it asks of them as they were served."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import AfterValidator, Field, model_validator

from babelsift.schemas.columns import IMAGE_PROVENANCE
from babelsift.schemas.recipe.numbers import Count, PositiveInt, Ratio
from babelsift.schemas.recipe.opt_outs import OptOutSettings
from babelsift.schemas.recipe.settings import Settings

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
    """How images are fetched and stored. Names that img2dataset has are img2dataset's, with its meaning."""

    image_size: PositiveInt = 256
    resize_mode: Literal["no", "border", "keep_ratio", "keep_ratio_largest", "center_crop"] = "keep_ratio"
    resize_only_if_bigger: bool = True
    skip_reencode: bool = False
    exact_pixels: bool = Field(
        default=False,
        description="img2dataset's very pixels, not ones within 38 dB: decoded at full scale, resized by OpenCV",
    )
    auto_orient: bool = Field(default=True, description="turn images upright by their EXIF orientation")
    encode_format: Literal["jpg", "png", "webp"] = "jpg"
    encode_quality: Count = 95
    min_image_size: Count = 0
    max_image_area: Annotated[float, Field(gt=0)] | None = None
    max_aspect_ratio: Annotated[float, Field(ge=1)] | None = None
    compute_hash: HashName | None = Field(default="sha256", description="sha256 is kept whatever this says")
    verify_hash: tuple[str, HashName] | None = Field(
        default=None, description="[COLUMN, md5|sha256|sha512]: what the input says that the bytes as served hash to"
    )
    extract_exif: bool = True
    extract_provenance: bool = Field(
        default=False, description="columns of what the image's metadata says of how it came to be: generated, by what"
    )
    bbox_col: str | None = Field(
        default=None, description="column of boxes to blur: lists of [x_min, y_min, x_max, y_max], fractions of sides"
    )
    timeout_s: float = Field(default=10.0, gt=0)
    total_timeout_s: float = Field(default=30.0, gt=0)
    decode_timeout_s: float = Field(
        default=60.0, gt=0, le=86_400, description="CPU seconds that an image may take; five times as long by the clock"
    )
    retries: Count = 2
    thread_count: PositiveInt = Field(default=64, description="URLs in flight at once in a process")
    connections_per_host: PositiveInt = 8
    requests_per_host_per_s: float | None = Field(
        default=None, gt=0, description="of a host, which one process asks; null: no limit"
    )
    name_servers: Annotated[tuple[NameServer, ...], Field(strict=False)] = Field(
        default=(), description="addresses of name servers, IP or IP:PORT, to ask in the place of the system's"
    )
    max_redirects: Count = 5
    max_body_bytes: PositiveInt = 50_000_000
    max_source_pixels: PositiveInt = 100_000_000
    max_missing_rows: Ratio = Field(
        default=0.0625,
        description="share of a JPEG's rows; one that lacks as many or more is undecodable, 0: one that lacks any",
    )
    ports: tuple[int, ...] | None = Field(default=(80, 443, 8080, 8443), description="null: any port")
    allow_addresses: tuple[str, ...] = Field(
        default=(), description="networks (CIDR) to reach although they are private, for tests and intranets"
    )
    verify_tls: bool = True
    user_agent_token: str | None = None
    contact: str | None = Field(default=None, description="address or page named in the user agent")
    disallowed_header_directives: tuple[str, ...] = ("noai", "noimageai", "noindex", "noimageindex")
    robots_txt: bool = Field(default=False, description="ask each host's robots.txt, and heed it")
    opt_outs: OptOutSettings = OptOutSettings()
    max_failure_rate: Ratio | None = Field(
        default=0.98, description="of the URLs of `failure_window`: a run in which more fail stops; null: none does"
    )
    failure_window: PositiveInt = Field(default=500, description="URLs, the latest of a process")
    samples_per_staging_shard: Annotated[int, Field(ge=1, le=1_000_000)] = 5_000

    @property
    def forbidding_directives(self) -> tuple[str, ...]:
        """The directives of X-Robots-Tag by which an image is left out; none where the recipe names none."""
        named = self.disallowed_header_directives if self.opt_outs.x_robots_tag else ()
        return (*named, *_BESIDE_IMG2DATASETS) if named else ()

    @property
    def further_columns(self) -> tuple[pa.Field, ...]:
        """The columns that downloaded rows have beside those of DOWNLOAD_SCHEMA."""
        return IMAGE_PROVENANCE if self.extract_provenance else ()

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
    """Rules on the image as it was served; a rule that is null is off."""

    min_bytes: Count | None = None
    min_side_px: Count | None = None
    max_aspect_ratio: Annotated[float, Field(ge=1)] | None = None
