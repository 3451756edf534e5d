days()
