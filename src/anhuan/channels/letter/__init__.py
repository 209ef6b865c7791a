"""Letters and visit sheets: from a filled text to pages in an envelope's window, to the print house, and back by its lists.

`sheet` reads the text's marks, `press` sets pages with Typst, `spool` keeps what the print house takes and what the archive
keeps, `returns` reads the print house's lists, `transport` joins them. Knows the core alone.
"""
