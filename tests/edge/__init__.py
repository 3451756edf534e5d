"""Edge cases with known truth: what may be odd in files of an archive, and what is right to make of them.

A case writes its files with netCDF4, h5py or byte by byte, and computes what is right from the values that it writes,
never by reading. `all_cases()` knows them all; `judge` says what a tool made of one. Nothing here knows arcoforge.
"""

from edge import broken, containers, encodings, grids, series, times, types, variables
from edge.case import Case, registered

__all__ = ["Case", "all_cases"]
GROUPS = (encodings, types, times, series, grids, variables, containers, broken)


def all_cases():
    """Every case, in the order of the page."""
    place = {group.__doc__.splitlines()[0]: at for at, group in enumerate(GROUPS)}
    return sorted(registered.values(), key=lambda case: place[case.kind])
