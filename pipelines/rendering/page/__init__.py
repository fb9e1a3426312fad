"""The report page: one HTML file without a script.

page              what the template gets
chart             histograms as paths, ticks and cuts
measure_view, score_view, column_view   spreads of numbers: rules' measures, similarities, columns
host_view         what became of URLs by domain and kind of failure
sample_view       pairs to look at
"""
