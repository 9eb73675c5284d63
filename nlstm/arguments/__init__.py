"""What constructors are given: configs, names, seeds and the checks of arguments."""
