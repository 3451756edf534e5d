days({"sst": field(dtype="i2", scale_factor=0.1)}, {"sst": field(dtype="i2", scale_factor=0.2)})
