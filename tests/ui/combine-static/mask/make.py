days({"mask": (("lat",), np.array([0, 1], "i1"))}, {"mask": (("lat",), np.array([1, 1], "i1"))})
