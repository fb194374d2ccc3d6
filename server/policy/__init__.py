"""What a call may touch: roots, rules, limits, approvals, secrets."""
