days()
path = Path("day1.nc")
path.write_bytes(path.read_bytes()[:1000])
