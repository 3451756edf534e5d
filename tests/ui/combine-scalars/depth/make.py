days({"depth": ((), np.float32(0))}, {"depth": ((), np.float32(5))})
