"""The door to `peers/compare.py`; `python benchmarks/compare.py --help` says what it does."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # run as a file, it finds only its folder

from benchmarks.peers.compare import main

if __name__ == "__main__":
    main()
