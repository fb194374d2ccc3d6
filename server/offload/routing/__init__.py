"""Decides which chores a model gets, by the kind of chore and by the model's past results.

``kinds``   the kind of a chore, from the form of the call (start here)
``shares``  a model's share of right results, with an interval, and the refusal below the bar
"""
