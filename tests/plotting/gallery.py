"""Write docs/gallery.md and the pictures in docs/gallery, by running the code that the page shows.

From the repository root:

    python -m tests.plotting.gallery

Look at what it drew before it is committed. A test holds the page to the texts here, and the
pictures to their names and sizes.
"""

from pathlib import Path

import numpy as np

from tests.plotting.gallery_texts import HEAD, SECTIONS, Picture

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "gallery.md"
FOLDER = ROOT / "docs" / "gallery"
DPI = 150
LARGEST = 60_000  # bytes of a picture


def page():
    """Return the text of the page."""
    return "\n".join([HEAD, *map(section, SECTIONS)])


def section(one):
    """Return a part of the page: its code, and the picture if it draws one."""
    text = f"## {one.title}\n\n{one.text}\n\n```python\n{one.code}```\n"
    if isinstance(one, Picture):
        text += f"\n![{one.alt}](gallery/{one.name}.png)\n"
    return text


def draw(folder):
    """Run the code of the page in order; write what each section leaves as `ax`."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    namespace = {}
    for one in SECTIONS:
        exec(compile(one.code, one.title, "exec"), namespace)
        if isinstance(one, Picture):
            path = folder / f"{one.name}.png"
            write(namespace["ax"].figure, path)
            print(f"{path.stat().st_size:>7,} bytes  {path.name}")


def write(figure, path):
    """Write a figure with a palette of 256 colours."""
    from PIL import Image

    figure.savefig(path, dpi=DPI)
    with Image.open(path) as drawn:
        small = drawn.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    np.random.seed(0)
    draw(FOLDER)
    PAGE.write_text(page(), encoding="utf-8")
