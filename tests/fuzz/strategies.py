"""The same draws by hypothesis, which makes a failing one small."""

from hypothesis import strategies as st

from tests.fuzz.ways import WAYS, case_of

__all__ = ["drawn_case"]


def drawn_case(data, ways=tuple(WAYS)):
    """Return a case of one of the ways, each of its choices drawn from `st.data()`."""
    way = data.draw(st.sampled_from(ways))
    return case_of(way, lambda count: data.draw(st.integers(0, count - 1)))
