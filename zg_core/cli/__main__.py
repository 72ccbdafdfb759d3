"""Let ``python -m zg_core.cli`` be ``zg``."""

from __future__ import annotations

import sys

from . import main

sys.exit(main())
