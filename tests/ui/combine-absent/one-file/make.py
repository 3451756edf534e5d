days({}, {"sst": None, "ice": field()})
