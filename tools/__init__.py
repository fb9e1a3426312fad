"""Programs for those who work on babelsift; none of them is installed."""
