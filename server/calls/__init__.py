"""Everything that happens before a tool call runs: prepare it, judge it by the policy, enter."""
