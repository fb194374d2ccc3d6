"""Starts the hook from within the ``token-saver-digests`` plugin. The plugin folder is a copy of this
folder's parent under another name, and becomes the ``server`` package.
"""

import sys
import types
from pathlib import PurePath

package = types.ModuleType("server")
package.__path__ = [str(PurePath(__file__).parent.parent)]
sys.modules["server"] = package

from server.digest_hook.main import main  # noqa: E402 - the package must be there first

main()
