"""What this device has not: said by name where a model is bound, never computed elsewhere."""


class Absent(NotImplementedError):
    """An operation that the device has not yet."""
