days({"sst": field(dtype="i2", scale_factor=0.1, add_offset=273.15)}, {})
