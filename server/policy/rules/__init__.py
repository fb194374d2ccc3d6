"""Policy files: formats, schema, and call evaluation as a pure function."""
