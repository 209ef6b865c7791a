"""The book in bulk: Ibis expressions from table to table, over Parquet."""
