days({}, {"time": time([1])})
