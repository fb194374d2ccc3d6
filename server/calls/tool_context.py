"""What a tool receives besides its arguments: the call's MCP context and the prepared call."""

from server.calls.caller import ToolContext
from server.calls.prepared import Prepared
from server.offload.values import Caller


class CallContext(ToolContext):
    """The MCP context of a tool call. The ``mcp`` package fills in parameters of this type."""

    _prepared: Prepared

    def __init__(self, context: ToolContext, prepared: Prepared) -> None:
        super().__init__(request_context=context.request_context, mcp_server=context.mcp_server)
        self._prepared = prepared

    @property
    def prepared(self) -> Prepared:
        """The call as the policy judged it."""
        return self._prepared

    @property
    def caller(self) -> Caller:
        """The caller of the tool."""
        return self._prepared.caller
