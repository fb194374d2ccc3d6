"""Policy files: formats, schema, and the evaluation of a call as a pure function."""
