"""Chores made from the user's own project, and how their answers are judged.

``chores``          all chores of a project (start here)
``functions``       functions that the project's tests call, found by reading its files
``function_judge``  runs those tests in the sandbox, with the model's function in place of the project's
"""
