"""JavaScript, TypeScript and Bash: new code is loaded, held to facts, compared with other samples.

``javascript_runtime``  the language as ``runtime`` asks for it (``javascript_text``, ``javascript_facts``)
``javascript``          jobs in Node or Deno, with ``evaluator.mjs``
``bash_runtime``        the same for Bash, with ``evaluator.sh``
``judge``               compares what was reported with what a fact expects, outside of the sandbox
"""
