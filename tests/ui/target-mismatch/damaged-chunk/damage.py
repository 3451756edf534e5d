path = next(Path("out.zarr/sst").rglob("c/0/0/0"))
data = bytearray(path.read_bytes())
data[5] ^= 1
path.write_bytes(data)
