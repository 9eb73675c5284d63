"""Speed, measured, in three folders.

asv      benchmarks of kernels and of the public API, for every change
peers    nlstm beside PyTorch and Keras; `compare.py` and `costs.py` here are its doors
machine  what this machine can do, and what nlstm alone takes and gives

`grid.py` has the shapes that all three measure, `markdown.py` the tables. asv and peers import
machine, and nothing else imports across.
"""
