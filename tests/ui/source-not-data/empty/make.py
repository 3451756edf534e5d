days()
Path("empty.nc").touch()
