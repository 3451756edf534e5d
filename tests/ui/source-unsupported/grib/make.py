Path("field.grib").write_bytes(b"GRIB\0\0\0\x02" + bytes(40))
