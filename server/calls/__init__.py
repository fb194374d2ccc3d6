"""Tool calls before they run: prepared, judged by the policy, entered."""
