"""Small stand-ins of the archives that the recipes under examples/ name: the providers' names of folders, files,
dimensions, variables and attributes, their packing, fill values, time units, groups and oddities, with made-up values
on tiny grids.

Every stand-in writes files below `root/HOST/PATH` as they lie below `https://HOST/PATH` (or, where the recipe reads a
mirror, below `root`), and returns the whole as one raw dataset: what the recipe should make of it, in the encoding of
the files, put together from the generator's arrays and never read back.
"""

from standins.models import CMIP6, cmip6, era5
from standins.ocean import hadisst, oisst, soda, woa18
from standins.satellites import chirps, gpcp, imerg, modis

__all__ = ["CMIP6", "chirps", "cmip6", "era5", "gpcp", "hadisst", "imerg", "modis", "oisst", "soda", "woa18"]
