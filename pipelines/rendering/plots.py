"""Similarity plots as inline SVG: themed by the page's CSS variables, the same bytes for the same data."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from babelsift.pipelines.rendering.histograms import ScoreRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# matplotlib knows no CSS: it draws in colours that nothing else has, which are then replaced by the page's.
_INK, _MUTED, _LINE, _ALL, _ONE, _CUT = ("#010101", "#010102", "#010103", "#010104", "#010105", "#010106")
_VARIABLES = {
    _INK: "var(--ink)",
    _MUTED: "var(--muted)",
    _LINE: "var(--line)",
    _ALL: "var(--kept)",
    _ONE: "var(--accent)",
    _CUT: "var(--cut)",
}
_PLAIN_LABEL = re.compile(r"[A-Za-z0-9-]{1,16}")
_LONG_NUMBER = re.compile(r"(\.\d\d)\d+")
_STYLE = {
    "svg.hashsalt": "babelsift",
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": _INK,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _INK,
}


def similarity_svg(rows: list[ScoreRow], *, name: str) -> str:
    """Returns an SVG element: the histogram of all pairs, and under it one a language, all on one similarity axis.

    Args:
        rows: at least one, the first is of all pairs.
        name: prefix of the element's ids, unique in the page.
    """
    # Imported here: it takes a second, and a run without a CLIP model draws nothing.
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a user's own style must not change the report
        for setting, value in _STYLE.items():
            matplotlib.rcParams[setting] = value  # type: ignore[index]
        languages = rows[1:]
        top, each = 2.0, 0.42
        height = top + each * len(languages) + 0.6
        figure = Figure(figsize=(9, height))
        axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=[top, *[each] * len(languages)])[
            :, 0
        ]
        figure.subplots_adjust(left=0.085, right=0.985, top=1 - 0.28 / height, bottom=0.45 / height, hspace=0.12)
        low, high = _span(rows)
        for row, panel in zip(rows, axes, strict=True):
            _draw(panel, row, low, high, overall=row is rows[0])
        axes[-1].set_xlabel("cosine similarity of image and caption")
        axes[-1].tick_params(bottom=True, labelbottom=True)
        return _as_inline(figure, name)


def _span(rows: list[ScoreRow]) -> tuple[float, float]:
    """Returns the axis' ends: every threshold and 99.8 percent of all pairs, so that an outlier squeezes nothing."""
    overall = rows[0].histogram
    ends = [overall.quantile(0.001), overall.quantile(0.999), *(row.cut for row in rows if row.cut is not None)]
    margin = max((max(ends) - min(ends)) * 0.03, 0.01)
    return min(ends) - margin, max(ends) + margin


def _draw(axes: Axes, row: ScoreRow, low: float, high: float, *, overall: bool) -> None:
    pieces = int(min(max(2 * row.histogram.total ** (1 / 3), 24), 100))
    counts, edges = row.histogram.rebinned(low, high, pieces)
    axes.stairs(counts, edges, fill=True, color=_ALL if overall else _ONE, alpha=0.85 if overall else 0.6, linewidth=0)
    axes.patch.set_visible(False)
    axes.set_xlim(low, high)
    axes.set_ylim(0, max(float(counts.max()), 1.0) * 1.06)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False, bottom=False, labelbottom=False)
    label = row.label if _PLAIN_LABEL.fullmatch(row.label) else "?"
    if overall:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.locator_params(axis="y", nbins=4, integer=True)
        axes.set_title("pairs", loc="left", x=-0.045, fontsize=9, color=_MUTED)
        axes.grid(axis="y", color=_LINE, linewidth=0.6)
        axes.set_axisbelow(True)
    else:
        axes.set_yticks([counts.max() * 0.35 or 0.5], [label])
    if row.cut is None:
        return
    axes.axvline(row.cut, color=_CUT, linewidth=1.4)
    if overall:
        right = row.cut > (low + high) / 2
        axes.annotate(
            f"cut {row.cut:.3f}",
            (row.cut, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if right else 4, 4),
            textcoords="offset points",
            ha="right" if right else "left",
            color=_CUT,
            annotation_clip=False,
        )


def _as_inline(figure: Figure, name: str) -> str:
    """Returns the figure as an SVG element without prologue, metadata, style sheet or size; its ids are unique."""
    figure.patch.set_visible(False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    view_box = re.findall(r'viewBox="[^"]*"', text)[0]
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = body.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'href="#{name}-')
    body = re.sub(r"font-family: [^;]*; ", "", body)  # the page's own
    body = re.sub(r' d="[^"]*"', lambda path: re.sub(r"\s*\n", " ", _LONG_NUMBER.sub(r"\1", path.group())), body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    return f'<svg {view_box} aria-hidden="true" focusable="false">{body.strip()}'
