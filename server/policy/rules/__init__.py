"""Policy files: formats, schema, and the pure evaluation of a call."""
