"""Which headers of an answer leave its image out, form by form, and that each form can be switched off."""

from __future__ import annotations

import pytest

from babelsift.pipelines.fetch.opt_outs import headers_opt_out
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings, OptOutSettings
from tests.support.hostile_web import answer
from tests.support.one_fetch import BODY, fetch, outcome

FORMS = [
    ("x_robots_tag", "X-Robots-Tag: noml", RejectReason.OPTED_OUT, "noml"),
    ("x_robots_tag", "X-Robots-Tag: noai", RejectReason.OPTED_OUT, "noai"),
    ("x_robots_tag", "x-robots-tag: otherbot: all, babelsift: noimageai", RejectReason.OPTED_OUT, "noimageai"),
    ("tdm_reservation", "TDM-Reservation: 1", RejectReason.TDM_RESERVED, "tdm-reservation: 1"),
    ("content_usage", "content-usage: search=y, train-ai=n", RejectReason.CONTENT_USAGE_OPT_OUT, "train-ai=n"),
    ("content_signal", "Content-Signal: ai-train=no", RejectReason.CONTENT_SIGNAL_OPT_OUT, "ai-train=no"),
]
PERMITTING = ("X-Robots-Tag: all", "TDM-Reservation: 0", "Content-Usage: train-ai=y", "Content-Signal: ai-train=yes")


@pytest.mark.parametrize(("form", "header", "reason", "detail"), FORMS)
def test_a_form_is_heard_unless_switched_off(hostile_web, form, header, reason, detail):
    url = hostile_web.on("/", answer(BODY, *PERMITTING, header))
    assert outcome(fetch(url)) == (reason, detail)
    assert fetch(url, opt_outs=OptOutSettings(**{form: False})).body == BODY


def test_what_permits_leaves_nothing_out(hostile_web):
    odd = ("X-Robots-Tag: otherbot: noai", "TDM-Reservation: true", "Content-Usage: search=n", "Content-Signal: =,;no")
    assert fetch(hostile_web.on("/", answer(BODY, *PERMITTING, *odd))).body == BODY


def said(headers, **settings):
    return headers_opt_out(lambda name: headers.get(name, ()), DownloadSettings(**settings))


def test_a_policy_is_named():
    headers = {"tdm-reservation": ["1"], "tdm-policy": ["https://a.example/policy.json"]}
    assert said(headers) == (RejectReason.TDM_RESERVED, "tdm-reservation: 1 https://a.example/policy.json")


def test_a_recipe_that_names_no_directives_hears_no_x_robots_tag():
    assert said({"X-Robots-Tag": ["noml, noai"]}, disallowed_header_directives=()) is None
    assert said({"X-Robots-Tag": ["noindex"]}, disallowed_header_directives=("noai",)) is None
