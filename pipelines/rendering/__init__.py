"""What people look at after a run, made from data alone: nothing here reads a file or the clock.

data              what a report is made from
page/             the report page: charts, measures, scores, columns, hosts, samples
card/             the dataset card, and its description for tools
funnel_view, notices, surprises, opt_outs   what both say of a run
protections       what was done for people in images and captions
veiled            which pictures are hidden until asked for, here and in the explorer
terminal          the funnel on the terminal
number_format     numbers and clipped texts; templating: escaped templates

The report stage, inspection, replay and the commands may import the names below, and `number_format`.
"""

from babelsift.pipelines.rendering.card.card import render_card, sample_fields
from babelsift.pipelines.rendering.card.croissant import croissant
from babelsift.pipelines.rendering.card.preview import preview, previewed
from babelsift.pipelines.rendering.data import ImageCluster, ReportData, Sample
from babelsift.pipelines.rendering.page.page import render_report
from babelsift.pipelines.rendering.surprises import surprises
from babelsift.pipelines.rendering.terminal import format_funnel

__all__ = [
    "ImageCluster",
    "ReportData",
    "Sample",
    "croissant",
    "format_funnel",
    "preview",
    "previewed",
    "render_card",
    "render_report",
    "sample_fields",
    "surprises",
]
