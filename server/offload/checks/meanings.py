"""The meaning of each check, for people who see its name."""

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "complete": "the answer ended by itself and was not empty",
    "content": "it is clear which part of the answer is the result",
    "applies": "every edit fits exactly one place in the file",
    "parses": "the result has no syntax error that the file did not have",
    "defined": "every name that the result uses is defined or imported",
    "imports": "what the result imports exists",
    "uses": "other files of the project can still use what they used",
    "definitions": "no function, class or import is lost that the task does not name",
    "selection": "nothing outside the selected part changed",
    "changed": "the result differs from the file",
    "keys": "no key of the data is lost that the task does not name",
    "elements": "no element of the document is lost that the task does not name",
    "sections": "no section of the document is lost that the task does not name",
    "cells": "rows and columns of the table fit together",
    "lines": "no line is lost that the task does not name",
    "encoding": "the result can be written in the encoding of the file",
    "characters": "the answer has no damaged characters",
    "lint": "no mistake that is never intended, such as a list as a default value",
    "quotes": "names, numbers and words that the result quotes are in the source",
    "backed": "every sentence rests on a line of the source",
    "tests": "the tests test the code that the task names",
    "runs": "the new code runs in the sandbox",
    "examples": "the new code gives the results of the examples",
    "test run": "the written tests pass on the code and fail on broken versions of it",
    "samples": "several answers behave alike",
    "notices": "no change that the task may not want",
    "inputs": "a question for inputs to compare answers on; it is not a result",
    "route": "this model gets enough tasks of this kind right",
}
"""What holds if the check passed, as half a sentence. The user's own checks have names of their own."""


def meaning_of(check: str) -> str:
    """Return what a passed check means; empty for the user's own checks."""
    return MEANINGS.get(check, "")
