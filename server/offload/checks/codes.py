"""Why a result was handed back: each reason's code, stable, with what it means."""

ANSWER_CUT = "answer_cut"
ANSWER_EMPTY = "answer_empty"
ONLY_THINKING = "only_thinking"
PLACEHOLDER = "placeholder"
MUDDLED = "muddled"
EDIT_NOT_FOUND = "edit_not_found"
NOTHING_CHANGED = "nothing_changed"
DOES_NOT_PARSE = "does_not_parse"
UNDEFINED_NAME = "undefined_name"
NAME_MISSING = "name_missing"
OUT_OF_SCOPE = "out_of_scope"
CHECK_FAILED = "check_failed"
QUOTE_MISSING = "quote_missing"
NOT_AS_ASKED = "not_as_asked"
TESTS_NOTHING = "tests_nothing"
REPEATS_ITSELF = "repeats_itself"
PITFALL = "pitfall"

REASONS = {
    ANSWER_CUT: "The answer reached the end of its room before it was complete.",
    ANSWER_EMPTY: "The answer was empty.",
    ONLY_THINKING: "The model only thought aloud and gave no answer.",
    PLACEHOLDER: "The answer left code out behind a comment such as “rest unchanged”.",
    MUDDLED: "The answer does not say clearly which part of it is the result.",
    EDIT_NOT_FOUND: "An edit names lines that are not in the file, or stand there more than once.",
    NOTHING_CHANGED: "The answer is the file as it was, blank space aside, or it has nothing to change.",
    DOES_NOT_PARSE: "The result has a syntax error that the file did not have before.",
    UNDEFINED_NAME: "The result uses a name that nothing defines or imports.",
    NAME_MISSING: "The result lacks a function or class that the task asks for by name.",
    OUT_OF_SCOPE: "The result removes or changes something that the task does not name.",
    CHECK_FAILED: "A check that the user named did not pass.",
    QUOTE_MISSING: "The result quotes names, numbers or words that the source does not have.",
    NOT_AS_ASKED: "The result lacks what the task asks for in plain words, such as a parameter, a docstring.",
    TESTS_NOTHING: "The tests assert nothing, or leave out what the task wants tested.",
    REPEATS_ITSELF: "The answer went round in circles, the same lines again and again.",
    PITFALL: "The result has a slip that is wrong whatever was meant, such as a list as a dataclass default.",
}
