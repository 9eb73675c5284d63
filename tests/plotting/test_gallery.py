"""The gallery shows every picture; its files are those of the page, and small."""

from nlstm import plotting
from tests.plotting.gallery import FOLDER, LARGEST, PAGE, page
from tests.plotting.gallery_texts import SECTIONS, Picture

PICTURES = [one for one in SECTIONS if isinstance(one, Picture)]


def test_the_page_is_as_its_texts_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.plotting.gallery"


def test_pictures_are_there_and_small():
    sizes = {path.stem: path.stat().st_size for path in FOLDER.iterdir()}
    assert sizes.keys() == {one.name for one in PICTURES}
    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}


def test_every_function_is_shown():
    code = "".join(one.code for one in SECTIONS).replace("model.plot(", "plotting.graph(")
    assert [n for n in plotting.__all__ if f"plotting.{n}(" not in code] == ["plot_model"]


def test_pictures_say_in_words_what_they_show():
    assert all(len(one.alt) > 20 and one.text for one in PICTURES)
