"""Writes the small archive beside this file: 36 daily NetCDF4 files in the style of NOAA OISST v2.1.

    python make_archive.py [FOLDER]

The fields are made up, on a 10-degree grid, but names, types, packing, chunking, compression, the time reference and
the attributes are those of the real archive, its usual surprise included: the global attribute `history` differs from
file to file. The same versions of numpy and netCDF4 (tests/requirements.txt) write the same values every time.
"""

import datetime as dt
import sys
from pathlib import Path

import netCDF4
import numpy as np

DAYS = 36
FIRST = dt.datetime(1981, 9, 1, 12)
REFERENCE = dt.datetime(1978, 1, 1, 12)
FILL = np.int16(-999)
LAT = np.arange(-85, 90, 10, dtype="f4")
LON = np.arange(5, 360, 10, dtype="f4")
FIELDS = {  # name: (long name, units, smallest and largest packed value)
    "sst": ("Daily sea surface temperature", "Celsius", -300, 4500),
    "anom": ("Daily sea surface temperature anomalies", "Celsius", -1200, 1200),
    "err": ("Estimated error standard deviation of analysed_sst", "Celsius", 0, 1000),
    "ice": ("Sea ice concentration", "%", 0, 100),
}


def fields(day):
    """Packed values of one day: (lat, lon) arrays of int16 where FILL is land (or open water, for ice)."""
    phi, lam = np.meshgrid(np.radians(LAT), np.radians(LON), indexing="ij")
    wave = np.cos(3 * lam + 0.1 * day) * np.cos(phi)
    sst = 30 * np.cos(phi) ** 2 - 1.8 + wave
    ice = np.clip(1.2 * np.abs(np.sin(phi)) - 0.2 + 0.05 * np.sin(lam + 0.05 * day), 0, 1)
    values = {"sst": sst, "anom": wave, "err": 0.2 + 0.1 * np.abs(np.sin(phi + 0.02 * day)) + 0 * lam, "ice": ice}
    land = np.sin(2 * lam + phi) + np.cos(5 * phi - lam) > 0.9
    packed = {}
    for name, value in values.items():
        array = np.rint(value * 100).astype("i2")
        array[land | ((name == "ice") & (np.abs(phi) < np.radians(60)))] = FILL
        packed[name] = array
    return packed


def write_day(path, number):
    """Writes the file of day `number` after the first."""
    date = FIRST + dt.timedelta(days=number)
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        file.title = "made-up daily fields in the style of NOAA OISST v2.1"
        file.Conventions = "CF-1.6, ACDD-1.3"
        file.source = "examples/oisst-small/make_archive.py"
        file.history = (
            f"Final file created using preliminary as first guess, and 3 days of AVHRR data of {date:%Y%m%d}."
        )
        for name, size in (("time", None), ("zlev", 1), ("lat", LAT.size), ("lon", LON.size)):
            file.createDimension(name, size)
        coordinates = (
            ("time", [(date - REFERENCE).days], "Center time of the day", f"days since {REFERENCE}"),
            ("zlev", [0], "Sea surface height", "meters"),
            ("lat", LAT, "Latitude", "degrees_north"),
            ("lon", LON, "Longitude", "degrees_east"),
        )
        for name, values, long_name, units in coordinates:
            chunks = {"chunksizes": (1,)} if name == "time" else {}
            variable = file.createVariable(name, "f4", (name,), **chunks)
            variable.setncatts({"long_name": long_name, "units": units})
            variable[:] = values
        for name, values in fields(number).items():
            long_name, units, smallest, largest = FIELDS[name]
            variable = file.createVariable(
                name,
                "i2",
                ("time", "zlev", "lat", "lon"),
                fill_value=FILL,
                zlib=True,
                complevel=4,
                shuffle=True,
                chunksizes=(1, 1, LAT.size, LON.size),
            )
            variable.set_auto_maskandscale(False)
            variable.long_name, variable.units = long_name, units
            variable.add_offset, variable.scale_factor = np.float32(0), np.float32(0.01)
            variable.valid_min, variable.valid_max = np.int16(smallest), np.int16(largest)
            variable[:] = values[None, None]


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "archive"
    for number in range(DAYS):
        date = FIRST + dt.timedelta(days=number)
        month = folder / f"{date:%Y%m}"
        month.mkdir(parents=True, exist_ok=True)
        write_day(month / f"oisst-avhrr-v02r01.{date:%Y%m%d}.nc", number)


if __name__ == "__main__":
    main()
