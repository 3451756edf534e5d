Path("table.csv").write_text("a,b\n1,2\n")
