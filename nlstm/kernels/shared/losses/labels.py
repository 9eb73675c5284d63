"""Class labels among floating-point targets."""


def label_of(value, features):
    """The class that a target names, or -1 where it names none: no label leaves its row."""
    return int(value) if value > -1.0 and value < features else -1
