"""COUNT inputs in FOLDER with a recipe, cheaply: hard links to a few files of ten chunks each, an hour for each by its name."""

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np

LINKS_MAX = 60_000  # ext4 has 65,000 for a file
START = datetime(1900, 1, 1)
OLD_NS = 1_700_000_000_000_000_000
RECIPE = """schema: 1
name: scale
axes:
  time: {{concat: {{from: 1900-01-01T00, to: {end:%Y-%m-%dT%H}, every: 1 hour}}, items_per_file: 1}}
source:
  url: "{{time:%Y%m}}/{{time:%Y%m%d%H}}.nc"
steps:
  - add_dim: {{time: {{key: time, units: hours since 1900-01-01, variables: t}}}}
output:
  chunks: {{time: 1, y: 4, x: 30}}
"""


def base(path, seed):
    with netCDF4.Dataset(path, "w") as ds:
        ds.setncatts({"title": "a field", "institution": "nobody", "source": "a generator"})
        for name, length in (("y", 40), ("x", 30)):
            ds.createDimension(name, length)
            variable = ds.createVariable(name, "f4", (name,))
            variable.units = "m"
            variable[:] = np.arange(length)
        variable = ds.createVariable("t", "f4", ("y", "x"), zlib=True, complevel=1, chunksizes=(4, 30))
        variable.setncatts({"units": "K", "long_name": "temperature"})
        variable[:] = np.random.default_rng(seed).normal(size=(40, 30))
    os.utime(path, ns=(OLD_NS, OLD_NS))  # a file that was just written is not taken from memory
    return path


def main(folder, count):
    folder.mkdir(parents=True)
    bases = [base(folder / f"base-{n}.nc", n) for n in range(max(20, -(-count // LINKS_MAX)))]
    for n in range(count):
        hour = START + timedelta(hours=n)
        month = folder / f"{hour:%Y%m}"
        if hour.day == 1 and hour.hour == 0:
            month.mkdir()
        os.link(bases[n % len(bases)], month / f"{hour:%Y%m%d%H}.nc")
    end = START + timedelta(hours=count - 1)
    (folder / "recipe.yaml").write_text(RECIPE.format(end=end))


main(Path(sys.argv[1]), int(sys.argv[2]))
