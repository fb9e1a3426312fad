"""The last stage: counts rows, writes the ledger, and hands figures and samples to `rendering`.

row_counts      counts rows by stage, outcome and language; draws samples: `CountRows`, `SampleRows`
ledger          writes rejected rows: `WriteLedger`
report_inputs   brings the report's inputs together: `GatherReportInputs`
sample_images   the stored images of drawn pairs
write_report    checks the sums and writes the report: `WriteReport`

The job and replay may import from here.
"""
