"""The door to `peers/costs.py`; `python benchmarks/costs.py --help` says what it does."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # run as a file, it finds only its folder

from benchmarks.peers.costs import main

if __name__ == "__main__":
    main()
