"""What a report warns of."""

import re
from dataclasses import replace

from babelsift.filters.counting import ColumnCounts
from babelsift.pipelines.rendering import ReportData, render_report
from tests.support.report_data import (
    funnel,
    recipe,
)


def notes(data):
    return re.findall(r"<li>([^<]*)</li>", render_report(data).split("Please note")[1].split("</section>")[0])


def test_warns_of_everything_a_reader_should_not_overlook():
    data = ReportData(
        recipe(
            clip={"model": "babelsift-demo"},
            language={"keep": ["en", "cy"]},
            download={"allow_addresses": ["10.0.0.0/8"], "verify_tls": False, "disallowed_header_directives": []},
        ),
        funnel(90, languages=("mk", "en"), rejected={"select": {"similarity_too_low": 45}}),
    )
    found = " ".join(notes(data))
    for words in ("kept of mk,", "keeps cy,", "demo model", "10.0.0.0/8", "TLS", "X-Robots-Tag"):
        assert words in found


def test_warns_of_a_column_that_could_not_be_made_and_says_why():
    broken, fussy = (ColumnCounts(30, failed, failed=failed, errors=("RuntimeError no",)) for failed in (30, 3))
    found = notes(ReportData(recipe(), funnel(30), columns={"broken": broken, "fussy": fussy}))
    assert [line for line in found if "no value" in line] == ["column broken: 30 of 30 have no value: RuntimeError no."]


def test_warns_of_private_addresses_that_only_the_facts_know():
    assert "Private" in notes(ReportData(recipe(), funnel(1), {"private addresses allowed": "all"}))[0]
    assert "Please note" not in render_report(ReportData(recipe(), funnel(1), {"private addresses allowed": "no"}))


def test_warns_of_a_stage_that_rejected_everything():
    data = ReportData(recipe(), funnel(20, rejected={"download": {"dns_failure": 20}}))
    assert notes(data) == ["The stage download rejected everything that reached it (20 rows), 100 % for dns_failure."]


def test_warnings_of_stages_are_shown_and_escaped():
    warned = replace(funnel(10), warnings=("Image dedup removed 90 % of <b>host</b> bad.org",))
    rendered = render_report(ReportData(recipe(), warned))
    assert "Image dedup removed 90 % of &lt;b&gt;host&lt;/b&gt; bad.org" in rendered
    assert "<b>host</b>" not in rendered
