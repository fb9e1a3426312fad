"""What people look at after a run: the report page, the dataset card and the funnel on the terminal."""

from pipelines.report.card import render_card, sample_fields
from pipelines.report.croissant import croissant
from pipelines.report.data import ImageCluster, ReportData, Sample
from pipelines.report.page import render_report
from pipelines.report.terminal import format_funnel

__all__ = [
    "ImageCluster",
    "ReportData",
    "Sample",
    "croissant",
    "format_funnel",
    "render_card",
    "render_report",
    "sample_fields",
]
