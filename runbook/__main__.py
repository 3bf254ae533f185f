"""`python -m runbook` is the command `runbook`."""

import sys

from runbook.cli import main

sys.exit(main())
