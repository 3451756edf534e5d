days({"flag": (("time", "x"), np.zeros((1, 2), "i1"))}, {"flag": (("time", "x"), np.zeros((1, 2), "i1"))})
