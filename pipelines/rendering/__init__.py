"""What people look at after a run: the report page, the dataset card and the funnel on the terminal."""

from babelsift.pipelines.rendering.card import render_card, sample_fields
from babelsift.pipelines.rendering.croissant import croissant
from babelsift.pipelines.rendering.data import ImageCluster, ReportData, Sample
from babelsift.pipelines.rendering.page import render_report
from babelsift.pipelines.rendering.surprises import surprises
from babelsift.pipelines.rendering.terminal import format_funnel

__all__ = [
    "ImageCluster",
    "ReportData",
    "Sample",
    "croissant",
    "format_funnel",
    "render_card",
    "render_report",
    "sample_fields",
    "surprises",
]
