"""`python -m babelsift` is the command."""

from __future__ import annotations

import sys

from babelsift.pipelines.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
