"""What a model is given to do: by kind of chore, and by what it was seen to get right.

``kinds``   the kind of a chore, from the form of the call (start here)
``shares``  the share that a model gets right, with an interval, and the refusal below the bar
"""
