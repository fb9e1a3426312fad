"""A recipe on what a finished run has stored: dry run and comparison."""
