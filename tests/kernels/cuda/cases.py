"""The table of cases, and how a function comes into it."""

from functools import partial

CASES = {}
EXACT = set()


def case(name=None, /, exact=False, **options):
    """Put a function into `CASES`, with these options."""

    def put(function):
        label = name or function.__name__
        CASES[label] = partial(function, **options)
        if exact:
            EXACT.add(label)
        return function

    return put
