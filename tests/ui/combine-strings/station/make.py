days({"station": (("lat",), np.array(["a", "b"], object))}, {"station": (("lat",), np.array(["a", "c"], object))})
