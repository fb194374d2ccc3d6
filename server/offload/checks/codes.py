"""Hand-back reasons: stable codes and their meanings."""

ANSWER_CUT = "answer_cut"
ANSWER_EMPTY = "answer_empty"
ONLY_THINKING = "only_thinking"
PLACEHOLDER = "placeholder"
MUDDLED = "muddled"
EDIT_NOT_FOUND = "edit_not_found"
NOTHING_CHANGED = "nothing_changed"
DOES_NOT_PARSE = "does_not_parse"
UNDEFINED_NAME = "undefined_name"
OUT_OF_SCOPE = "out_of_scope"
CHECK_FAILED = "check_failed"
QUOTE_MISSING = "quote_missing"
TESTS_NOTHING = "tests_nothing"
REPEATS_ITSELF = "repeats_itself"
COPIES_THE_FILE = "copies_the_file"
PITFALL = "pitfall"
DAMAGED = "damaged_characters"
DOES_NOT_RUN = "does_not_run"
EXAMPLE_FAILED = "example_failed"
NO_AGREEMENT = "no_agreement"
BELOW_BAR = "below_bar"

REASONS = {
    ANSWER_CUT: "The answer reached its token limit before it was complete.",
    ANSWER_EMPTY: "The answer was empty.",
    ONLY_THINKING: "The model produced only thoughts and no answer.",
    PLACEHOLDER: "The answer replaced code with a comment such as “rest unchanged”.",
    MUDDLED: "The part of the answer that is the result cannot be determined.",
    EDIT_NOT_FOUND: "An edit names lines that are missing from the file or that occur there more than once.",
    NOTHING_CHANGED: "The answer equals the file except for white space, or contains no change.",
    DOES_NOT_PARSE: "The result has a syntax error that the file did not have before.",
    UNDEFINED_NAME: "The result uses a name that nothing defines or imports.",
    OUT_OF_SCOPE: "The result removes or changes something that the task does not name.",
    CHECK_FAILED: "A check that the user named did not pass.",
    QUOTE_MISSING: "The result quotes names, numbers or words that the source does not have.",
    TESTS_NOTHING: "The tests assert nothing, or do not test the code that the task names.",
    COPIES_THE_FILE: "The answer repeats the file instead of listing edits.",
    REPEATS_ITSELF: "The answer repeated the same lines again and again.",
    DAMAGED: "The engine sent damaged characters (U+FFFD) that the sources do not have.",
    PITFALL: "The result has a mistake that is never intended, such as a list as a dataclass default.",
    DOES_NOT_RUN: "The result fails when it is loaded in the sandbox.",
    EXAMPLE_FAILED: "The result does not satisfy an example from the call or the task.",
    NO_AGREEMENT: "The samples behave differently and no example decides; see `[offload] samples`.",
    BELOW_BAR: (
        "The model got too few chores of this kind right: it was not asked, or its result was not delivered."
    ),
}
