"""The door to `peers/compare.py`; `python benchmarks/compare.py --help` says what it does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a file finds its own folder only

from benchmarks.peers.compare import main

if __name__ == "__main__":
    main()
