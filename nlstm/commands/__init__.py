"""What `python -m nlstm` does with files of models: show, convert, predict."""
