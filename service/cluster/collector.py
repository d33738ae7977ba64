"""Python's collector of cyclic garbage, kept from searching what is being read.

A snapshot is a million objects of which none is garbage and none is in a cycle. While it is read, the
collector would look at all of them again each time that there are a quarter more: that was a third of the
time of reading a big cluster. Once read, they are put aside for good; counting references frees them still.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def no_search() -> Iterator[None]:
    """While this lasts there is no search for cycles; what was made meanwhile is in none afterwards.

    Loads may overlap in several threads: then the first that ends lets the collector work again.
    """
    is_first = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_first:
            gc.collect(0)
            gc.freeze()
            gc.enable()
