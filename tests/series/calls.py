"""The oracle of each series: xarray's own call on the source files, by hand, as its users would write it.

Each function takes the sorted files and the keywords of `open_dataset`, and returns {group: dataset} ("" is the root).
Where a recipe leaves something out, so does the call, and says so.
"""

import os
import re

import pandas as pd
import xarray as xr

CFTIME = {"decode_times": xr.coders.CFDatetimeCoder(use_cftime=True)}
FIRST = {"data_vars": "minimal", "coords": "minimal", "compat": "override", "combine_attrs": "override"}


def found(pattern, path):
    return re.search(pattern, os.path.basename(path)).group(1)


def cmip5_hadgem2es_tas(files, **keywords):
    return {"": xr.open_mfdataset(files, combine="by_coords", **FIRST, **keywords)}


def arm_sgpmet_e13_daily(files, **keywords):
    return {"": xr.open_mfdataset(files, combine="nested", concat_dim="time", **FIRST, **keywords)}


def globcurrent_daily(files, **keywords):
    return {"": xr.open_mfdataset(files, combine="by_coords", **keywords)}


def knmi_radar_h5(files, **keywords):
    parts = []
    for path in files:
        part = xr.open_dataset(path, engine="h5netcdf", group="image1", phony_dims="sort", **keywords)[["image_data"]]
        parts.append(part.expand_dims(time=[pd.to_datetime(found(r"_(\d{12})\.h5", path), format="%Y%m%d%H%M")]))
    return {"": xr.concat(parts, "time")}


def cesmle_pop_shf_sto2(files, **keywords):
    parts = []
    for variable in ("SHF", "STF_O2"):
        mine = [f for f in files if f".{variable}." in f]
        parts.append(xr.open_mfdataset(mine, combine="by_coords", **FIRST, **keywords))
    return {"": xr.merge(parts, compat="override", join="outer")}


def canesm2_pr_tasmax_tasmin(files, **keywords):
    return {"": xr.merge([xr.open_dataset(f, **keywords) for f in files], compat="override", join="exact")}


def dcpp_tasmax_members(files, **keywords):
    pattern = r"s1980-r(\d+)i"
    files = sorted(files, key=lambda f: int(found(pattern, f)))
    members = pd.Index([int(found(pattern, f)) for f in files], name="member")
    return {
        "": xr.concat(
            [xr.open_dataset(f, **keywords) for f in files],
            members,
            data_vars=["tasmax"],
            coords="minimal",
            compat="override",
            combine_attrs="drop_conflicts",
        )
    }


def tempo_no2_l2_granules(files, **keywords):
    """Group by group, not merged into one dataset: the bake keeps the groups."""
    trees = [xr.open_datatree(f, **keywords) for f in files]
    out = {}
    for group in ("", "product", "geolocation"):
        parts = [tree[f"/{group}"].to_dataset(inherit=False) for tree in trees]
        out[group] = xr.concat(
            parts, "mirror_step", **{**FIRST, "data_vars": "all" if group else "minimal"}, join="outer"
        )
    return out


def ostia_daily(files, **keywords):
    return {"": xr.open_mfdataset(files, combine="by_coords", combine_attrs="override", **keywords)}


def argo_profiles_r(files, **keywords):
    """Without DATE_CREATION and DATE_UPDATE: they differ between files and have no place along N_PROF."""
    ds = xr.open_mfdataset(files, combine="nested", concat_dim="N_PROF", join="override", **FIRST, **keywords)
    return {"": ds.drop_vars(["DATE_CREATION", "DATE_UPDATE"])}


def woa18_monthly(files, **keywords):
    keywords["decode_times"] = False
    return {"": xr.open_mfdataset(files, combine="by_coords", **FIRST, **keywords)}


def mpige_member_component(files, **keywords):
    """Without depth_2, which is another coordinate in each component, and a dimension of length one in both."""
    members = []
    for member in ("hist0001", "hist0002", "hist0003"):
        parts = []
        for component in ("hamocc", "mpiom"):
            mine = [f for f in files if member in f and component in f and "data_2d_mm" in f]
            ds = xr.open_mfdataset(mine, combine="by_coords", **FIRST, **keywords)
            parts.append(ds.squeeze("depth_2", drop=True))
        members.append(xr.merge(parts, compat="override", join="outer"))
    return {
        "": xr.concat(
            members,
            pd.Index([1, 2, 3], name="member"),
            data_vars=["co2flux", "caex90", "sst", "bottom_pressure"],
            coords="minimal",
            compat="override",
            join="outer",
            combine_attrs="override",
        )
    }


def roms_his(files, **keywords):
    """Without grid.nc: everything in it stands in each history file too, with the same values."""
    names = ["lon_rho", "lat_rho", "lon_u", "lat_u", "lon_v", "lat_v"]
    return {
        "": xr.open_mfdataset(
            [f for f in files if "ocean_his" in os.path.basename(f)],
            combine="nested",
            concat_dim="ocean_time",
            preprocess=lambda ds: ds.set_coords([n for n in names if n in ds]),
            join="override",
            **FIRST,
            **keywords,
        )
    }


def sam0_siconc_decades(files, **keywords):
    return {"": xr.open_mfdataset(files, combine="by_coords", **FIRST, **keywords)}
