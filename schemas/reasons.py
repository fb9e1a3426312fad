"""The closed lists of stages and of reasons for which a pair can be left out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Stage(str, Enum):
    """The stages of the pipeline, in the order in which a pair meets them."""

    READ = "read"
    RULES = "rules"
    LANGUAGE = "language"
    TEXT_COLUMNS = "text_columns"
    FREQUENCY = "frequency"
    METADATA = "metadata"
    DEDUP_PAIRS = "dedup_pairs"
    DOWNLOAD = "download"
    IMAGE_RULES = "image_rules"
    DECONTAMINATE = "decontaminate"
    DEDUP_IMAGES = "dedup_images"
    SCORE = "score"
    IMAGE_COLUMNS = "image_columns"
    DECONTAMINATE_EMBEDDINGS = "decontaminate_embeddings"
    DEDUP_SEMANTIC = "dedup_semantic"
    SELECT = "select"
    BALANCE = "balance"
    SHARD = "shard"


STAGE_ORDER: tuple[Stage, ...] = tuple(Stage)
# Stages that only recipes with columns have; other runs have no account of them.
OPTIONAL_STAGES = frozenset({Stage.TEXT_COLUMNS, Stage.IMAGE_COLUMNS})


class RejectReason(str, Enum):
    """Why a pair was left out. A member's value is the word in the ledger, the counters and the report."""

    # dry runs only
    NOT_STORED = "not_stored"
    # read
    UNREADABLE_ROW = "unreadable_row"
    MISSING_URL = "missing_url"
    MISSING_CAPTION = "missing_caption"
    WRONG_TYPE = "wrong_type"
    INVALID_ENCODING = "invalid_encoding"
    PAGE_OPTED_OUT = "page_opted_out"
    REMOVED = "removed"
    # rules: captions
    TOO_FEW_CHARACTERS = "too_few_characters"
    TOO_MANY_CHARACTERS = "too_many_characters"
    TOO_FEW_WORDS = "too_few_words"
    TOO_MANY_WORDS = "too_many_words"
    TOO_FEW_SPACED_WORDS = "too_few_spaced_words"
    TOO_FEW_FASTTEXT_TOKENS = "too_few_fasttext_tokens"
    LETTER_RATIO_TOO_LOW = "letter_ratio_too_low"
    DIGIT_RATIO_TOO_HIGH = "digit_ratio_too_high"
    PUNCTUATION_RATIO_TOO_HIGH = "punctuation_ratio_too_high"
    UPPERCASE_RATIO_TOO_HIGH = "uppercase_ratio_too_high"
    REPEATED_TOKENS = "repeated_tokens"
    BOILERPLATE_CAPTION = "boilerplate_caption"
    FILENAME_CAPTION = "filename_caption"
    URL_CAPTION = "url_caption"
    MARKUP_CAPTION = "markup_caption"
    CONTROL_CHARACTERS = "control_characters"
    MOJIBAKE = "mojibake"
    CONTAINS_EMAIL = "contains_email"
    CONTAINS_PHONE_NUMBER = "contains_phone_number"
    CONTAINS_IP_ADDRESS = "contains_ip_address"
    CONTAINS_PAYMENT_CARD = "contains_payment_card"
    CONTAINS_IBAN = "contains_iban"
    CONTAINS_NATIONAL_NUMBER = "contains_national_number"
    FLAGGED_WORD = "flagged_word"
    RARE_TOKEN = "rare_token"
    MISSING_PART_OF_SPEECH = "missing_part_of_speech"
    # rules: urls
    URL_TOO_LONG = "url_too_long"
    URL_SCHEME = "url_scheme"
    URL_WITHOUT_HOST = "url_without_host"
    BLOCKED_HOST = "blocked_host"
    HOST_NOT_ALLOWED = "host_not_allowed"
    BLOCKED_SUFFIX = "blocked_suffix"
    SUFFIX_NOT_ALLOWED = "suffix_not_allowed"
    URL_OF_NO_PHOTO = "url_of_no_photo"
    URL_OPTED_OUT = "url_opted_out"
    DOMAIN_OPTED_OUT = "domain_opted_out"
    # language
    LANGUAGE_DISAGREES = "language_disagrees"
    LANGUAGE_NOT_KEPT = "language_not_kept"
    LANGUAGE_SCORE_TOO_LOW = "language_score_too_low"
    # frequency
    CAPTION_ON_TOO_MANY_IMAGES = "caption_on_too_many_images"
    IMAGE_WITH_TOO_MANY_CAPTIONS = "image_with_too_many_captions"
    # metadata
    NO_METADATA_MATCH = "no_metadata_match"
    # pair dedup
    DUPLICATE_PAIR = "duplicate_pair"
    DUPLICATE_URL = "duplicate_url"
    DUPLICATE_CAPTION = "duplicate_caption"
    NEAR_DUPLICATE_CAPTION = "near_duplicate_caption"
    IN_EARLIER_DATASET = "in_earlier_dataset"
    # download: the address
    ADDRESS_REFUSED = "address_refused"
    URL_INVALID = "url_invalid"
    # download: the network
    DNS_FAILURE = "dns_failure"
    CONNECTION_FAILURE = "connection_failure"
    TLS_FAILURE = "tls_failure"
    TIMEOUT = "timeout"
    HTTP_STATUS = "http_status"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    PROTOCOL_ERROR = "protocol_error"
    TRUNCATED_BODY = "truncated_body"
    EMPTY_BODY = "empty_body"
    BODY_TOO_LARGE = "body_too_large"
    # download: opt-outs
    OPTED_OUT = "opted_out"
    TDM_RESERVED = "tdm_reserved"
    CONTENT_USAGE_OPT_OUT = "content_usage_opt_out"
    CONTENT_SIGNAL_OPT_OUT = "content_signal_opt_out"
    TDMREP_RESERVED = "tdmrep_reserved"
    AI_TXT_DISALLOWED = "ai_txt_disallowed"
    TRAINING_CRAWLER_DISALLOWED = "training_crawler_disallowed"
    DATA_MINING_PROHIBITED = "data_mining_prohibited"
    C2PA_TRAINING_OPT_OUT = "c2pa_training_opt_out"
    ROBOTS_DISALLOWED = "robots_disallowed"
    HASH_MISMATCH = "hash_mismatch"
    ON_HASH_LIST = "on_hash_list"
    # download: this machine
    FETCHER_STALLED = "fetcher_stalled"
    DECODE_TIMEOUT = "decode_timeout"
    DECODER_CRASHED = "decoder_crashed"
    # download: a folder that was given instead
    NOT_IN_STAGING = "not_in_staging"
    LOST_IN_STAGING = "lost_in_staging"
    # download: the image
    NOT_AN_IMAGE = "not_an_image"
    IMAGE_FORMAT_NOT_ALLOWED = "image_format_not_allowed"
    IMAGE_UNDECODABLE = "image_undecodable"
    BOXES_INVALID = "boxes_invalid"
    HAS_FACES = "has_faces"
    TOO_MANY_PIXELS = "too_many_pixels"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_AREA_TOO_LARGE = "image_area_too_large"
    ASPECT_RATIO_TOO_LARGE = "aspect_ratio_too_large"
    FILE_TOO_SMALL = "file_too_small"
    # decontaminate
    EVALUATION_IMAGE = "evaluation_image"
    # image dedup
    PIXELS_WITH_TOO_MANY_CAPTIONS = "pixels_with_too_many_captions"
    DUPLICATE_IMAGE = "duplicate_image"
    NEAR_DUPLICATE_IMAGE = "near_duplicate_image"
    # score
    UNSCORABLE_IMAGE = "unscorable_image"
    UNSCORABLE_CAPTION = "unscorable_caption"
    # semantic dedup
    SEMANTIC_DUPLICATE = "semantic_duplicate"
    # select
    SIMILARITY_TOO_LOW = "similarity_too_low"
    OUTSIDE_TOP_FRACTION = "outside_top_fraction"
    CONDITION_NOT_MET = "condition_not_met"
    NO_ALTERNATIVE_MET = "no_alternative_met"
    NOT_MATCHED_IN_DOCUMENT = "not_matched_in_document"
    BEYOND_CAPTION_CAP = "beyond_caption_cap"
    BEYOND_HOST_CAP = "beyond_host_cap"
    BEYOND_LANGUAGE_CAP = "beyond_language_cap"
    # balance
    CONCEPTS_TOO_FREQUENT = "concepts_too_frequent"
    # shard
    TEXT_NOT_CHOSEN = "text_not_chosen"


# By which a site or an image file says at the download that it is not to be used.
OPT_OUTS = frozenset(
    {
        RejectReason.OPTED_OUT,
        RejectReason.TDM_RESERVED,
        RejectReason.CONTENT_USAGE_OPT_OUT,
        RejectReason.CONTENT_SIGNAL_OPT_OUT,
        RejectReason.TDMREP_RESERVED,
        RejectReason.AI_TXT_DISALLOWED,
        RejectReason.TRAINING_CRAWLER_DISALLOWED,
        RejectReason.DATA_MINING_PROHIBITED,
        RejectReason.C2PA_TRAINING_OPT_OUT,
        RejectReason.ROBOTS_DISALLOWED,
    }
)


# Of such an image nothing is kept or shown but the uids of its pairs.
WITHHELD = frozenset({RejectReason.ON_HASH_LIST, RejectReason.REMOVED})


@dataclass(frozen=True)
class ColumnReason:
    """Why a pair was left out by a condition on a column that the recipe itself names in `columns`.

    Attributes:
        column: its name.
    """

    column: str

    @property
    def value(self) -> str:
        """The word in the ledger, the counters and the report.

        >>> ColumnReason("toxicity").value
        'toxicity_not_met'
        """
        return f"{self.column}_not_met"
