"""Runs new code in JavaScript, TypeScript and Bash: loads it, tests facts, compares samples.

``javascript_runtime``  implements ``runtime`` (with ``javascript_text``, ``javascript_facts``)
``javascript``          jobs in Node or Deno, with ``evaluator.mjs``
``bash_runtime``        implements ``runtime`` for Bash, with ``evaluator.sh``
``judge``               compares the report with the expected value, outside the sandbox
"""
