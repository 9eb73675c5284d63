"""Speed, measured: asv benchmarks (`bench_*.py`) and the comparison with the peers."""
