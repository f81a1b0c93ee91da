#!/usr/bin/env python3
"""Every command of Clearwindow: `demo`, `test`, and all of Django's, from nothing but Python 3.11+ and pip.

Only the standard library is imported until the project's environment is there (config/bootstrap.py).
"""

import os
import sys


def _load_bootstrap():  # type: ignore[no-untyped-def]  # annotations wait until Python's version is known
    """Load config/bootstrap.py by its path: the package around it may need what is not installed yet."""
    import importlib.util

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "config", "bootstrap.py")
    spec = importlib.util.spec_from_file_location("clearwindow_bootstrap", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Get into the environment, then hand over to the command."""
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python gets this far, and a clear sentence
        sys.stderr.write("Clearwindow needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".\n")
        return 1
    if os.name == "nt":
        sys.stderr.write("Clearwindow runs on Linux and macOS; on Windows use WSL2.\n")
        return 1
    bootstrap = _load_bootstrap()
    try:
        bootstrap.ensure(sys.argv)
    except bootstrap.BootstrapError as error:
        sys.stderr.write(str(error) + "\n")
        return 1
    except KeyboardInterrupt:
        return 130
    from config.launcher.commands import run

    return run(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
