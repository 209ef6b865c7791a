"""How often a property is tried: as often as it says where time is given, less often where somebody waits."""

from hypothesis import settings


def tries(number: int) -> int:
    """`number` examples in `make test-all`, which draws new ones; a third of them in `make test`, always the same ones."""
    return max(number // 3, 4) if settings.get_current_profile_name() == "ci" else number
