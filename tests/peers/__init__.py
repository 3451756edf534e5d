"""Other tools on the edge cases."""
