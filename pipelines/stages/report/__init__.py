"""The last stage: counts rows, writes the ledger, and hands figures and samples to `rendering`."""
