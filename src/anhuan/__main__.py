"""The command `anhuan`, and the one place where a bug becomes exit code 70."""

from __future__ import annotations

import gc
import sys

EXIT_USAGE = 2
EXIT_BUG = 70


def main() -> None:
    """Run the command line; an exception nobody expected is printed whole and ends with exit code 70."""
    # A command makes many lasting objects and few cycles. Python's usual count of 700 new objects has it look through all of
    # them hundreds of times while it starts: a fifth of a start's time, and more beside a night's expressions.
    gc.set_threshold(50_000, 50, 100)
    from anhuan.cli import app  # imported here so that an import error, too, is reported as a bug
    from anhuan.embedded import StartFailed

    try:
        app(prog_name="anhuan")
    except StartFailed as failed:  # settings that cannot be used, a database that does not start: sentences, no trace
        print(f"anhuan: {failed}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except Exception:
        import traceback

        traceback.print_exc()
        print("\nanhuan: this is a bug; nothing half-done was kept. Please report the lines above.", file=sys.stderr)
        sys.exit(EXIT_BUG)


if __name__ == "__main__":
    main()
