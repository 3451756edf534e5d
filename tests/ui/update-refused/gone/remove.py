os.remove("day2.nc")
