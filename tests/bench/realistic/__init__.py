"""Benchmark of correctness on chores of realistic size.

``__main__``  runs the chores, keeps results, prints the tables (start here)
``chores``    reads ``chores/*.toml``, lays a chore out, judges a result
"""
