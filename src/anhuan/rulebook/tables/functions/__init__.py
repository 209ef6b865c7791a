"""The built-in functions of FEEL, by family. Importing this package declares them all."""

from anhuan.rulebook.tables.functions import contexts, lists, numbers, ranges, temporal, text
from anhuan.rulebook.tables.signatures import BUILT_INS

__all__ = ["BUILT_INS", "contexts", "lists", "numbers", "ranges", "temporal", "text"]
