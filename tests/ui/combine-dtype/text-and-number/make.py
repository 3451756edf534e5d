days({"flag": (("time",), np.array(["good"], object))}, {"flag": (("time",), np.array([1], "i1"))})
