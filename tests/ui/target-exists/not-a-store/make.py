days()
Path("thesis").mkdir()
Path("thesis/chapter1.txt").write_text("keep me")
