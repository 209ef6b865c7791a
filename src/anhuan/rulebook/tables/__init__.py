"""Decision tables an analyst owns, in DMN with FEEL: read, evaluated to the last digit, and proved complete.

Knows DMN files and values. Does not know files on disk, Django, the book in bulk, nor what time it is.
"""
