"""Tool calls before they run: prepare, judge by the policy, enter."""
